"""The reference: what every body that comes in makes of every unit, looked up the plainest way."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from tests.wire import rules
from tests.wire.orders import AMBIGUOUS, Orders, Priced, expires, instant, lines_of, priced, refunded
from tests.wire.returns import KEPT, Identity, Return, Unit, units_of
from tests.wire.words import HUB, OF_ONE_RETURN, STATUSES, Body, checkpoints, fold, order_key, tracking

Paid = dict[tuple[str, str, str, int], tuple[str, Priced, tuple[str, int]]]
States = dict[tuple[str, str, str, int], str]


@dataclass
class Event:
    """One event with the time of its first arrival.

    retailers: whom its source may speak for, None for all. order: under which key it came. to: the one return that it
    means, AMBIGUOUS, or None while it is not known; always None for what counts for all returns of a parcel.
    """

    meaning: str
    first: datetime
    counts: dict[str, int]
    retailers: list[str] | None = None
    order: str | None = None
    parcel: str | None = None
    rma: str | None = None
    to: Return | str | None = None

    @property
    def of_one(self) -> bool:
        """Whether it needs exactly one return."""
        return self.rma is None and (self.parcel is None or self.meaning in OF_ONE_RETURN)

    def about(self, known: Return) -> bool:
        """Whether it could mean this return."""
        if self.order not in (None, known.key):
            return False
        if self.retailers is not None and known.key.split("/")[0] not in self.retailers:
            return False
        return self.rma in (None, known.rma) and (self.parcel is None or self.parcel in known.parcels)


@dataclass
class Reference:
    """Everything that is known. now: the clock."""

    now: datetime
    settings: dict[str, Body] = field(default_factory=dict)
    orders: Orders = field(default_factory=Orders)
    returns: dict[str, list[Return]] = field(default_factory=dict)
    events: dict[object, Event] = field(default_factory=dict)
    paid: Paid = field(default_factory=dict)

    def advance(self, seconds: int) -> None:
        """Time passes: holds end and orders expire, each at its time."""
        end = self.now + timedelta(seconds=seconds)
        for due in sorted({due for due in self._due() if due <= end}):
            self.now = max(due, self.now)
            self.orders.expire(self.now)
            for known in self._all():
                if known.hold_ends <= self.now:
                    known.give_up()
        self.now = end

    def apply(self, retailer: Body) -> None:
        """The retailer's file is applied."""
        self.settings[retailer["id"]] = retailer

    def order(self, retailer: str, body: Body, triggered: str | None) -> None:
        """An order webhook: all returns that wait are decided, and then the first of them acts."""
        key = self.orders.take(retailer, body, triggered, self.now)
        if key is None:
            return
        for known in self.returns.get(key, []):
            if not known.stopped:
                self._decide(known, known.undecided())
        self._act(self.returns.get(key, []))

    def erase(self, retailer: str, number: str) -> None:
        """orders/delete."""
        self.orders.erase(retailer, number, self.now)

    def upload(self, retailer: str, elements: list[Body]) -> None:
        """A Return Upload of one RMA."""
        key, rma = order_key(retailer, elements[0]["OrderNumber"]), elements[0]["RMA"].strip()
        units, parcels = units_of(elements), frozenset(tracking(each["ConsignmentNo"]) for each in elements)
        content = tuple(unit.content for unit in units), parcels
        known = next((each for each in self.returns.get(key, []) if each.rma == rma), None)
        if known is None:
            known = Return(key, rma, self.now, self.settings[retailer])
            self.returns.setdefault(key, []).append(known)
        elif content in known.contents:
            return
        first, before = not known.contents, set(known.parcels)
        known.contents.append(content)
        known.parcels |= parcels
        for ident, event in self.events.items():
            is_news = event.parcel not in before if event.parcel else first
            if event.about(known) and is_news and self.now < event.first + KEPT and event.to is None:
                event.to = known if event.of_one else None
                known.hear(event.meaning, _rp(ident, known), event.counts)
        self._decide(known, known.replace(units))
        self._act([known])

    def hub(self, retailer: str, elements: list[Body]) -> None:
        """OmniRPS tracking statuses, all of one event."""
        said = elements[0]
        parcel, meaning = tracking(said["ConsignmentNo"]) or None, HUB.get(said["Code"], "unknown")
        key = order_key(retailer, said["OrderNo"]) if said["OrderNo"].strip() else None
        skus = [fold(each["ItemNo"]) for each in elements if fold(each["ItemNo"])] if meaning == "processed" else []
        event = Event(meaning, self.now, {sku: skus.count(sku) for sku in skus}, [retailer], key, parcel)
        number = said["OmniRPSTrackingNo"] if meaning in OF_ONE_RETURN else ""
        self._tell(("hub", retailer, said["Code"], key, parcel, said["EventDT"], number), event)

    def status(self, retailer: str, order: str, rma: str, status: str, at: str) -> None:
        """A return-status."""
        key = order_key(retailer, order)
        event = Event(STATUSES[status], self.now, {}, [retailer], key, rma=rma.strip())
        self._tell(("status", key, rma.strip(), status, at), event)

    def carrier(self, sender: str, body: Body, retailers: list[str] | None) -> None:
        """A carrier's webhook, by an account that may speak for these retailers."""
        for parcel, ident, meaning in checkpoints(sender, body):
            event = Event(meaning, self.now, {}, retailers, parcel=parcel)
            self._tell((sender, parcel, ident, str(retailers)), event)

    @property
    def states(self) -> States:
        """Where every unit stands."""
        of_units = {(r.key, r.rma, *unit.identity): unit.state for r in self._all() for unit in r.units.values()}
        return {name: "gone" if state in ("withdrawn", "stopped") else state for name, state in of_units.items()}

    def _all(self) -> list[Return]:
        return [known for of_order in self.returns.values() for known in of_order]

    def _due(self) -> list[datetime]:
        ends = [known.hold_ends for known in self._all() if not known.hold_over]
        return ends + [expires(body) for known in self.orders.versions.values() for body, _ in known.values()]

    def _tell(self, ident: object, event: Event) -> None:
        known = self.events.get(ident)
        # Under an order an attribution stays; of a parcel alone, what comes after thirty days is attributed anew.
        stays = known is not None and known.order is not None and known.to is not None
        if known is not None and (stays or self.now < known.first + KEPT):
            again = {sku: max(n, known.counts.get(sku, 0)) for sku, n in event.counts.items()}
            known.counts = {**known.counts, **again} if known.counts and event.counts else {}
            meant = [known.to] if isinstance(known.to, Return) else []
        else:
            self.events[ident] = known = event
            meant = self._meant(event)
        for each in meant:
            each.hear(known.meaning, _rp(ident, each), known.counts)
        self._act(meant)

    def _meant(self, event: Event) -> list[Return]:
        found = [known for known in self._all() if event.about(known)]
        if not event.of_one:
            return found
        if event.parcel is None:
            found = [known for known in found if known.open] or found
        event.to = AMBIGUOUS if len(found) > 1 else found[0] if found else None
        return found if len(found) == 1 else []

    def _decide(self, known: Return, identities: list[Identity]) -> None:
        order = self.orders.of(known.key)
        for identity in identities if order is not None else []:
            unit = known.units[identity]
            if isinstance(order, str):
                unit.leave("order_ambiguous")
            elif order is not None and order["cancelled_at"]:
                unit.leave("order_cancelled")
            elif order is not None:
                state = self._match(known, unit, order) or _choose(known, unit, order)
                unit.option = state if state in ("refund", "credit_note", "exchange") else None
                unit.state = "decided" if unit.option else state

    def _match(self, known: Return, unit: Unit, order: Body) -> str | None:
        """Claim an index; or why there is none."""
        lines = lines_of(order, unit.identity[0])
        by_refund = by_other = False
        for line in lines:
            claims = [(r, u, u.claim[1]) for r in self.returns[known.key] for u in r.units.values() if u.claim]
            claims = [(r, u, index) for r, u, index in claims if u.claim and u.claim[0] == str(line["id"])]
            updated = instant(order["updated_at"])
            ours = sum(u.option == "refund" and u.acted_at is not None and u.acted_at < updated for _, u, _ in claims)
            free = [index for index in range(1, line["quantity"] + 1) if index not in {index for *_, index in claims}]
            rest = max(0, refunded(order, line) - ours)
            if free[rest:]:
                unit.claim = str(line["id"]), free[rest]
                unit.priced = priced(order, line, free[rest])
                return None
            by_refund |= bool(free[:rest])
            by_other |= any(r is not known and index <= line["quantity"] for r, _, index in claims)
        if not lines:
            return "item_not_in_order"
        return "already_refunded" if by_refund else "already_claimed" if by_other else "more_than_ordered"

    def _act(self, returns: list[Return]) -> None:
        for known in returns:
            for unit in known.units.values():
                if unit.state == "decided" and known.due(unit.identity):
                    unit.state, unit.acted_at = "acted", self.now
                    assert unit.option
                    assert unit.priced
                    assert unit.claim
                    self.paid[known.key, known.rma, *unit.identity] = unit.option, unit.priced, unit.claim


def _choose(known: Return, unit: Unit, order: Body) -> str:
    choice = known.settings["customer_choice"]
    if not choice["enabled"] or unit.chosen is None:
        return rules.outcome(known.settings["rules"], order, unit.reason)
    if unit.chosen == "unknown":
        return "choice_unknown"
    return "choice_not_offered" if unit.chosen == "exchange" and not choice["exchange"] else unit.chosen


def _rp(ident: Any, known: Return) -> object:
    """What makes an RP the same one, told under its order or under its consignment alone."""
    return (known.key, *ident[4:]) if ident[0] == "hub" else ident
