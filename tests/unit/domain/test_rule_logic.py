"""What `retailers check` says of idle rules: certain, whatever the order, and not silent on plain cases."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from itertools import combinations, product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.orders import Order
from contracts.retailers import Condition, Dimension, Operator, Rule, RuleOutcome
from contracts.returns import UploadedUnit
from streams.domain.rule_logic import never_holds, shadows
from streams.domain.rules import KINDS, OPERATORS, Kind, evaluate

WORDS = ("a", "ab", "b", "bab")
NUMBERS = ("0", "1", "2", "3")
COUNTRIES = ("CA", "Canada", "US")
OPERANDS = {Kind.TEXT: WORDS, Kind.SET: WORDS, Kind.NUMBER: NUMBERS, Kind.COUNTRY: COUNTRIES}


def rule(*conditions: Condition) -> Rule:
    return Rule(name="rule", conditions=conditions, then=RuleOutcome.REFUND)


def when(dimension: str, operator: str, *operands: str, currency: str | None = None) -> Condition:
    return Condition(dimension=Dimension(dimension), operator=Operator(operator), operands=operands, currency=currency)


def _orders() -> list[Order]:
    """One for each combination of what the conditions below can tell apart, between the numbers they name too."""
    sets = [members for size in range(3) for members in combinations(WORDS[1:], size)]
    values = [Decimal(half) / 2 for half in range(7)]
    at = datetime(2026, 11, 1, tzinfo=UTC)
    empty = Order(
        retailer="acme",
        shop="acme.myshopify.com",
        id="1",
        name="1",
        created_at=at,
        updated_at=at,
        currency="USD",
        taxes_included=False,
        total_price=Decimal(0),
        total_discounts=Decimal(0),
        total_line_items_price=Decimal(0),
        lines=(),
    )
    return [
        empty.model_copy(update={"tags": tags, "total_price": value, "country": country, "currency": currency})
        for tags, value, country, currency in product(sets, values, (None, "CA", "US", "DE"), ("USD", "EUR"))
    ]


ORDERS = _orders()
UNITS = [UploadedUnit(sku="TEE", reason=reason) for reason in ("", "A", "ab", "abc", "b", "bab", "xbaby", "c")]


def holds(rule_: Rule, order: Order, unit: UploadedUnit) -> bool:
    return evaluate([rule_], order, unit)[0] is not None


@st.composite
def conditions(draw: st.DrawFn) -> Condition:
    dimensions = [Dimension.TAG, Dimension.ORDER_VALUE, Dimension.ORDER_COUNTRY, Dimension.RETURN_REASON]
    dimension = draw(st.sampled_from(dimensions))
    kind = KINDS[dimension]
    operator = draw(st.sampled_from(OPERATORS[kind]))
    sizes = {Operator.IN: (1, 3), Operator.NOT_IN: (1, 3), Operator.BETWEEN: (2, 2), Operator.IS_EMPTY: (1, 1)}
    low, high = sizes.get(operator, (1, 1))
    operands = draw(st.lists(st.sampled_from(OPERANDS[kind]), min_size=low, max_size=high))
    currency = draw(st.sampled_from((None, None, "EUR", "USD"))) if kind is Kind.NUMBER else None
    return when(dimension, operator, *(() if operator is Operator.IS_EMPTY else operands), currency=currency)


rules = st.lists(conditions(), max_size=3).map(lambda drawn: rule(*drawn))


@settings(max_examples=60, deadline=None)
@given(rules)
def test_of_a_rule_that_is_said_to_never_hold_no_order_is_an_example(one: Rule) -> None:
    if never_holds(one) is not None:
        assert not any(holds(one, order, unit) for order in ORDERS for unit in UNITS)


@settings(max_examples=60, deadline=None)
@given(rules, rules)
def test_where_a_shadowed_rule_holds_the_earlier_one_does(earlier: Rule, later: Rule) -> None:
    if shadows(earlier, later):
        for order, unit in product(ORDERS, UNITS):
            assert holds(earlier, order, unit) or not holds(later, order, unit)


@pytest.mark.parametrize(
    "impossible",
    [
        (when("order_value", "greater_than", "50"), when("order_value", "less_than", "50")),
        (when("order_value", "between", "50", "10"),),
        (when("order_value", "less_than", "0"),),
        (when("order_value", "equal_to", "5"), when("order_value", "not_equal_to", "5.00")),
        (when("order_value", "equal_to", "5", currency="EUR"), when("order_value", "less_than", "9", currency="USD")),
        (when("return_reason", "equal_to", "Faulty"), when("return_reason", "equal_to", "Worn")),
        (when("return_reason", "in", "Faulty", "Worn"), when("return_reason", "not_in", "worn ", "FAULTY")),
        (when("return_reason", "is_empty"), when("return_reason", "not_equal_to", "x")),
        (when("order_country", "equal_to", "Canada"), when("order_country", "not_equal_to", "ca")),
        (when("tag", "equal_to", "VIP"), when("tag", "not_in", "vip", "b2b")),
        (when("tag", "is_empty"), when("tag", "starts_with", "v")),
    ],
)
def test_what_contradicts_itself_is_found(impossible: tuple[Condition, ...]) -> None:
    assert never_holds(rule(*impossible)) is not None


@pytest.mark.parametrize(
    "possible",
    [
        (),
        (when("tag", "equal_to", "a"), when("tag", "equal_to", "b")),
        (when("tag", "is_empty"), when("tag", "not_equal_to", "a")),
        (when("return_reason", "is_empty"), when("return_reason", "is_empty")),
        (when("order_value", "greater_or_equal", "5"), when("order_value", "less_or_equal", "5")),
        (when("return_reason", "contains", "fault"), when("return_reason", "in", "Faulty", "Worn")),
        (when("order_value", "equal_to", "5", currency="EUR"),),
        (when("order_value", "equal_to", "5", currency="EUR"), when("tag", "equal_to", "a", currency="EUR")),
        (when("return_reason", "equal_to", "uk"), when("return_reason", "not_equal_to", "GB")),
        (when("tag", "equal_to", "uk"), when("tag", "not_equal_to", "GB")),
    ],
)
def test_what_some_order_can_meet_is_left_alone(possible: tuple[Condition, ...]) -> None:
    assert never_holds(rule(*possible)) is None


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        (when("order_value", "greater_than", "50"), when("order_value", "between", "60", "80")),
        (when("order_value", "greater_than", "50"), when("order_value", "greater_than", "50", currency="EUR")),
        (when("return_reason", "contains", "fault"), when("return_reason", "equal_to", "Faulty")),
        (when("return_reason", "contains", "aul"), when("return_reason", "starts_with", "Faulty")),
        (when("return_reason", "not_equal_to", "worn"), when("return_reason", "in", "a", "b")),
        (when("order_country", "in", "CA", "US"), when("order_country", "equal_to", "Canada")),
        (when("tag", "in", "vip", "b2b"), when("tag", "equal_to", "VIP")),
        (when("tag", "not_equal_to", "vip"), when("tag", "not_in", "vip", "b2b")),
        (when("tag", "not_equal_to", "vip"), when("tag", "is_empty")),
    ],
)
def test_a_narrower_rule_behind_a_wider_one_is_shadowed_and_not_the_other_way_round(
    earlier: Condition, later: Condition
) -> None:
    assert shadows(rule(earlier), rule(later))
    assert not shadows(rule(later), rule(earlier))


def test_every_condition_of_the_earlier_rule_must_follow() -> None:
    wide = rule(when("tag", "equal_to", "vip"), when("order_value", "greater_than", "10"))
    assert shadows(wide, rule(when("order_value", "equal_to", "11"), when("tag", "equal_to", "vip")))
    assert not shadows(wide, rule(when("tag", "equal_to", "vip")))
    assert shadows(rule(), wide)
    assert not shadows(wide, rule())
