"""The words of customers, carriers and the hub, and what they mean by the tables of semantics.md."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

Body = dict[str, Any]

CHOICES = {
    "refund": "refund",
    "credit note": "credit_note",
    "credit note plus": "credit_note",
    "store credit": "credit_note",
    "gift card": "credit_note",
    "exchange": "exchange",
}
PHYSICAL = frozenset(
    ("first_scan", "in_transit", "out_for_delivery", "delivered", "depot", "processed", "exported", "delivered_back")
)
# Of these `processed` is an RP; a return-status says it of a return as a whole.
STATUSES = {"CLOSED": "closed", "PROCESSED": "processed_whole", "REJECTED": "rejected", "CANCELLED": "cancelled"}
OF_ONE_RETURN = ("processed", "rejected")

_AWAITED = (
    *("awaiting item", "awaiting package", "awaiting parcel", "not yet received", "label created", "label printed"),
    *("pre-shipment", "shipment information received", "information sent to", "electronic notification"),
    "electronically notified",
)
_OMNIPARCEL = {
    **dict.fromkeys((1, 8, 9, 11, 12), "label"),
    **dict.fromkeys((10, 14, 33, 89), "first_scan"),
    **dict.fromkeys((3, 4, 5, 7, 18, 79), "in_transit"),
    **dict.fromkeys((19, 21, 24, 25, 27, 28, 37, 38, 42, 45, 86), "out_for_delivery"),
    **dict.fromkeys(range(71, 78), "delivered"),
    **dict.fromkeys((15, 17, 29, 34, 55, *range(57, 70), 85, 94), "exception"),
}
_WORDS = {
    "easypost": {
        "pre_transit": "label",
        "in_transit": "in_transit",
        "out_for_delivery": "out_for_delivery",
        "available_for_pickup": "out_for_delivery",
        "delivered": "delivered",
        **dict.fromkeys(("return_to_sender", "failure", "cancelled", "error"), "exception"),
    },
    "aftership": {
        **dict.fromkeys(("InfoReceived", "Pending"), "label"),
        "InTransit": "in_transit",
        **dict.fromkeys(("OutForDelivery", "AttemptFail", "AvailableForPickup"), "out_for_delivery"),
        "Delivered": "delivered",
        **dict.fromkeys(("Exception", "Expired"), "exception"),
    },
    "shippo": {
        "PRE_TRANSIT": "label",
        "TRANSIT": "in_transit",
        "DELIVERED": "delivered",
        **dict.fromkeys(("RETURNED", "FAILURE"), "exception"),
    },
}
HUB = {
    "RC": "label",
    "RT": "first_scan",
    "RDTPF": "delivered",
    "DS": "depot",
    "RP": "processed",
    "RE": "exported",
    "RDBTC": "delivered_back",
    "RR": "rejected",
}


def fold(text: str) -> str:
    """How texts and skus compare."""
    return text.strip().casefold()


def tracking(number: str) -> str:
    """How consignment numbers compare."""
    return re.sub(r"[\s-]", "", number).upper()


def order_key(retailer: str, name: str) -> str:
    """Under which key an order of this name stands."""
    return f"{retailer}/{name.strip().removeprefix('#').strip().upper()}"


def choice(word: str) -> str | None:
    """The option that a customer's word means, `unknown`, or None for no choice."""
    folded = fold(word.replace("_", " ").replace("-", " "))
    return CHOICES.get(folded, "unknown") if folded else None


def checkpoints(sender: str, body: Body) -> Iterator[tuple[str, tuple[str, ...], str]]:
    """Of a carrier's webhook: the parcel, what makes a checkpoint a repeat, and its meaning."""
    if sender == "omniparcel":
        for event in body["Events"]:
            code = re.fullmatch(r"op-(\d+)", fold(event["OmniCode"]))
            meaning = _OMNIPARCEL.get(int(code.group(1))) if code and not code.group(1).startswith("0") else None
            yield _checkpoint(
                body["ConsignmentNo"], fold(event["OmniCode"]), event["EventDT"], meaning, event["Description"]
            )
    elif sender == "easypost":
        for event in body["result"]["tracking_details"]:
            meaning = _WORDS[sender].get(event["status"])
            yield _checkpoint(
                body["result"]["tracking_code"], event["status"], event["datetime"], meaning, event["message"]
            )
    elif sender == "aftership":
        for event in body["msg"]["checkpoints"]:
            meaning = _WORDS[sender].get(event["tag"])
            yield _checkpoint(
                body["msg"]["tracking_number"], event["tag"], event["checkpoint_time"], meaning, event["message"]
            )
    else:
        for event in body["data"]["tracking_history"]:
            meaning = _WORDS[sender].get(event["status"])
            number, text = body["data"]["tracking_number"], event["status_details"]
            yield _checkpoint(number, event["status"], event["status_date"], meaning, text)


def _checkpoint(number: str, code: str, time: str, meaning: str | None, text: str) -> tuple[str, tuple[str, ...], str]:
    awaited = meaning == "in_transit" and any(words in text.casefold() for words in _AWAITED)
    meant = "label" if awaited else meaning or "unknown"
    # A label must not hide the scan of the same minute by coming first, so the meaning is part of what repeats.
    return tracking(number), (code, time, meant), meant
