"""Acme is on Loop: Loop issues the outcome, we tell its hook of every milestone, and act on nothing."""

from __future__ import annotations

from collections.abc import Iterator

from demo.expected import Call, OrderRow, Return, Unit
from demo.scene import Scene, Stage, Step
from demo.senders import Item
from demo.shopify.webhooks import Line

ACME = "acme"
EGHAM = "Egham, GB"


def scenes(stage: Stage) -> Iterator[Scene]:
    """All of Acme's."""
    yield _all_the_way(stage)
    yield _label_only(stage)
    yield _no_such_order(stage)
    yield _rejected(stage)


def _all_the_way(stage: Stage) -> Scene:
    send, day, parcel = stage.senders, stage.day, "AC-P-2001"
    tent = stage.sale(
        ACME, "#AC-2001", 5_300_000_000_100, Line("TENT", 1, "399.00", taxes=("31.92",)), currency="USD",
        taxes_included=False, country="US",
    )  # fmt: skip
    return Scene(
        "On Loop, and told of everything: its hook fails twice at first, and hears all in order afterwards",
        steps=(
            Step("order", tent.change(sure=True)),
            Step(
                "upload",
                send.upload(ACME, "AC-2001", "AC-R1", parcel, Item("TENT", "Too heavy", "REFUND")),
                after=("order acme/AC-2001",),
            ),
            Step("picked up (OmniParcel)", send.omniparcel(parcel, ("OP-10", day(2), EGHAM, "Collected"))),
            Step("delivered (OmniParcel)", send.omniparcel(parcel, ("OP-71", day(4), EGHAM, "Delivered"))),
            Step("depot scan (OmniRPS)", send.hub(ACME, "DS", day(4.2), parcel=parcel)),
            Step("processed (OmniRPS)", send.hub(ACME, "RP", day(5), "TENT", parcel=parcel)),
            Step(
                "exported (OmniRPS)",
                send.hub(ACME, "RE", day(7), parcel=parcel, order="#AC-2001"),
                after=("processed AC-R1",),
            ),
        ),
        returns=(
            Return(
                ACME, "AC-2001", "AC-R1", parcel, "on Loop: forwarded, never acted", 5_300_000_000_100,
                (Unit("TENT", "none", by="nobody", amount="399.00", tax="31.92", currency="USD"),),
                milestone="processed", told=("RC", "RT", "RDTPF", "DS", "RP", "RE"),
            ),
        ),
        orders=(OrderRow("acme/AC-2001", 5_300_000_000_100, "430.92", 1),),
    )  # fmt: skip


def _label_only(stage: Stage) -> Scene:
    send, day, parcel = stage.senders, stage.day, "AC-P-2002"
    stove = stage.sale(ACME, "#AC-2002", 5_300_000_000_200, Line("STOVE", 1, "89.00"), currency="USD", country="US")
    label = ("OP-1", day(1), EGHAM, "Label created")
    manifest = ("OP-12", day(1.1), EGHAM, "Manifested")
    return Scene(
        "A label was printed and cancelled: nobody has seen a parcel",
        steps=(
            Step("order", stove.change(sure=True)),
            Step(
                "upload",
                send.upload(ACME, "AC-2002", "AC-R2", parcel, Item("STOVE")),
                after=("order acme/AC-2002",),
            ),
            Step("label and manifest", send.omniparcel(parcel, label, manifest)),
            Step(
                "label cancelled",
                send.omniparcel(parcel, label, manifest, ("OP-34", day(3), EGHAM, "Cancelled")),
            ),
        ),
        returns=(
            Return(
                ACME, "AC-2002", "AC-R2", parcel, "label only: no scan", 5_300_000_000_200,
                (Unit("STOVE", "none", by="nobody", amount="89.00", tax="0"),),
                milestone="label", told=("RC",),
            ),
        ),
        orders=(OrderRow("acme/AC-2002", 5_300_000_000_200, "89.00", 1),),
    )  # fmt: skip


def _no_such_order(stage: Stage) -> Scene:
    parcel = "AC-P-9999"
    return Scene(
        "The order never comes: after its hold (2 s here, 48 h by default) a person is called",
        steps=(Step("upload", stage.senders.upload(ACME, "AC-9999", "AC-R3", parcel, Item("LAMP"))),),
        returns=(
            Return(
                ACME, "AC-9999", "AC-R3", parcel, "its order never comes", None,
                (Unit("LAMP", "order_not_found", by="order"),), milestone="created", told=("RC",),
            ),
        ),
        calls=(Call("order_not_found", "acme/AC-9999", "AC-R3"),),
    )  # fmt: skip


def _rejected(stage: Stage) -> Scene:
    send, day, parcel = stage.senders, stage.day, "AC-P-2004"
    rug = stage.sale(ACME, "#AC-2004", 5_300_000_000_400, Line("RUG", 1, "59.00"), currency="USD", country="US")
    return Scene(
        "The hub rejects a return, and Loop hears it",
        steps=(
            Step("order", rug.change(sure=True)),
            Step("upload", send.upload(ACME, "AC-2004", "AC-R4", parcel, Item("RUG")), after=("order acme/AC-2004",)),
            Step(
                "rejected (OmniRPS)",
                send.hub(ACME, "RR", day(6), parcel=parcel, order="#AC-2004"),
                after=("created AC-R4",),
            ),
        ),
        returns=(
            Return(
                ACME, "AC-2004", "AC-R4", parcel, "rejected by the hub", 5_300_000_000_400,
                (Unit("RUG", "stopped"),), milestone="created", told=("RC", "RR"),
            ),
        ),
        orders=(OrderRow("acme/AC-2004", 5_300_000_000_400, "59.00", 1),),
    )  # fmt: skip
