"""Bergwerk's customers choose for each item, exchanges too, and money moves as soon as the carrier has the parcel."""

from __future__ import annotations

from collections.abc import Iterator

from demo.expected import OrderRow, Return, Unit
from demo.scene import Scene, Stage, Step
from demo.senders import Item
from demo.shopify.webhooks import Line

BERGWERK = "bergwerk"
HAMBURG = "Hamburg, DE"
# Beyond 2^53: a reader whose numbers are doubles would round it.
BIG_ID = 9_007_199_254_740_993


def scenes(stage: Stage) -> Iterator[Scene]:
    """Bergwerk's plain ones; those that need a closer look are in bergwerk_special."""
    yield _upload_before_order(stage)
    yield _scan_before_upload(stage)
    yield _backwards(stage)
    yield _awaited(stage)
    yield _shared_parcel(stage)


def _upload_before_order(stage: Stage) -> Scene:
    send, day, parcel = stage.senders, stage.day, "BW-P-1001"
    coat = Line("COAT", 2, "120.00", discounts=("20.00", "4.01"), taxes=("34.49",))
    sale = stage.sale(BERGWERK, "#BW-1001", 5_200_000_000_100, coat)
    return Scene(
        "The upload comes before its order, and the scan too: it is paid when the order comes",
        steps=(
            Step("upload", send.upload(BERGWERK, "BW-1001", "BW-R1", parcel, Item("COAT", action="REFUND"))),
            Step(
                "in transit (EasyPost)",
                send.easypost(
                    parcel,
                    ("pre_transit", day(1), "Shipment information sent to USPS"),
                    ("in_transit", day(2), "Accepted at USPS facility"),
                ),
            ),
            Step("order", sale.change()),
        ),
        returns=(
            Return(
                BERGWERK, "BW-1001", "BW-R1", parcel, "upload before order", 5_200_000_000_100,
                (Unit("COAT", "acted", "refund", "customer", "108.00", "17.25", "EUR", evidence="in_transit"),),
                milestone="in_transit", told=("RC", "RT"),
            ),
        ),
        orders=(OrderRow("bergwerk/BW-1001", 5_200_000_000_100, "215.99", 1),),
    )  # fmt: skip


def _scan_before_upload(stage: Stage) -> Scene:
    send, day, parcel = stage.senders, stage.day, "BW-P-1002"
    sale = stage.sale(BERGWERK, "#BW-1002", 5_200_000_000_200, Line("BOOT", 1, "199.00", taxes=("31.77",)))
    wanted = Item("BOOT", action="EXCHANGE", fields={"ExchangeVariantId": 44_002})
    return Scene(
        "The carrier scans the parcel before anybody has said what is in it: an exchange",
        steps=(
            Step("order", sale.change()),
            Step(
                "picked up (OmniParcel)",
                send.omniparcel(
                    parcel, ("OP-1", day(1), HAMBURG, "Label created"), ("OP-10", day(2), HAMBURG, "Picked up")
                ),
            ),
            Step("upload", send.upload(BERGWERK, "BW-1002", "BW-R2", parcel, wanted)),
        ),
        returns=(
            Return(
                BERGWERK, "BW-1002", "BW-R2", parcel, "scan before upload; exchange", 5_200_000_000_200,
                (
                    Unit(
                        "BOOT", "acted", "exchange", "customer", "199.00", "31.77", "EUR", evidence="first_scan",
                        exchange_variant="44002",
                    ),
                ),
                milestone="first_scan", told=("RC", "RT"),
            ),
        ),
        orders=(OrderRow("bergwerk/BW-1002", 5_200_000_000_200, "199.00", 1),),
    )  # fmt: skip


