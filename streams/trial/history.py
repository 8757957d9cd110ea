"""Past returns decided anew: what other rules would have made of them, by outcome and amount."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from contracts import keys, topics
from contracts.orders import Order
from contracts.retailers import Retailer, freeze
from contracts.returns import DecisionState, ReturnDecision, ReturnUnit, UnitDecision, UploadedUnit
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


@dataclass(frozen=True, slots=True)
class Past:
    """The last returns of one retailer. orders: by order key, as they are now. units: by `unit_key`."""

    decisions: tuple[ReturnDecision, ...]
    orders: Mapping[str, Order]
    units: Mapping[str, ReturnUnit]


@dataclass(frozen=True, slots=True)
class Change:
    """One unit that would get another outcome. amount: what it is worth, None where it was matched to nothing."""

    order_key: str
    rma: str
    before: UnitDecision
    after: UnitDecision
    amount: Decimal | None
    currency: str | None


@dataclass(slots=True)
class Comparison:
    """What would differ. before and after: units and sums by (outcome, currency). gone: returns whose order is not
    kept any more, and which therefore nobody can decide anew."""

    returns: int = 0
    units: int = 0
    gone: list[str] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    before: Counter[tuple[str, str]] = field(default_factory=Counter)
    after: Counter[tuple[str, str]] = field(default_factory=Counter)
    before_amount: defaultdict[tuple[str, str], Decimal] = field(default_factory=lambda: defaultdict(Decimal))
    after_amount: defaultdict[tuple[str, str], Decimal] = field(default_factory=lambda: defaultdict(Decimal))


async def read_past(cluster: Cluster, retailer: str, count: int) -> Past:
    """The retailer's `count` returns that were uploaded last."""
    newest: dict[tuple[str, str], ReturnDecision] = {}
    async for record in read_topic(cluster, topics.RETURN_DECISIONS.name):
        if (record.key or b"").startswith(f"{retailer}/".encode()) and record.value is not None:
            decision = ReturnDecision.model_validate_json(record.value)
            known = newest.get((decision.order_key, decision.rma))
            if known is None or decision.revision > known.revision:
                newest[decision.order_key, decision.rma] = decision
    decisions = sorted(newest.values(), key=lambda d: d.uploaded_at)[-count:]
    wanted = {decision.order_key for decision in decisions}
    orders: dict[str, Order] = {}
    async for record in read_topic(cluster, topics.ORDERS.name):
        if (key := (record.key or b"").decode()) in wanted:
            orders.pop(key, None)
            if record.value is not None:
                orders[key] = Order.model_validate_json(record.value)
    units: dict[str, ReturnUnit] = {}
    async for record in read_topic(cluster, topics.RETURN_UNITS.name):
        key = (record.key or b"").decode()
        if key.split("|", 1)[0] in wanted and record.value is not None:
            units[key] = ReturnUnit.model_validate_json(record.value)
    return Past(tuple(decisions), orders, units)


def compare(past: Past, retailer: Retailer) -> Comparison:
    """What the retailer's rules as given would decide otherwise. Orders count as they are now, amounts as they were
    matched then. ValueError where a rule is not well-formed."""
    result = Comparison()
    for decision in past.decisions:
        order = past.orders.get(decision.order_key)
        result.returns += 1
        if order is None:
            result.gone.append(f"{decision.order_key} {decision.rma}")
            continue
        for before in decision.units:
            after = _again(before, order, retailer) if before.state not in _OF_THE_ORDER else before
            row = past.units.get(keys.unit_key(decision.order_key, decision.rma, before.sku, before.ordinal))
            _count(result, decision, before, after, row)
    return result


def outcome(unit: UnitDecision) -> str:
    """In one word: the option, or the state where there is none."""
    return unit.option.value if unit.option else unit.state.value


def _again(before: UnitDecision, order: Order, retailer: Retailer) -> UnitDecision:
    unit = UploadedUnit(sku=before.sku, reason=before.reason, return_action=before.return_action)
    return decide_unit(unit, order, freeze(retailer), ordinal=before.ordinal, revision=before.revision)


def _count(
    result: Comparison, decision: ReturnDecision, before: UnitDecision, after: UnitDecision, row: ReturnUnit | None
) -> None:
    amount, currency = (row.amount, row.currency) if row else (None, None)
    result.units += 1
    for unit, counts, amounts in (
        (before, result.before, result.before_amount),
        (after, result.after, result.after_amount),
    ):
        place = outcome(unit), currency or ""
        counts[place] += 1
        amounts[place] += amount or Decimal(0)
    if outcome(before) != outcome(after):
        result.changes.append(Change(decision.order_key, decision.rma, before, after, amount, currency))
