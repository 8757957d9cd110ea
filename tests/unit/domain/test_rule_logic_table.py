"""Every two conditions of a dimension: what is said of them is what all values of a small world show.

The worlds hold a value for every way in which the operands can stand to each other, so that in them "for all" is "for
all there are". What could be said and is not is written down: there is nearly nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from itertools import combinations, product

import pytest

from contracts.orders import Order
from contracts.retailers import Condition, Dimension, Operator
from contracts.returns import UploadedUnit
from streams.domain.rule_logic import never_holds, shadows
from streams.domain.rules import KINDS, OPERATORS, evaluate
from tests.unit.domain.builders import order, rule, unit, when

World = Sequence[tuple[Order, UploadedUnit]]

TEXTS = ("a", "b", "ab", "ba", "aba", "bab", "c", "abc", "cab", "bb", "aa", "abab", "xax", "xbx", "xabx")
WORLDS: dict[str, tuple[tuple[str, ...], World]] = {
    "return_reason": (("a", "ab", "b"), [(order(), unit(reason=text)) for text in ("", *TEXTS)]),
    "order_country": (("CA", "Canada", "US"), [(order(country=code), unit()) for code in (None, "CA", "US", "DE")]),
    "tag": (("a", "ab", "b"), [(order(tags=tags), unit()) for size in range(3) for tags in combinations(TEXTS, size)]),
    "order_value": (
        ("0", "1", "2"),
        [(order(total_price=value), unit()) for value in (*(Decimal(half) / 2 for half in range(6)), Decimal(999))],
    ),
}

# No order has a value below 0, so that one which is not 0 is above it; that nobody is told does no harm.
UNSAID_SHADOWS = {("greater_than 0", "not_equal_to 0")}
# Nothing starts with both.
UNSAID_CONTRADICTIONS = {("starts_with a", "starts_with b"), ("starts_with ab", "starts_with b")}


def conditions(dimension: str) -> Iterator[Condition]:
    """Each operator with each choice of the operands."""
    operands = WORLDS[dimension][0]
    for operator in OPERATORS[KINDS[Dimension(dimension)]]:
        if operator is Operator.IS_EMPTY:
            yield when(dimension, operator)
        elif operator is Operator.BETWEEN:
            yield from (when(dimension, operator, low, high) for low, high in product(operands, operands))
        elif operator in (Operator.IN, Operator.NOT_IN):
            yield from (when(dimension, operator, *few) for size in (1, 2) for few in combinations(operands, size))
        else:
            yield from (when(dimension, operator, operand) for operand in operands)


def held(condition: Condition) -> list[bool]:
    """For each value of the condition's world, whether it holds."""
    alone = [rule(condition, then="refund")]
    return [evaluate(alone, *seen)[0] is not None for seen in WORLDS[condition.dimension][1]]


def named(condition: Condition) -> str:
    return f"{condition.operator} {' '.join(condition.operands)}"


@pytest.mark.parametrize("dimension", list(WORLDS))
def test_a_rule_is_said_to_be_shadowed_exactly_where_every_value_shows_it(dimension: str) -> None:
    unsaid: set[tuple[str, str]] = set()
    known = [(condition, held(condition)) for condition in conditions(dimension)]
    for (earlier, first), (later, then) in product(known, known):
        if any(then):
            follows = all(one or not other for one, other in zip(first, then, strict=True))
            said = shadows(rule(earlier, then="refund"), rule(later, then="refund"))
            assert follows or not said, f"{named(earlier)} is said to follow from {named(later)}"
            if follows and not said:
                unsaid.add((named(earlier), named(later)))
    assert unsaid == (UNSAID_SHADOWS if dimension == "order_value" else set())


@pytest.mark.parametrize("dimension", list(WORLDS))
def test_a_rule_is_said_never_to_hold_exactly_where_no_value_meets_it(dimension: str) -> None:
    unsaid: set[tuple[str, str]] = set()
    known = [(condition, held(condition)) for condition in conditions(dimension)]
    for (one, first), (other, then) in product(known, known):
        possible = any(here and there for here, there in zip(first, then, strict=True))
        said = never_holds(rule(one, other, then="refund"))
        assert not (possible and said), f"{named(one)} and {named(other)} are said to contradict each other"
        if not possible and not said:
            unsaid.add((min(named(one), named(other)), max(named(one), named(other))))
        if said:
            assert said.startswith(f"{dimension}: ")
    assert unsaid == (UNSAID_CONTRADICTIONS if dimension == "return_reason" else set())


@pytest.mark.parametrize("dimension", list(WORLDS))
def test_what_is_said_of_a_rule_with_two_conditions_is_true_of_every_value(dimension: str) -> None:
    known = [(condition, held(condition)) for condition in conditions(dimension)]
    for (one, first), (other, then) in combinations(known, 2):
        later = rule(one, other, then="refund")
        both = [here and there for here, there in zip(first, then, strict=True)]
        for earlier, held_ in known if any(both) else ():
            if shadows(rule(earlier, then="refund"), later):
                assert all(here or not there for here, there in zip(held_, both, strict=True)), named(earlier)