def _backwards(stage: Stage) -> Scene:
    send, day, parcel = stage.senders, stage.day, "BW-P-1003"
    jacket = Line(
        "JACKET", 1, "80.00", ("5.00", "3.00"), ("11.50",), presentment=("88.00", ("5.50", "3.30"), ("12.65",))
    )
    hat = Line("HAT", 2, "15.00", ("0.99",), ("4.63",), presentment=("16.50", ("1.09",), ("5.09",)))
    sale = stage.sale(BERGWERK, "#BW-1003", BIG_ID, jacket, hat, presentment_currency="USD", country="US")
    jacket_back, hat_back = Item("JACKET", action="store credit"), Item("Hat ", action="CREDIT_NOTE")
    return Scene(
        "Everything twice and the carrier's events backwards; a price in two currencies; ids beyond 2^53",
        steps=(
            Step("order", sale.change(), twice=True),
            Step("upload", send.upload(BERGWERK, " #bw-1003", "BW-R3", parcel, jacket_back, hat_back), twice=True),
            Step("delivered", send.omniparcel(parcel, ("OP-71", day(5), HAMBURG, "Delivered")), twice=True),
            Step("out for delivery", send.omniparcel(parcel, ("OP-21", day(4), HAMBURG, "With courier")), twice=True),
            Step("in transit", send.omniparcel(parcel, ("OP-3", day(3), HAMBURG, "In transit")), twice=True),
            Step("picked up", send.omniparcel(parcel, ("OP-10", day(2), HAMBURG, "Picked up")), twice=True),
        ),
        returns=(
            Return(
                BERGWERK, "BW-1003", "BW-R3", parcel, "all twice, events backwards", BIG_ID,
                (
                    Unit(
                        "JACKET", "acted", "credit_note", "customer", "72.00", "11.50", "EUR",
                        presented=("79.20", "12.65", "USD"),
                    ),
                    Unit(
                        "Hat", "acted", "credit_note", "customer", "14.51", "2.32", "EUR",
                        presented=("15.96", "2.55", "USD"),
                    ),
                ),
                milestone="delivered", told=("RC", "RT", "RDTPF"),
            ),
        ),
        orders=(OrderRow("bergwerk/BW-1003", BIG_ID, "101.01", 2),),
    )  # fmt: skip


def _awaited(stage: Stage) -> Scene:
    send, day, parcel = stage.senders, stage.day, "BW-P-1004"
    sale = stage.sale(BERGWERK, "#BW-1004", 5_200_000_000_400, Line("GLOVE", 1, "35.00", taxes=("5.59",)))
    return Scene(
        "'In transit', says the aggregator, and that the parcel is still awaited: that pays nothing",
        steps=(
            Step("order", sale.change()),
            Step("upload", send.upload(BERGWERK, "BW-1004", "BW-R4", parcel, Item("GLOVE", action="REFUND"))),
            Step(
                "awaited (EasyPost)",
                send.easypost(parcel, ("in_transit", day(2), "Shipping Label Created, USPS Awaiting Item")),
            ),
        ),
        returns=(
            Return(
                BERGWERK, "BW-1004", "BW-R4", parcel, "'in transit', but still awaited", 5_200_000_000_400,
                (Unit("GLOVE", "decided", "refund", "customer", "35.00", "5.59", "EUR"),),
                milestone="label", told=("RC",),
            ),
        ),
        orders=(OrderRow("bergwerk/BW-1004", 5_200_000_000_400, "35.00", 1),),
    )  # fmt: skip


def _shared_parcel(stage: Stage) -> Scene:
    send, day, parcel = stage.senders, stage.day, "BW-P-1005"
    shirt = stage.sale(BERGWERK, "#BW-1005", 5_200_000_000_500, Line("SHIRT", 1, "49.90", taxes=("7.97",)))
    tie = stage.sale(BERGWERK, "#BW-1006", 5_200_000_000_600, Line("TIE", 1, "29.95", taxes=("4.78",)))
    return Scene(
        "Two returns share a parcel: one scan counts for both",
        steps=(
            Step("first order", shirt.change()),
            Step("second order", tie.change()),
            Step("first upload", send.upload(BERGWERK, "BW-1005", "BW-R5", parcel, Item("SHIRT", action="refund"))),
            Step("one scan (OmniParcel)", send.omniparcel("bw p 1005", ("OP-33", day(3), HAMBURG, "Accepted"))),
            Step("second upload", send.upload(BERGWERK, "BW-1006", "BW-R6", parcel, Item("TIE", action="gift card"))),
        ),
        returns=(
            Return(
                BERGWERK, "BW-1005", "BW-R5", parcel, "two returns, one parcel (1)", 5_200_000_000_500,
                (Unit("SHIRT", "acted", "refund", "customer", "49.90", "7.97", "EUR", evidence="first_scan"),),
                milestone="first_scan", told=("RC", "RT"),
            ),
            Return(
                BERGWERK, "BW-1006", "BW-R6", parcel, "two returns, one parcel (2)", 5_200_000_000_600,
                (Unit("TIE", "acted", "credit_note", "customer", "29.95", "4.78", "EUR", evidence="first_scan"),),
                milestone="first_scan", told=("RC", "RT"),
            ),
        ),
        orders=(
            OrderRow("bergwerk/BW-1005", 5_200_000_000_500, "49.90", 1),
            OrderRow("bergwerk/BW-1006", 5_200_000_000_600, "29.95", 1),
        ),
    )  # fmt: skip
