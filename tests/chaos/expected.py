"""What must come of a history, from the input alone: payments by the reference model, the rest counted out here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta

from contracts import keys
from contracts.returns import Meaning
from tests.chaos.history import OrderStory, Scan, written
from tests.model.reference import PHYSICAL, Reference
from tests.model.steps import OrderVersion, Told, Upload

SECOND = timedelta(seconds=1)
# What the receiver is told of: by OmniRPS's codes, each once a return (semantics, and the wiki's list of codes).
CREATED, IN_TRANSIT = "RC", "RT"
TOLD_AS = {Meaning.DELIVERED: "RDTPF", Meaning.DEPOT: "DS"}

EventName = tuple[str, str, str, str]
"""Order key, RMA, meaning, and the time as the sender wrote it; "" for what our agents say themselves."""

UnitName = tuple[str, str, str, int]
"""Order key, RMA, folded sku, ordinal."""


@dataclass(frozen=True, slots=True)
class Payment:
    """One action. Amounts in cents."""

    unit: UnitName
    option: str
    net: int
    tax: int


@dataclass(slots=True)
class Expected:
    """Everything that must be there at the end.

    orders: tags of the newest version, by key. actions: by action id. deliveries: `<order key> <RMA> <code>`, by
    webhook id. links: consignment keys.
    """

    orders: dict[str, str] = field(default_factory=dict)
    actions: dict[str, Payment] = field(default_factory=dict)
    units: dict[UnitName, str] = field(default_factory=dict)
    events: set[EventName] = field(default_factory=set)
    links: set[str] = field(default_factory=set)
    deliveries: dict[str, str] = field(default_factory=dict)

    def add(self, story: OrderStory) -> None:
        """Take one story in."""
        self.orders[story.key] = f"version {len(story.versions)}"
        self._pay(story)
        for each in story.returns:
            self.links.add(keys.consignment_key(keys.tracking_key(each.parcel), story.key, each.rma))
            # Our own: the upload, and that the history of its parcel has come.
            self.events |= {(story.key, each.rma, own.value, "") for own in (Meaning.CREATED, Meaning.LINKED)}
            scans = [said for said in story.scans if said.parcel == each.parcel]
            for said in scans:
                self.events.add((story.key, each.rma, said.meaning.value, written(said.at)))
            for code in _codes(scans) if story.shop.hooked else ():
                webhook_id = keys.fact_id("hook", story.key, code, each.rma)
                self.deliveries[webhook_id] = f"{story.key} {each.rma} {code}"

    def _pay(self, story: OrderStory) -> None:
        reference = Reference()
        at = story.created_at
        reference.tell(at, OrderVersion(story.lines))
        for each in story.returns:
            at += SECOND
            stage = story.shop.stage.value
            upload = Upload(each.rma, each.units, frozenset({each.parcel}), stage, story.shop.loop)
            reference.tell(at, upload)
        for step in _told(story):
            at += SECOND
            reference.tell(at, step)
        for (rma, sku, ordinal), unit in reference.units.items():
            self.units[story.key, rma, sku, ordinal] = unit.state
        for (rma, sku, ordinal), (option, net, tax) in reference.paid.items():
            action_id = keys.action_id(story.key, rma, sku, ordinal, option)
            self.actions[action_id] = Payment((story.key, rma, sku, ordinal), option, net, tax)


def expected(told: Iterable[OrderStory]) -> Expected:
    """What must come of these stories."""
    all_of_it = Expected()
    for story in told:
        all_of_it.add(story)
    return all_of_it


def _told(story: OrderStory) -> list[Told]:
    scans = [
        Told(said.meaning.value, number, consignment=said.parcel, items=tuple((sku, 1) for sku in said.items))
        for number, said in enumerate(story.scans)
    ]
    closes = story.shop.stage.value == "manual"
    return scans + [Told("closed", rma=each.rma) for each in story.returns if closes and each.closed]


def _codes(scans: list[Scan]) -> set[str]:
    codes = {CREATED, *(TOLD_AS[said.meaning] for said in scans if said.meaning in TOLD_AS)}
    if any(said.meaning.value in PHYSICAL for said in scans):
        codes.add(IN_TRANSIT)
    return codes
