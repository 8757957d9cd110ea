"""What came out against what had to: one line for each difference, none when all is as it must be."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TypeVar

from contracts.actions import ReturnAction
from contracts.keys import folded_sku, order_name, tracking_key
from contracts.returns import ReturnUnit
from contracts.tracking import DeliveryResult
from demo.expected import Expected, Return, Unit
from demo.hook import Received
from demo.observed import Observed

K = TypeVar("K")
V = TypeVar("V")


def differences(expected: Expected, seen: Observed, posts: Sequence[Received], *, in_order: bool = True) -> list[str]:
    """Everything that is missing, too much or otherwise than it must be.

    in_order: whether the story was told in its own order, so that the hooks' codes and the alerts must be in theirs.
    """
    return [
        *_orders(expected, seen),
        *_units(expected, seen),
        *_actions(expected, seen),
        *_deliveries(expected, seen, posts, in_order=in_order),
        *_letters(expected, seen),
        *(_alerts(expected, seen) if in_order else ()),
    ]


def posts_of(known: Return, posts: Iterable[Received]) -> list[Received]:
    """What was accepted about a return, each message once, in the order of its first arrival."""
    once: dict[str, Received] = {}
    for post in posts:
        place = order_name(post.said("OrderNo")), tracking_key(post.said("ConsignmentNo"))
        if post.accepted and post.retailer == known.retailer and place == (known.order, tracking_key(known.parcel)):
            once.setdefault(post.webhook_id, post)
    return list(once.values())


def action_of(known: Return, unit: Unit, seen: Observed) -> ReturnAction | None:
    """The first action of a unit."""
    place = (known.order_key, known.rma, folded_sku(unit.sku), unit.ordinal)
    return next((action for action in seen.actions if _place(action) == place), None)


def unit_of(known: Return, unit: Unit, seen: Observed) -> ReturnUnit | None:
    """The row of a unit."""
    return seen.units.get((known.order_key, known.rma, unit.sku, unit.ordinal))


def _orders(expected: Expected, seen: Observed) -> Iterator[str]:
    wanted = {row.key: (str(row.id), Decimal(row.total), row.lines) for row in expected.orders}
    found = {key: (order.id, order.total_price, len(order.lines)) for key, order in seen.orders.items()}
    yield from _mappings("order", wanted, found)


def _units(expected: Expected, seen: Observed) -> Iterator[str]:
    wanted = {
        (known.order_key, known.rma, unit.sku, unit.ordinal): (known, unit)
        for known in expected.returns
        for unit in known.units
    }
    for key in seen.units.keys() - wanted.keys():
        yield f"unit {_name(key)}: nobody returned it"
    for key, (known, unit) in wanted.items():
        row = seen.units.get(key)
        if row is None:
            yield f"unit {_name(key)}: not there"
            continue
        for field, must, is_ in _fields_of_unit(known, unit, row):
            if must is not None and must != is_:
                yield f"unit {_name(key)}: {field} is {is_}, must be {must}"


def _fields_of_unit(known: Return, unit: Unit, row: ReturnUnit) -> Iterator[tuple[str, object, object]]:
    yield "state", unit.state, row.state.value
    yield "option", unit.option, row.option.value if row.option else None
    yield "decided_by", unit.by, row.decided_by
    yield "amount", _money(unit.amount), row.amount
    yield "tax", _money(unit.tax), row.tax
    yield "currency", unit.currency, row.currency
    yield "milestone", known.milestone, row.milestone.value if row.milestone else None


def _actions(expected: Expected, seen: Observed) -> Iterator[str]:
    wanted = {
        (known.order_key, known.rma, folded_sku(unit.sku), unit.ordinal): (known, unit)
        for known in expected.returns
        for unit in known.units
        if unit.state == "acted"
    }
    counts = Counter(map(_place, seen.actions))
    for key, count in counts.items():
        if key not in wanted:
            yield f"action {_name(key)}: nobody may act on it"
        elif count > 1:
            yield f"action {_name(key)}: {count} times, must be once"
    for key in wanted.keys() - counts.keys():
        yield f"action {_name(key)}: not there"
    for action in seen.actions:
        if (key := _place(action)) in wanted:
            known, unit = wanted[key]
            for field, must, is_ in _fields_of_action(known, unit, action):
                if must != is_:
                    yield f"action {_name(key)}: {field} is {is_}, must be {must}"


def _fields_of_action(known: Return, unit: Unit, action: ReturnAction) -> Iterator[tuple[str, object, object]]:
    presented = (action.presentment_amount, action.presentment_tax, action.presentment_currency)
    must = (_money(unit.presented[0]), _money(unit.presented[1]), unit.presented[2]) if unit.presented else (None,) * 3
    yield "option", unit.option, action.option.value
    yield "amount", _money(unit.amount), action.amount
    yield "tax", _money(unit.tax), action.tax
    yield "currency", unit.currency, action.currency
    yield "presentment", must, presented
    yield "order", str(known.order_id), action.order_id
    yield "decided_by", unit.by, action.decided_by
    yield "exchange variant", unit.exchange_variant, action.exchange_variant_id
    if unit.evidence is not None:
        yield "evidence", unit.evidence, action.evidence.milestone


def _deliveries(expected: Expected, seen: Observed, posts: Sequence[Received], *, in_order: bool) -> Iterator[str]:
    for post in posts:
        yield from (f"hook of {post.retailer}, {post.said('Code')}: {problem}" for problem in post.problems)
    told = 0
    for known in expected.returns:
        codes = [post.said("Code") for post in posts_of(known, posts)]
        told += len(codes)
        wanted = list(known.told or ())
        if (codes if in_order else sorted(codes)) != (wanted if in_order else sorted(wanted)):
            yield f"deliveries of {known.rma}: {' '.join(codes) or 'none'}, must be {' '.join(wanted) or 'none'}"
    accepted = {post.webhook_id for post in posts if post.accepted}
    if len(accepted) != told:
        yield f"deliveries: {len(accepted) - told} messages belong to no return"
    recorded = Counter(d.delivery_id for d in seen.deliveries if d.result is DeliveryResult.DELIVERED)
    yield from _mappings("recorded delivery", dict.fromkeys(accepted, 1), dict(recorded))


def _letters(expected: Expected, seen: Observed) -> Iterator[str]:
    wanted = Counter((letter.agent, letter.reason, letter.key) for letter in expected.letters)
    found = Counter((letter.agent, letter.reason, letter.key) for letter in seen.letters)
    yield from _mappings("dead letter", dict(wanted), dict(found))


def _alerts(expected: Expected, seen: Observed) -> Iterator[str]:
    wanted = Counter((call.kind, call.order_key, call.rma, call.sku) for call in expected.calls)
    found = Counter((a.kind.value, a.order_key, a.rma, a.sku) for a in seen.alerts.values())
    yield from _mappings("alert", dict(wanted), dict(found))


def _mappings(what: str, wanted: Mapping[K, V], found: Mapping[K, V]) -> Iterator[str]:
    for key in found.keys() - wanted.keys():
        yield f"{what} {_name(key)}: is there, and must not be"
    for key, must in wanted.items():
        if key not in found:
            yield f"{what} {_name(key)}: not there"
        elif found[key] != must:
            yield f"{what} {_name(key)}: {_name(found[key])}, must be {_name(must)}"


def _place(action: ReturnAction) -> tuple[str, str, str, int]:
    return action.order_key, action.rma, folded_sku(action.sku), action.ordinal


def _name(key: object) -> str:
    return " ".join(map(str, key)) if isinstance(key, tuple) else str(key)


def _money(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)
