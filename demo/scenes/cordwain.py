"""Cordwain's rules decide, and money moves when the hub has processed an item. It has no hook."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from demo.expected import Call, OrderRow, Return, Unit
from demo.scene import Scene, Stage, Step
from demo.senders import Item
from demo.shopify.webhooks import Line

CORDWAIN = "cordwain"
ABROAD = {"currency": "GBP", "taxes_included": False, "country": "GB"}


def scenes(stage: Stage) -> Iterator[Scene]:
    """All of Cordwain's."""
    yield _faulty(stage)
    yield _late_older_version(stage)
    yield _canada(stage)
    yield _one_of_two(stage)
    yield _rejected(stage)


def _faulty(stage: Stage) -> Scene:
    send, day, parcel = stage.senders, stage.day, "CW-P-1"
    sale = stage.sale(
        CORDWAIN, "#CW-1", 6_100_000_000_100,
        Line("BELT", 1, "60.00", taxes=("12.00",)), Line("BAG", 1, "150.00", taxes=("20.00", "10.00")), **ABROAD,
    )  # fmt: skip
    return Scene(
        "If 'Return Reason' equals 'Faulty' then refund; no rule fits the other item",
        steps=(
            Step("order", sale.change()),
            Step(
                "upload",
                send.upload(CORDWAIN, "CW-1", "CW-R1", parcel, Item("BELT", "Faulty"), Item("BAG", "Changed mind")),
            ),
            Step("processed (OmniRPS)", send.hub(CORDWAIN, "RP", day(6), "BELT", "BAG", parcel=parcel)),
        ),
        returns=(
            Return(
                CORDWAIN, "CW-1", "CW-R1", parcel, "rule: faulty goods; no rule fits", 6_100_000_000_100,
                (
                    Unit("BELT", "acted", "refund", "rule:faulty goods", "60.00", "12.00", "GBP", evidence="processed"),
                    Unit("BAG", "none", by="nobody", amount="150.00", tax="30.00"),
                ),
                milestone="processed",
            ),
        ),
        orders=(OrderRow("cordwain/CW-1", 6_100_000_000_100, "252.00", 2),),
    )  # fmt: skip


def _late_older_version(stage: Stage) -> Scene:
    send, parcel = stage.senders, "CW-P-2"
    versions = "versions of cordwain/CW-2"
    wallet = Line("WALLET", 1, "100.00", discounts=("60.00",), taxes=("8.00",))
    newer = stage.sale(CORDWAIN, "#CW-2", 6_100_000_000_200, wallet, codes=("CLEARANCE",), **ABROAD)
    undiscounted = Line("WALLET", 1, "100.00", taxes=("20.00",))
    older = stage.sale(CORDWAIN, "#CW-2", 6_100_000_000_200, undiscounted, **ABROAD)
    later = timedelta(hours=2)
    return Scene(
        "If 'Order Discount Percent' is greater than '50' then store credit; an older version comes late and changes "
        "nothing",
        steps=(
            Step("order, newer version", newer.change("orders/updated", after=later, sure=True), sequence=versions),
            Step("order, older version", older.change(sure=True), sequence=versions),
            Step("upload", send.upload(CORDWAIN, "CW-2", "CW-R2", parcel, Item("WALLET", "Changed mind"))),
            Step("status PROCESSED", send.status(CORDWAIN, "CW-2", "CW-R2", "PROCESSED", stage.day(6))),
        ),
        returns=(
            Return(
                CORDWAIN, "CW-2", "CW-R2", parcel, "an older order version comes late", 6_100_000_000_200,
                (
                    Unit(
                        "WALLET", "acted", "credit_note", "rule:deep discount", "40.00", "8.00", "GBP",
                        evidence="processed",
                    ),
                ),
                milestone="processed",
            ),
        ),
        orders=(OrderRow("cordwain/CW-2", 6_100_000_000_200, "48.00", 1),),
    )  # fmt: skip


