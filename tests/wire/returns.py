"""One return as the reference keeps it: its units, what was heard of it, and when it pays."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.wire.orders import Priced
from tests.wire.words import PHYSICAL, Body, choice, fold

Identity = tuple[str, int]
UNDECIDED = ("waiting_for_order", "order_not_found")
KEPT = timedelta(days=30)


@dataclass
class Unit:
    """One returned unit. claim: line id and index."""

    identity: Identity
    content: tuple[object, ...]
    chosen: str | None
    reason: str
    state: str = "waiting_for_order"
    option: str | None = None
    claim: tuple[str, int] | None = None
    priced: Priced | None = None
    acted_at: datetime | None = None

    def leave(self, state: str) -> None:
        """Let go of what it holds."""
        self.state, self.option, self.claim = state, None, None


def units_of(elements: list[Body]) -> list[Unit]:
    """The units of an upload, in its order."""
    units: list[Unit] = []
    for element in elements:
        sku, chosen = fold(element["Sku"]), choice(element["ReturnAction"])
        ordinal = 1 + sum(unit.identity[0] == sku for unit in units)
        variant = str(element.get("ExchangeVariantId", "")).strip(), fold(element.get("ExchangeSku", ""))
        content = sku, fold(element["Reason"]), chosen, variant
        units.append(Unit((sku, ordinal), content, chosen, element["Reason"]))
    return units


@dataclass
class Return:
    """settings: the retailer as its file said at the first upload. rps: per event the count of each sku.

    current: the identities of the last upload, in its order. units: all there ever were.
    """

    key: str
    rma: str
    first_upload: datetime
    settings: Body
    contents: list[object] = field(default_factory=list)
    parcels: set[str] = field(default_factory=set)
    units: dict[Identity, Unit] = field(default_factory=dict)
    current: list[Identity] = field(default_factory=list)
    hold_over: bool = False
    physical: bool = False
    whole: bool = False
    closed: bool = False
    stopped: bool = False
    rps: dict[object, dict[str, int]] = field(default_factory=dict)

    @property
    def open(self) -> bool:
        """Whether it can be meant by an event without a consignment while others can."""
        return not (self.closed or self.stopped)

    @property
    def hold_ends(self) -> datetime:
        """When a person is called if its order has not come."""
        return self.first_upload + timedelta(hours=self.settings["hold_hours"])

    def undecided(self) -> list[Identity]:
        """The units that still wait for the order."""
        return [each for each in self.current if self.units[each].state in UNDECIDED]

    def give_up(self) -> None:
        """The order has not come in time."""
        self.hold_over = True
        for unit in self.units.values():
            if unit.state == "waiting_for_order":
                unit.state = "order_not_found"

    def replace(self, units: list[Unit]) -> list[Identity]:
        """Take the units of an upload. Returns those that are to be decided; they and the withdrawn hold nothing."""
        self.current = [unit.identity for unit in units]
        if self.stopped:
            for unit in units:
                if unit.identity not in self.units:
                    unit.leave("stopped")
                    self.units[unit.identity] = unit
            return []
        for identity, known in self.units.items():
            if identity not in self.current and not known.acted_at:
                known.leave("withdrawn")
        anew = [unit for unit in units if self._is_new(unit)]
        for unit in anew:
            unit.state = "order_not_found" if self.hold_over else "waiting_for_order"
            self.units[unit.identity] = unit
        return [unit.identity for unit in anew]

    def _is_new(self, unit: Unit) -> bool:
        known = self.units.get(unit.identity)
        if known is None or known.state == "withdrawn":
            return True
        return not known.acted_at and known.content != unit.content

    def hear(self, meaning: str, event: object, counts: dict[str, int]) -> None:
        """Something happened to it. event: what makes an RP the same. counts: of an RP; none for the whole return."""
        self.physical |= meaning in PHYSICAL or meaning == "processed_whole"
        self.whole |= meaning == "processed_whole" or (meaning == "processed" and not counts)
        self.closed |= meaning == "closed"
        if meaning == "processed":
            known = self.rps.setdefault(event, {})
            known.update({sku: max(count, known.get(sku, 0)) for sku, count in counts.items()})
        if meaning in ("rejected", "cancelled"):
            self.stopped = True
            for unit in self.units.values():
                if not unit.acted_at and unit.state != "withdrawn":
                    unit.leave("stopped")

    def due(self, identity: Identity) -> bool:
        """Whether a decided unit acts now."""
        stage = self.settings["return_action"]
        if self.stopped or self.settings["portal"] == "loop":
            return False
        if stage == "first_scan":
            return self.physical
        if stage == "manual":
            return self.closed
        sku, ordinal = identity
        return self.whole or ordinal <= sum(counts.get(sku, 0) for counts in self.rps.values())
