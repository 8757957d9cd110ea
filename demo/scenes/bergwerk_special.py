"""Bergwerk's returns that cannot simply be paid: an order nobody heard of, more than was bought, an unknown word."""

from __future__ import annotations

from collections.abc import Iterator

from demo.expected import Call, OrderRow, Return, Unit
from demo.scene import Scene, Stage, Step
from demo.scenes.bergwerk import BERGWERK, HAMBURG
from demo.senders import Item
from demo.shopify.webhooks import Line


def scenes(stage: Stage) -> Iterator[Scene]:
    """All of them."""
    yield _unheard_of(stage)
    yield _claimed_already(stage)
    yield _more_than_ordered(stage)
    yield _unknown_word(stage)


def _unheard_of(stage: Stage) -> Scene:
    send, day, parcel = stage.senders, stage.day, "BW-P-1010"
    sale = stage.sale(BERGWERK, "#BW-1010", 5_200_000_001_000, Line("KETTLE", 1, "54.00", taxes=("8.62",)))
    return Scene(
        "The order's webhook never comes: its return waits until the shop is asked, and is paid then",
        steps=(
            Step("order, without a webhook", sale.change(lost=True)),
            Step("upload", send.upload(BERGWERK, "BW-1010", "BW-R10", parcel, Item("KETTLE", action="REFUND"))),
            Step("picked up (OmniParcel)", send.omniparcel(parcel, ("OP-10", day(2), HAMBURG, "Picked up"))),
        ),
        returns=(
            Return(
                BERGWERK, "BW-1010", "BW-R10", parcel, "its order's webhook never comes", 5_200_000_001_000,
                (Unit("KETTLE", "acted", "refund", "customer", "54.00", "8.62", "EUR", evidence="first_scan"),),
                milestone="first_scan", told=("RC", "RT"),
            ),
        ),
        orders=(OrderRow("bergwerk/BW-1010", 5_200_000_001_000, "54.00", 1),),
    )  # fmt: skip


def _claimed_already(stage: Stage) -> Scene:
    send, day, parcels = stage.senders, stage.day, ("BW-P-1007A", "BW-P-1007B")
    sale = stage.sale(BERGWERK, "#BW-1007", 5_200_000_000_700, Line("SOCKS", 2, "9.99", taxes=("3.19",)))
    socks, uploads = Item("SOCKS", action="REFUND"), "uploads of bergwerk/BW-1007"
    return Scene(
        "Two pairs were bought and two came back; a third comes in another return",
        steps=(
            Step("order", sale.change()),
            Step("upload", send.upload(BERGWERK, "BW-1007", "BW-R7A", parcels[0], socks, socks), sequence=uploads),
            Step("another upload", send.upload(BERGWERK, "BW-1007", "BW-R7B", parcels[1], socks), sequence=uploads),
            Step("scan", send.omniparcel(parcels[0], ("OP-14", day(3), HAMBURG, "Collected"))),
            Step("scan of the other", send.omniparcel(parcels[1], ("OP-14", day(3), HAMBURG, "Collected"))),
        ),
        returns=(
            Return(
                BERGWERK, "BW-1007", "BW-R7A", parcels[0], "all that was bought", 5_200_000_000_700,
                (
                    Unit("SOCKS", "acted", "refund", "customer", "9.99", "1.60", "EUR", evidence="first_scan"),
                    Unit("SOCKS", "acted", "refund", "customer", "9.99", "1.59", "EUR", None, 2, "first_scan"),
                ),
                milestone="first_scan", told=("RC", "RT"),
            ),
            Return(
                BERGWERK, "BW-1007", "BW-R7B", parcels[1], "already claimed by the other return", 5_200_000_000_700,
                (Unit("SOCKS", "already_claimed"),), milestone="first_scan", told=("RC", "RT"),
            ),
        ),
        orders=(OrderRow("bergwerk/BW-1007", 5_200_000_000_700, "19.98", 1),),
        calls=(Call("needs_person", "bergwerk/BW-1007", "BW-R7B", "SOCKS"),),
    )  # fmt: skip


def _more_than_ordered(stage: Stage) -> Scene:
    send, parcel = stage.senders, "BW-P-1008"
    sale = stage.sale(BERGWERK, "#BW-1008", 5_200_000_000_800, Line("SCARF", 1, "22.00", taxes=("3.51",)))
    scarf = Item("SCARF", action="Refund")
    return Scene(
        "One scarf was bought, two are in the upload",
        steps=(
            Step("order", sale.change()),
            Step("upload", send.upload(BERGWERK, "BW-1008", "BW-R8", parcel, scarf, scarf)),
            Step("delivered (Shippo)", send.shippo(parcel, ("DELIVERED", stage.day(5), "Delivered, front desk"))),
        ),
        returns=(
            Return(
                BERGWERK, "BW-1008", "BW-R8", parcel, "more than was ordered", 5_200_000_000_800,
                (
                    Unit("SCARF", "acted", "refund", "customer", "22.00", "3.51", "EUR", evidence="delivered"),
                    Unit("SCARF", "more_than_ordered", ordinal=2),
                ),
                milestone="delivered", told=("RC", "RT", "RDTPF"),
            ),
        ),
        orders=(OrderRow("bergwerk/BW-1008", 5_200_000_000_800, "22.00", 1),),
        calls=(Call("needs_person", "bergwerk/BW-1008", "BW-R8", "SCARF"),),
    )  # fmt: skip


def _unknown_word(stage: Stage) -> Scene:
    send, day, parcel = stage.senders, stage.day, "BW-P-1009"
    mug, plate = Line("MUG", 1, "12.00", taxes=("1.92",)), Line("PLATE", 1, "18.00", taxes=("2.87",))
    sale = stage.sale(BERGWERK, "#BW-1009", 5_200_000_000_900, mug, plate)
    return Scene(
        "A word that nobody knows needs a person; for the item without a word the rules decide",
        steps=(
            Step("order", sale.change()),
            Step(
                "upload",
                send.upload(BERGWERK, "BW-1009", "BW-R9", parcel, Item("MUG", action="UPGRADE"), Item("PLATE")),
            ),
            Step("scan", send.omniparcel(parcel, ("OP-89", day(3), HAMBURG, "Dropped off"))),
        ),
        returns=(
            Return(
                BERGWERK, "BW-1009", "BW-R9", parcel, "a word nobody knows; no word", 5_200_000_000_900,
                (
                    Unit("MUG", "choice_unknown", by="customer"),
                    Unit(
                        "PLATE", "acted", "refund", "rule:everything else", "18.00", "2.87", "EUR",
                        evidence="first_scan",
                    ),
                ),
                milestone="first_scan", told=("RC", "RT"),
            ),
        ),
        orders=(OrderRow("bergwerk/BW-1009", 5_200_000_000_900, "30.00", 2),),
        calls=(Call("needs_person", "bergwerk/BW-1009", "BW-R9", "MUG"),),
    )  # fmt: skip
