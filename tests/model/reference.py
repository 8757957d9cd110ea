"""The ledger a second time, from semantics.md alone: it keeps the whole history and looks everything up in it.

Slow and plain on purpose. It shares no code with the ledger: not its keys, money, milestones or sets of states.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.model.naive import Fact, RefUnit, cents_of, content_of, counted, fold
from tests.model.steps import CONTENTS, HoldEnds, Line, OrderVersion, Step, Told, Upload

MONTH = timedelta(days=30)
PHYSICAL = ["first_scan", "in_transit", "out_for_delivery", "delivered", "depot", "processed", "exported"]
PHYSICAL += ["delivered_back"]
ENDING = ("closed", "rejected", "cancelled")
STOPPING = ("rejected", "cancelled")
UNDECIDED = ("waiting_for_order", "order_not_found")

UnitKey = tuple[str, str, int]
"""RMA, folded sku, ordinal."""


@dataclass
class Reference:
    """All that happened to one order."""

    history: list[tuple[datetime, Step]] = field(default_factory=list)
    units: dict[UnitKey, RefUnit] = field(default_factory=dict)
    paid: dict[UnitKey, tuple[str, int, int]] = field(default_factory=dict)
    _cache: dict[tuple[str, int], list[Fact]] = field(default_factory=dict)

    def tell(self, at: datetime, step: Step) -> None:
        """Something happens; afterwards `units` and `paid` are as they must be."""
        self.history.append((at, step))
        if isinstance(step, Upload):
            self._upload(step)
        elif isinstance(step, OrderVersion):
            self._order_came()
        elif isinstance(step, HoldEnds):
            for unit in self.units.values():
                if unit.state == "waiting_for_order":
                    unit.state = "order_not_found"
        self._stop_and_act(at)

    @property
    def now(self) -> int:
        """The number of the step that is happening."""
        return len(self.history) - 1

    # --- what was uploaded --------------------------------------------------------------------------------------------

    def uploads(self, rma: str, upto: int) -> list[tuple[int, Upload]]:
        """The uploads of an RMA with the number of their step."""
        found = [(i, step) for i, (_, step) in enumerate(self.history[: upto + 1]) if isinstance(step, Upload)]
        return [(i, upload) for i, upload in found if upload.rma == rma]

    def known_returns(self, upto: int) -> list[str]:
        """The RMAs in the order of their first uploads."""
        uploaded = [step.rma for _, step in self.history[: upto + 1] if isinstance(step, Upload)]
        return list(dict.fromkeys(uploaded))

    def parcels(self, rma: str, upto: int) -> set[str]:
        """Consignment numbers add up."""
        return {parcel for _, upload in self.uploads(rma, upto) for parcel in upload.consignments}

    def order(self) -> tuple[datetime, OrderVersion] | None:
        """The newest version by its updated_at, and that instant; of equal ones the first that came."""
        best: tuple[datetime, OrderVersion] | None = None
        for at, step in self.history:
            if isinstance(step, OrderVersion) and (best is None or at + step.updated > best[0]):
                best = at + step.updated, step
        return best

    def _upload(self, upload: Upload) -> None:
        earlier = [step for i, step in self.uploads(upload.rma, self.now) if i < self.now]
        if any(content_of(known) == content_of(upload) for known in earlier):
            return
        wanted: dict[UnitKey, str] = {}
        for each in upload.units:
            sku = fold(each.sku)
            ordinal = 1 + sum(known[1] == sku for known in wanted)
            wanted[upload.rma, sku, ordinal] = each.content
        mine = {key: unit for key, unit in self.units.items() if key[0] == upload.rma}
        if self.stopped(upload.rma):
            for key, content in wanted.items():
                if key not in mine or mine[key].state == "withdrawn":
                    self.units[key] = RefUnit(content, "stopped")
            return
        kept = {key for key, unit in mine.items() if unit.state != "withdrawn" and wanted.get(key) == unit.content}
        kept |= {key for key, unit in mine.items() if unit.state == "acted"}
        for key in mine.keys() - kept:
            mine[key].state, mine[key].slot = "withdrawn", None
        for key, content in wanted.items():
            if key not in kept:
                self.units[key] = RefUnit(content, "waiting_for_order")
                if self.order() is not None:
                    self._decide(key)
                elif self._hold_ended(upload.rma):
                    self.units[key].state = "order_not_found"

    def _hold_ended(self, rma: str) -> bool:
        """An edit does not restart the hold: it ends once, counted from the first upload."""
        first = self.uploads(rma, self.now)[0][0]
        return any(isinstance(step, HoldEnds) for _, step in self.history[first:])

    def _order_came(self) -> None:
        for rma in self.known_returns(self.now):
            if not self.stopped(rma):
                for key in [k for k, unit in self.units.items() if k[0] == rma and unit.state in UNDECIDED]:
                    self._decide(key)

    # --- matching and money -------------------------------------------------------------------------------------------

    def _decide(self, key: UnitKey) -> None:
        unit, newest = self.units[key], self.order()
        assert newest is not None
        updated_at, order = newest
        lines = [line for line in order.lines if fold(line.sku) == key[1]]
        unit.option = None
        if not lines:
            unit.state = "item_not_in_order"
            return
        all_slots = {line.id: self._slots(line, updated_at) for line in lines}
        for line in lines:
            for index, holder in enumerate(all_slots[line.id], start=1):
                if holder is None:
                    unit.state, unit.option = CONTENTS[unit.content]
                    unit.slot, unit.cents = (line.id, index), cents_of(line, index)
                    return
        holders = [holder for slots in all_slots.values() for holder in slots]
        if "somebody's refund" in holders:
            unit.state = "already_refunded"
        elif any(isinstance(holder, tuple) and holder[0] != key[0] for holder in holders):
            unit.state = "already_claimed"
        else:
            unit.state = "more_than_ordered"

    def _slots(self, line: Line, updated_at: datetime) -> list[UnitKey | str | None]:
        """Who holds each index of a line: a unit, a refund that is not ours, or nobody."""
        slots: list[UnitKey | str | None] = [None] * line.quantity
        refunds = line.refunded
        for key, unit in self.units.items():
            if unit.slot is None or unit.slot[0] != line.id:
                continue
            if unit.slot[1] <= line.quantity:
                slots[unit.slot[1] - 1] = key
            if unit.acted_at is not None and unit.option == "refund" and unit.acted_at < updated_at:
                refunds -= 1
        for index, holder in enumerate(slots):
            if holder is None and refunds > 0:
                slots[index] = "somebody's refund"
                refunds -= 1
        return slots

    # --- what a return knows ------------------------------------------------------------------------------------------

    def knows(self, rma: str, upto: int) -> list[Fact]:
        """Every event that means this return, as at that step."""
        if (rma, upto) not in self._cache:
            self._cache[rma, upto] = self._look_up(rma, upto)
        return self._cache[rma, upto]

    def _look_up(self, rma: str, upto: int) -> list[Fact]:
        if rma not in self.known_returns(upto):
            return []
        told = [step for _, step in self.history[: upto + 1] if isinstance(step, Told) and not step.foreign]
        facts: list[Fact] = []
        for event in {each.id: each for each in told}.values():
            for life in self.lives(event.id, upto):
                since = self._since(event, life, rma, upto)
                if since is not None:
                    heard = [step for i, (_, step) in enumerate(self.history[: upto + 1]) if i >= life[0]]
                    again = [step for step in heard if isinstance(step, Told) and step.id == event.id]
                    facts.append(Fact(event, since, again))
                    break
        return facts

    def lives(self, event_id: str, upto: int) -> list[list[int]]:
        """The steps at which an event was told: a repeat belongs to the life of the first within 30 days of it."""
        lives: list[list[int]] = []
        for i, (at, step) in enumerate(self.history[: upto + 1]):
            if isinstance(step, Told) and step.id == event_id:
                if lives and at - self.history[lives[-1][0]][0] < MONTH:
                    lives[-1].append(i)
                else:
                    lives.append([i])
        return lives

    def _since(self, event: Told, life: list[int], rma: str, upto: int) -> int | None:
        if event.rma is None and (event.consignment is None or event.meaning in ("processed", "rejected")):
            found = self.attribution(event, upto)
            return found[1] if found is not None and found[0] == rma and found[2] == life[0] else None
        if event.rma not in (None, rma):
            return None
        if event.rma is not None and event.consignment is None:
            linked = self.uploads(rma, upto)[0][0]
        else:
            carrying = [i for i, upload in self.uploads(rma, upto) if event.consignment in upload.consignments]
            if not carrying:
                return None
            linked = carrying[0]
        start = life[0]
        if linked > start and self.history[linked][0] - self.history[start][0] >= MONTH:
            return None
        return max(start, linked)

    def attribution(self, event: Told, upto: int) -> tuple[str | None, int, int] | None:
        """The return that one event means (None: ambiguous), since which step, of which life. Made once, it stays."""
        for life in self.lives(event.id, upto):
            start = life[0]
            for step in range(start, upto + 1):
                if self.history[step][0] - self.history[start][0] >= MONTH:
                    break
                candidates = self.known_returns(step)
                if event.consignment is not None:
                    candidates = [rma for rma in candidates if event.consignment in self.parcels(rma, step)]
                else:
                    still_open = [rma for rma in candidates if self.is_open(rma, step - 1)]
                    candidates = still_open or candidates
                if candidates:
                    return candidates[0] if len(candidates) == 1 else None, step, start
        return None

    def is_open(self, rma: str, upto: int) -> bool:
        """Until CLOSED, REJECTED or CANCELLED."""
        return not any(fact.told.meaning in ENDING for fact in self.knows(rma, upto))

    def stopped(self, rma: str) -> bool:
        """Rejected or cancelled, for good."""
        return any(fact.told.meaning in STOPPING for fact in self.knows(rma, self.now))

    def ambiguous(self) -> set[str]:
        """Ids of the events that a person must look at."""
        told = [step for _, step in self.history if isinstance(step, Told) and step.rma is None and not step.foreign]
        single = [t for t in told if t.consignment is None or t.meaning in ("processed", "rejected")]
        found = {each.id: self.attribution(each, self.now) for each in single}
        return {event_id for event_id, meant in found.items() if meant is not None and meant[0] is None}

    # --- acting -------------------------------------------------------------------------------------------------------

    def _stop_and_act(self, at: datetime) -> None:
        for rma in self.known_returns(self.now):
            if self.stopped(rma):
                for key, unit in self.units.items():
                    if key[0] == rma and unit.state not in ("acted", "withdrawn"):
                        unit.state, unit.slot = "stopped", None
        for key, unit in self.units.items():
            if unit.state == "decided" and self._due(key):
                assert unit.option is not None
                unit.state, unit.acted_at = "acted", at
                self.paid[key] = (unit.option, *unit.cents)

    def _due(self, key: UnitKey) -> bool:
        rma, sku, ordinal = key
        facts = self.knows(rma, self.now)
        meanings = {fact.told.meaning for fact in facts}
        _, first = self.uploads(rma, self.now)[0]
        if first.loop:
            return False
        if first.stage == "first_scan":
            return bool(meanings & set(PHYSICAL))
        if first.stage == "manual":
            return "closed" in meanings
        processed = [fact for fact in facts if fact.told.meaning == "processed"]
        if any(not told.items for fact in processed for told in fact.occurrences):
            return True
        counts = [max(counted(told, sku) for told in fact.occurrences) for fact in processed]
        return ordinal <= sum(counts)
