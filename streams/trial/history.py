"""Past returns decided anew: what other rules would have made of them, by outcome and amount."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from contracts import topics
from contracts.keys import folded_sku
from contracts.orders import Order
from contracts.retailers import FrozenSettings, Retailer, freeze
from contracts.returns import DecisionState, ReturnDecision, ReturnUnit, UnitDecision, UnitState, UploadedUnit
from streams.domain.decisions import decide_unit
from streams.engine.kafka import Cluster, read_topic

# What the order alone says is no matter of rules, and stays as it is.
_OF_THE_ORDER = frozenset(
    {
        DecisionState.WAITING_FOR_ORDER,
        DecisionState.ORDER_NOT_FOUND,
        DecisionState.ORDER_AMBIGUOUS,
        DecisionState.ORDER_CANCELLED,
    }
)
# Nor is what could not be matched, or was rejected: whatever the rules say, such a unit gets nothing.
_WHATEVER_THE_RULES = frozenset(
    {
        UnitState.ITEM_NOT_IN_ORDER,
        UnitState.ALREADY_REFUNDED,
        UnitState.ALREADY_CLAIMED,
        UnitState.MORE_THAN_ORDERED,
        UnitState.STOPPED,
    }
)

UnitName = tuple[str, str, str, int]
"""Order key, RMA, folded sku, ordinal."""
Outcome = tuple[str, str]
"""The option, or the state where there is none; and who decided it."""


@dataclass(frozen=True, slots=True)
class Past:
    """The last returns of one retailer. orders: by order key, as they are now."""

    decisions: tuple[ReturnDecision, ...]
    orders: Mapping[str, Order]
    units: Mapping[UnitName, ReturnUnit]


@dataclass(frozen=True, slots=True)
class Change:
    """One unit that would get another outcome. amount: what it is worth, None where that is not known."""

    order_key: str
    rma: str
    unit: UnitDecision
    before: Outcome
    after: Outcome
    amount: Decimal | None
    currency: str | None


@dataclass(slots=True)
class Comparison:
    """What would differ. before and after: units and sums by (outcome, currency), the currency "" where no amount is
    known. gone: returns whose order is not kept any more, and which therefore nobody can decide anew."""

    returns: int = 0
    units: int = 0
    gone: list[str] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    before: Counter[tuple[str, str]] = field(default_factory=Counter)
    after: Counter[tuple[str, str]] = field(default_factory=Counter)
    before_amount: defaultdict[tuple[str, str], Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    after_amount: defaultdict[tuple[str, str], Decimal] = field(default_factory=lambda: defaultdict(Decimal))


class Newest:
    """The newest decision of each of the `count` returns that were uploaded last, whatever else comes by."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._known: dict[tuple[str, str], ReturnDecision] = {}

    def take(self, decision: ReturnDecision) -> None:
        """Hear of one more. A return's `uploaded_at` never changes, so one that is too old once always is."""
        known = self._known.get((decision.order_key, decision.rma))
        if known is None or decision.revision > known.revision:
            self._known[decision.order_key, decision.rma] = decision
        if len(self._known) > 2 * self._count:
            self._known = {(each.order_key, each.rma): each for each in self.decisions}

    @property
    def decisions(self) -> tuple[ReturnDecision, ...]:
        """In the sequence of their uploads."""
        return tuple(sorted(self._known.values(), key=lambda d: (d.uploaded_at, d.order_key, d.rma))[-self._count :])


async def read_past(cluster: Cluster, retailer: str, count: int) -> Past:
    """The retailer's `count` returns that were uploaded last."""
    newest, prefix = Newest(count), f"{retailer}/".encode()
    async for record in read_topic(cluster, topics.RETURN_DECISIONS.name):
        if (record.key or b"").startswith(prefix) and record.value is not None:
            newest.take(ReturnDecision.model_validate_json(record.value))
    wanted = {decision.order_key for decision in newest.decisions}
    orders: dict[str, Order] = {}
    async for record in read_topic(cluster, topics.ORDERS.name):
        if (record.key or b"").startswith(prefix) and (key := (record.key or b"").decode()) in wanted:
            orders.pop(key, None)
            if record.value is not None:
                orders[key] = Order.model_validate_json(record.value)
    units: dict[UnitName, ReturnUnit] = {}
    async for record in read_topic(cluster, topics.RETURN_UNITS.name):
        if (record.key or b"").startswith(prefix) and record.value is not None:
            row = ReturnUnit.model_validate_json(record.value)
            if row.order_key in wanted:
                units[row.order_key, row.rma, folded_sku(row.sku), row.ordinal] = row
    return Past(newest.decisions, orders, units)


def compare(past: Past, retailer: Retailer) -> Comparison:
    """What the retailer's rules as given would decide otherwise. Orders count as they are now, amounts as they were
    matched then. ValueError where a rule is not well-formed."""
    result, settings = Comparison(), freeze(retailer)
    for decision in past.decisions:
        order = past.orders.get(decision.order_key)
        result.returns += 1
        if order is None and not all(unit.state in _OF_THE_ORDER for unit in decision.units):
            result.gone.append(f"{decision.order_key} {decision.rma}")
            continue
        for unit in decision.units:
            row = past.units.get((decision.order_key, decision.rma, folded_sku(unit.sku), unit.ordinal))
            _count(result, decision, unit, row, _again(unit, row, order, settings))
    return result


def _again(unit: UnitDecision, row: ReturnUnit | None, order: Order | None, settings: FrozenSettings) -> Outcome:
    fixed = _fixed(unit, row)
    if fixed is not None or order is None:
        return fixed or _outcome(unit)
    uploaded = UploadedUnit(sku=unit.sku, reason=unit.reason, return_action=unit.return_action)
    return _outcome(decide_unit(uploaded, order, settings, ordinal=unit.ordinal, revision=unit.revision))


def _fixed(unit: UnitDecision, row: ReturnUnit | None) -> Outcome | None:
    """What became of the unit, where no rule could have changed it."""
    if unit.state in _OF_THE_ORDER:
        return _outcome(unit)
    return (row.state.value, "order") if row is not None and row.state in _WHATEVER_THE_RULES else None


def _outcome(unit: UnitDecision) -> Outcome:
    return unit.option.value if unit.option else unit.state.value, unit.decided_by


def _count(
    result: Comparison, decision: ReturnDecision, unit: UnitDecision, row: ReturnUnit | None, after: Outcome
) -> None:
    before = _fixed(unit, row) or _outcome(unit)
    amount, currency = (row.amount, row.currency) if row else (None, None)
    result.units += 1
    for (outcome, _), counts, amounts in (
        (before, result.before, result.before_amount),
        (after, result.after, result.after_amount),
    ):
        counts[outcome, currency or ""] += 1
        amounts[outcome, currency or ""] += amount or Decimal(0)
    if before[0] != after[0]:
        result.changes.append(Change(decision.order_key, decision.rma, unit, before, after, amount, currency))
