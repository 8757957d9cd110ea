"""The ledger a second time, from semantics.md alone: it keeps the whole history and looks everything up in it.

Slow and plain on purpose. It shares no code with the ledger: not its keys, money, milestones or sets of states.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.model.knowledge import AnyStep, History
from tests.model.naive import RefUnit, cents_of, content_of, counted, fold
from tests.model.steps import CONTENTS, TERMS, HoldEnds, Line, OrderVersion, Upload

PHYSICAL = ["first_scan", "in_transit", "out_for_delivery", "delivered", "depot", "processed", "exported"]
PHYSICAL += ["delivered_back"]
UNDECIDED = ("waiting_for_order", "order_not_found")

UnitKey = tuple[str, str, int]
"""RMA, folded sku, ordinal."""


@dataclass
class Reference(History):
    """All that happened to one order, and what comes of it.

    hold: how long a return waits for its order; None where a history says so itself (HoldEnds).
    """

    units: dict[UnitKey, RefUnit] = field(default_factory=dict)
    paid: dict[UnitKey, tuple[str, int, int]] = field(default_factory=dict)
    hold: timedelta | None = None

    def tell(self, at: datetime, step: AnyStep) -> None:
        """Something happens; afterwards `units` and `paid` are as they must be."""
        for key, unit in self.units.items():
            if unit.state == "waiting_for_order" and self._time_is_up(key[0], at):
                unit.state = "order_not_found"
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

    # --- what was uploaded --------------------------------------------------------------------------------------------

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
        ended = any(isinstance(step, HoldEnds) for _, step in self.history[first:])
        return ended or self._time_is_up(rma, self.history[self.now][0])

    def _time_is_up(self, rma: str, at: datetime) -> bool:
        return self.hold is not None and at >= self.history[self.uploads(rma, self.now)[0][0]][0] + self.hold

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
                    terms = TERMS[self.uploads(key[0], self.now)[0][1].terms]
                    unit.state, unit.option = terms.get(unit.content, CONTENTS[unit.content])
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
