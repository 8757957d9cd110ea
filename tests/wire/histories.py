"""Random histories of one shop's orders and returns, as bodies that senders would send."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from typing import Any

from streams.engine.driver import START
from tests.wire import shops
from tests.wire.shops import named, spelt, timestamp
from tests.wire.words import Body

Step = tuple[str, list[Any]]
"""What happens, by the name of the method that takes it, and with what."""

DAY = 86_400
SKUS = ("TEE-M", "Straße", "MUG 1")
PARCELS = ("SEK1", "SEK2")
RMAS = ("R1", "R1", "R1", "R2", "R2", "r1")
REASONS = ("Faulty", " FAULTY", "too big", "Damaged in transit", "", " ")
CHOICES = (
    "",
    " ",
    "refund",
    "Re_fund",
    "CREDIT NOTE",
    "Credit-Note_Plus",
    "store_credit",
    "GIFT-CARD",
    "exchange",
    "-",
)
TEXTS = ("", "moving", "USPS Awaiting Item", "Shipment information sent to FedEx", "Label Created, Not Yet Received")
CODES = {
    "omniparcel": ("OP-1", "OP-10", "op-33", "OP-3", "OP-7", "OP-28", "OP-71", "OP-57", "OP-78", "OP-999", "PICKED"),
    "easypost": ("pre_transit", "in_transit", "available_for_pickup", "delivered", "return_to_sender", "unknown"),
    "aftership": ("InfoReceived", "InTransit", "AttemptFail", "Delivered", "Expired", "Odd"),
    "shippo": ("PRE_TRANSIT", "TRANSIT", "DELIVERED", "RETURNED", "UNKNOWN"),
}


@dataclass
class Histories:
    """Draws one history. skus: of which it is, mostly."""

    random: Random
    now: datetime = START
    steps: list[Step] = field(default_factory=list)
    versions: list[Body] = field(default_factory=list)
    uploads: dict[str, list[list[Body]]] = field(default_factory=dict)
    posts: list[list[Body]] = field(default_factory=list)
    skus: tuple[str, ...] = ()

    def draw(self, length: int) -> list[Step]:
        """The steps of one history."""
        draw = self.random
        kinds = (
            self._order,
            self._upload,
            self._hub,
            self._status,
            self._carrier,
            self._wait,
            self._apply,
            self._erase,
        )
        weights = draw.choice(
            [
                (3, 5, 4, 2, 2, 3, 0.4, 0.3),
                (2, 9, 1, 1, 1, 2, 0.4, 0.2),
                (1, 4, 9, 1, 0, 2, 0.2, 0),
                (7, 5, 1, 2, 2, 2, 0, 0),
            ]
        )
        self.skus = tuple(draw.sample(SKUS, draw.choice((1, 1, 2, 3))))
        self._apply()
        if draw.random() < 0.75:
            self._order()
        for _ in range(length):
            draw.choices(kinds, weights)[0]()
        return self.steps

    def _step(self, name: str, *told: Any) -> None:
        self.steps.append((name, json.loads(json.dumps(told))))

    def _at(self, seconds: int = 0) -> str:
        return timestamp(self.now, seconds=seconds)

    def _apply(self) -> None:
        self._step("apply", shops.retailer(self.random))

    def _order(self) -> None:
        draw = self.random
        if not self.versions or draw.random() < 0.03:
            body = shops.order(draw, self.now, len(self.versions), self.skus)
        else:
            body = json.loads(json.dumps(draw.choice((self.versions[-1], draw.choice(self.versions)))))
            if draw.random() < 0.85:
                shops.change(draw, body, self.now)
        self.versions.append(body)
        self._step("order", "acme", body, draw.choice((None, None, self._at(), self._at(-5))))

    def _erase(self) -> None:
        if self.versions:
            self._step("erase", "acme", str(self.random.choice(self.versions)["id"]))

    # --- the return

    def _upload(self) -> None:
        draw, rma = self.random, self.random.choice(RMAS)
        known = self.uploads.setdefault(rma, [])
        if not known or draw.random() < 0.1:
            parcel = draw.choice(PARCELS)
            elements = [self._element(parcel) for _ in range(draw.choice((1, 1, 2, 3, 4)))]
        else:
            elements = json.loads(json.dumps(draw.choice(known)))
            self._edit(elements)
        for element in elements:
            element.update(OrderNumber=named(draw), RMA=draw.choice((rma, f" {rma}")))
        known.append(elements)
        self._step("upload", "acme", elements)

    def _edit(self, elements: list[Body]) -> None:
        draw, one = self.random, self.random.choice(elements)
        kind = draw.random()
        if kind < 0.2:
            one["Sku"] = spelt(draw, one["Sku"].strip())
        elif kind < 0.4 and len(elements) > 1:
            elements.remove(one)
        elif kind < 0.55:
            elements.insert(draw.randint(0, len(elements)), self._element(draw.choice(PARCELS)))
        elif kind < 0.7:
            draw.shuffle(elements)
        elif kind < 0.95:
            one.update(draw.choice(({"ReturnAction": draw.choice(CHOICES)}, {"Reason": draw.choice(REASONS)})))
        else:
            one["ExchangeSku"] = draw.choice(("X", " x", "Y"))

    def _element(self, parcel: str) -> Body:
        blank = (
            "EAN",
            "CommodityInfo",
            "CommodityCode",
            "ItemDescription",
            "ItemValue",
            "CustomerName",
            "CustomerEmail",
        )
        draw = self.random
        return {
            **dict.fromkeys(blank, ""),
            "ItemWeight": "1",
            "ConsignmentNo": draw.choice((parcel, f"{parcel[:3]}-{parcel[3:]}", parcel.lower())),
            "Sku": spelt(draw, draw.choice(self.skus * 5 + SKUS)),
            "Reason": draw.choice(REASONS),
            "ReturnAction": draw.choice((*CHOICES, "swap", "???")),
        }

    # --- what happens to it

    def _hub(self) -> None:
        draw = self.random
        if self.posts and draw.random() < 0.35:
            elements = json.loads(json.dumps(draw.choice(self.posts)))
            elements = [{**elements[0], "ItemNo": spelt(draw, draw.choice(SKUS))}, *elements][: draw.randint(1, 4)]
        else:
            names = draw.choice((("", True), (draw.choice(PARCELS), True), (draw.choice(PARCELS), False)))
            code = draw.choice(("RP", "RP", "RP", "RC", "RT", "DS", "RE", "RDTPF", "RR", "XX"))
            said = {
                "ConsignmentNo": names[0],
                "OrderNo": named(draw) if names[1] else "",
                "OmniRPSTrackingNo": draw.choice(("", "N1")),
                "Code": code,
                "EventDT": draw.choice(("2026-11-05 10:00:00", self._at()[:19].replace("T", " "))),
            }
            elements = [
                {**said, "ItemNo": draw.choice(("", *self.skus * 3, *SKUS))} for _ in range(draw.choice((1, 1, 2, 3)))
            ]
        self.posts.append(elements)
        self._step("hub", "acme", elements)

    def _status(self) -> None:
        draw = self.random
        status = draw.choice(("CLOSED",) * 5 + ("PROCESSED",) * 5 + ("REJECTED", "CANCELLED"))
        at = draw.choice(("2026-11-05T10:00:00Z", self._at()))
        self._step("status", "acme", named(draw), draw.choice(RMAS), status, at)

    def _carrier(self) -> None:
        draw, sender = self.random, self.random.choice(tuple(CODES))
        number = spelt(draw, draw.choice(PARCELS))
        said = [
            (draw.choice(CODES[sender]), draw.choice(("2026-11-03T10:00:00Z", self._at())), draw.choice(TEXTS))
            for _ in range(draw.randint(1, 3))
        ]
        self._step("carrier", sender, _body(sender, number, said), draw.choice((None, None, ["acme"], ["other"])))

    def _wait(self) -> None:
        draw = self.random
        seconds = draw.choice(
            (1, 3600, DAY, 2 * DAY, 20 * DAY, 30 * DAY, 30 * DAY - 1) if draw.random() < 0.5 else (1,)
        )
        self.now += timedelta(seconds=seconds)
        self._step("advance", seconds)


def _body(sender: str, number: str, said: list[tuple[str, str, str]]) -> Body:
    if sender == "omniparcel":
        events = [{"OmniCode": code, "EventDT": at, "Description": text, "Location": "L"} for code, at, text in said]
        return {"ConsignmentNo": number, "Status": "Delivered", "Events": events}
    if sender == "easypost":
        details = [{"status": code, "datetime": at, "message": text} for code, at, text in said]
        tracker = {"tracking_code": number, "status": "delivered", "tracking_details": details}
        return {"description": "tracker.updated", "result": tracker}
    if sender == "aftership":
        points = [{"tag": code, "checkpoint_time": at, "message": text} for code, at, text in said]
        return {
            "event": "tracking_update",
            "msg": {"tracking_number": number, "tag": "Delivered", "checkpoints": points},
        }
    history = [{"status": code, "status_date": at, "status_details": text} for code, at, text in said]
    return {"event": "track_updated", "data": {"tracking_number": number, "tracking_history": history}}