def _canada(stage: Stage) -> Scene:
    send, parcel = stage.senders, "CW-P-3"
    sale = stage.sale(
        CORDWAIN, "#CW-3", 6_100_000_000_300, Line("HAT", 1, "45.00", taxes=("5.85",)), currency="CAD",
        taxes_included=False, country="CA",
    )  # fmt: skip
    return Scene(
        "If 'Order Country' equals 'Canada' then no action",
        steps=(
            Step("order", sale.change()),
            Step("upload", send.upload(CORDWAIN, "CW-3", "CW-R3", parcel, Item("HAT", "Changed mind"))),
            Step("status PROCESSED", send.status(CORDWAIN, "CW-3", "CW-R3", "PROCESSED", stage.day(6))),
        ),
        returns=(
            Return(
                CORDWAIN, "CW-3", "CW-R3", parcel, "rule: Canada, no action", 6_100_000_000_300,
                (Unit("HAT", "no_action", None, "rule:Canada", "45.00", "5.85", "CAD"),),
                milestone="processed",
            ),
        ),
        orders=(OrderRow("cordwain/CW-3", 6_100_000_000_300, "50.85", 1),),
    )  # fmt: skip


def _one_of_two(stage: Stage) -> Scene:
    send, day, parcel = stage.senders, stage.day, "CW-P-4"
    gloves = Line("GLOVES", 2, "30.00", discounts=("0.01",), taxes=("12.00",))
    sale = stage.sale(CORDWAIN, "#CW-4", 6_100_000_000_400, gloves, **ABROAD)
    faulty = Item("GLOVES", "Faulty")
    decided = "rule:faulty goods"
    return Scene(
        "The hub finds one of two gloves in the parcel: one is paid, the other waits",
        steps=(
            Step("order", sale.change()),
            Step("upload", send.upload(CORDWAIN, "CW-4", "CW-R4", parcel, faulty, faulty)),
            Step("depot scan (OmniRPS)", send.hub(CORDWAIN, "DS", day(5), order="CW-4")),
            Step("one processed (OmniRPS)", send.hub(CORDWAIN, "RP", day(6), "gloves", order="CW-4")),
        ),
        returns=(
            Return(
                CORDWAIN, "CW-4", "CW-R4", parcel, "the hub finds one of two", 6_100_000_000_400,
                (
                    Unit("GLOVES", "acted", "refund", decided, "30.00", "6.00", "GBP", evidence="processed"),
                    Unit("GLOVES", "decided", "refund", decided, "29.99", "6.00", "GBP", ordinal=2),
                ),
                milestone="processed",
            ),
        ),
        orders=(OrderRow("cordwain/CW-4", 6_100_000_000_400, "71.99", 1),),
    )  # fmt: skip


def _rejected(stage: Stage) -> Scene:
    send, day, parcel = stage.senders, stage.day, "CW-P-5"
    sale = stage.sale(CORDWAIN, "#CW-5", 6_100_000_000_500, Line("CASE", 1, "80.00", taxes=("16.00",)), **ABROAD)
    return Scene(
        "Rejected before anything was paid: a late scan is shown to a person, and pays nothing",
        steps=(
            Step("order", sale.change()),
            Step("upload", send.upload(CORDWAIN, "CW-5", "CW-R5", parcel, Item("CASE", "Faulty"))),
            Step("rejected (OmniRPS)", send.hub(CORDWAIN, "RR", day(6), parcel=parcel, order="CW-5")),
            Step(
                "late scan (OmniParcel)",
                send.omniparcel(parcel, ("OP-10", day(7), "Leeds", "Collected")),
                after=("rejected cordwain/CW-5",),
            ),
        ),
        returns=(
            Return(
                CORDWAIN, "CW-5", "CW-R5", parcel, "rejected, and yet scanned later", 6_100_000_000_500,
                (Unit("CASE", "stopped"),), milestone="first_scan",
            ),
        ),
        orders=(OrderRow("cordwain/CW-5", 6_100_000_000_500, "96.00", 1),),
        calls=(Call("scan_of_stopped_return", "cordwain/CW-5", "CW-R5"),),
    )  # fmt: skip
