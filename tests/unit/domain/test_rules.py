"""Rules: the seed's examples word for word, and every dimension with every operator and a missing value."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from contracts.retailers import Condition, Dimension, Operator, RuleOutcome
from streams.domain.rules import KINDS, OPERATORS, Kind, evaluate
from tests.unit.domain.builders import order, rule, unit, when

# (order fields, unit fields) of an order and a unit that have a value in every dimension, and of ones that lack all.
FULL: tuple[dict[str, Any], dict[str, Any]] = (
    {
        "tags": ("VIP", "Final Sale"),
        "total_price": Decimal("49.99"),
        "total_discounts": Decimal("25.00"),
        "total_line_items_price": Decimal("75.00"),
        "country": "CA",
        "discount_codes": ("WELCOME10", "FreeShip"),
    },
    {"reason": " Faulty "},
)
EMPTY: tuple[dict[str, Any], dict[str, Any]] = (
    {"total_price": Decimal(0), "total_line_items_price": Decimal(0), "country": None},
    {"reason": "  "},
)


def holds(condition: Condition, values: tuple[dict[str, Any], dict[str, Any]] = FULL) -> bool:
    outcome, (trace,) = evaluate([rule(condition, then="refund")], order(**values[0]), unit(**values[1]))
    assert trace.conditions[0].held is (outcome is not None)
    return outcome is not None


class TestTheSeed:
    def test_return_reason_equal_to_faulty_then_refund(self) -> None:
        rules = [rule(when("return_reason", "equal_to", "Faulty"), then="refund")]

        assert evaluate(rules, order(), unit(reason="Faulty"))[0] is RuleOutcome.REFUND
        assert evaluate(rules, order(), unit(reason="Too small"))[0] is None

    def test_order_discount_percent_greater_than_50_then_store_credit(self) -> None:
        rules = [rule(when("order_discount_percent", "greater_than", "50"), then="credit_note")]

        assert evaluate(rules, order(total_discounts=Decimal("50.01")), unit())[0] is RuleOutcome.CREDIT_NOTE
        assert evaluate(rules, order(total_discounts=Decimal("50.00")), unit())[0] is None

    def test_order_country_equal_to_canada_then_no_action(self) -> None:
        rules = [rule(when("order_country", "equal_to", "CA"), then="no_action")]

        assert evaluate(rules, order(country="CA"), unit())[0] is RuleOutcome.NO_ACTION
        assert evaluate(rules, order(country="US"), unit())[0] is None

    def test_a_damaged_item_from_australia_gets_store_credit_because_the_country_comes_first(self) -> None:
        rules = [
            rule(when("order_country", "equal_to", "AU"), then="credit_note", name="Australia"),
            rule(when("return_reason", "equal_to", "Damaged"), then="refund", name="Damaged"),
        ]
        damaged = unit(reason="Damaged")

        outcome, traces = evaluate(rules, order(country="AU"), damaged)
        assert (outcome, [t.name for t in traces]) == (RuleOutcome.CREDIT_NOTE, ["Australia"])
        outcome, traces = evaluate(rules, order(country="NZ"), damaged)
        assert (outcome, [t.matched for t in traces]) == (RuleOutcome.REFUND, [False, True])

    def test_no_match_automates_nothing(self) -> None:
        assert evaluate([], order(), unit()) == (None, ())


# dimension, operator, operands, whether it holds with every value there, whether it holds with every value missing
CASES: list[tuple[str, str, tuple[str, ...], bool, bool]] = [
    ("tag", "equal_to", ("vip",), True, False),
    ("tag", "equal_to", ("final",), False, False),
    ("tag", "not_equal_to", ("final",), True, True),
    ("tag", "not_equal_to", ("final sale ",), False, True),
    ("tag", "in", ("x", "VIP"), True, False),
    ("tag", "in", ("x",), False, False),
    ("tag", "not_in", ("x", "y"), True, True),
    ("tag", "not_in", ("x", "VIP"), False, True),
    ("tag", "contains", ("SALE",), True, False),
    ("tag", "contains", ("vip final",), False, False),
    ("tag", "starts_with", ("final",), True, False),
    ("tag", "starts_with", ("sale",), False, False),
    ("tag", "is_empty", (), False, True),
    ("order_discount_code", "equal_to", ("welcome10",), True, False),
    ("order_discount_code", "equal_to", ("welcome",), False, False),
    ("order_discount_code", "not_equal_to", ("SUMMER",), True, True),
    ("order_discount_code", "not_equal_to", ("FREESHIP",), False, True),
    ("order_discount_code", "in", ("freeship",), True, False),
    ("order_discount_code", "not_in", ("freeship",), False, True),
    ("order_discount_code", "contains", ("come1",), True, False),
    ("order_discount_code", "starts_with", ("WEL",), True, False),
    ("order_discount_code", "is_empty", (), False, True),
    ("return_reason", "equal_to", ("FAULTY",), True, False),
    ("return_reason", "equal_to", ("Fault",), False, False),
    ("return_reason", "not_equal_to", ("Too small",), True, False),
    ("return_reason", "not_equal_to", ("faulty",), False, False),
    ("return_reason", "in", ("Broken", "faulty"), True, False),
    ("return_reason", "in", ("Broken",), False, False),
    ("return_reason", "not_in", ("Broken",), True, False),
    ("return_reason", "not_in", ("Broken", "Faulty"), False, False),
    ("return_reason", "contains", ("ault",), True, False),
    ("return_reason", "contains", ("small",), False, False),
    ("return_reason", "starts_with", (" Fau",), True, False),
    ("return_reason", "starts_with", ("aulty",), False, False),
    ("return_reason", "is_empty", (), False, True),
    ("order_country", "equal_to", ("CA",), True, False),
    ("order_country", "equal_to", ("Canada",), True, False),
    ("order_country", "equal_to", ("US",), False, False),
    ("order_country", "not_equal_to", ("US",), True, False),
    ("order_country", "not_equal_to", ("CA",), False, False),
    ("order_country", "in", ("US", "CA"), True, False),
    ("order_country", "in", ("US",), False, False),
    ("order_country", "not_in", ("US", "GB"), True, False),
    ("order_country", "not_in", ("US", "CA"), False, False),
    ("order_country", "is_empty", (), False, True),
    ("order_value", "equal_to", ("49.990",), True, False),
    ("order_value", "not_equal_to", ("49.99",), False, True),
    ("order_value", "greater_than", ("49.98",), True, False),
    ("order_value", "greater_than", ("49.99",), False, False),
    ("order_value", "greater_or_equal", ("49.99",), True, False),
    ("order_value", "greater_or_equal", ("50",), False, False),
    ("order_value", "less_than", ("50",), True, True),
    ("order_value", "less_than", ("49.99",), False, True),
    ("order_value", "less_or_equal", ("49.99",), True, True),
    ("order_value", "less_or_equal", ("49.98",), False, True),
    ("order_value", "between", ("49.99", "60"), True, False),
    ("order_value", "between", ("10", "49.99"), True, False),
    ("order_value", "between", ("50", "60"), False, False),
    ("order_discount_value", "equal_to", ("25",), True, False),
    ("order_discount_value", "not_equal_to", ("25",), False, True),
    ("order_discount_value", "greater_than", ("24.99",), True, False),
    ("order_discount_value", "greater_or_equal", ("25",), True, False),
    ("order_discount_value", "less_than", ("25",), False, True),
    ("order_discount_value", "less_or_equal", ("25",), True, True),
    ("order_discount_value", "between", ("0", "25"), True, True),
    ("order_discount_percent", "equal_to", ("33.33",), False, False),
    ("order_discount_percent", "not_equal_to", ("33.33",), True, True),
    ("order_discount_percent", "greater_than", ("33.33",), True, False),
    ("order_discount_percent", "greater_or_equal", ("33.3333333333333333333333333333333334",), False, False),
    ("order_discount_percent", "less_than", ("33.34",), True, True),
    ("order_discount_percent", "less_or_equal", ("33.3333333333333333333333333333333334",), True, True),
    ("order_discount_percent", "between", ("33", "34"), True, False),
    ("order_discount_percent", "equal_to", ("0",), False, True),
]


@pytest.mark.parametrize(("dimension", "operator", "operands", "full", "empty"), CASES)
def test_a_condition_holds_or_not(
    dimension: str, operator: str, operands: tuple[str, ...], full: bool, empty: bool
) -> None:
    condition = when(dimension, operator, *operands)

    assert holds(condition, FULL) is full
    assert holds(condition, EMPTY) is empty


def test_every_legal_combination_has_a_case() -> None:
    legal = {(d.value, o.value) for d, kind in KINDS.items() for o in OPERATORS[kind]}

    assert {(case[0], case[1]) for case in CASES} == legal
    assert set(KINDS) == set(Dimension)


@pytest.mark.parametrize(
    ("dimension", "operator"),
    [(d, o) for d, kind in KINDS.items() for o in Operator if o not in OPERATORS[kind]],
)
def test_an_operator_that_does_not_fit_is_refused_for_passing_over_it_could_pay_by_a_later_rule(
    dimension: Dimension, operator: Operator
) -> None:
    with pytest.raises(ValueError, match=f"{operator} does not fit {dimension}"):
        holds(when(dimension, operator, "1"))


@pytest.mark.parametrize(
    ("operator", "operands"),
    [("between", ("1",)), ("equal_to", ()), ("equal_to", ("1", "2")), ("greater_than", ("much",))],
)
def test_a_number_is_refused_that_cannot_be_compared(operator: str, operands: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="rule 'a rule': order_value"):
        holds(when("order_value", operator, *operands))


def test_in_without_values_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one value"):
        holds(when("tag", "in"))


@pytest.mark.parametrize(("currency", "held"), [(None, True), ("USD", True), ("GBP", False)])
@pytest.mark.parametrize("operator", ["less_than", "not_equal_to"])
def test_a_condition_that_names_a_currency_holds_only_for_orders_in_it(
    operator: str, currency: str | None, held: bool
) -> None:
    assert holds(when("order_value", operator, "1000", currency=currency)) is held


def test_all_conditions_of_a_rule_must_hold_and_all_are_told_with_the_value_seen() -> None:
    both = rule(
        when("order_country", "equal_to", "US"),
        when("return_reason", "equal_to", "Faulty"),
        when("tag", "in", "vip"),
        when("order_value", "between", "10", "50", currency="GBP"),
        when("order_discount_percent", "less_than", "40"),
        then="refund",
        name="all of it",
    )

    outcome, (trace,) = evaluate([both], order(**FULL[0]), unit(**FULL[1]))

    assert outcome is None
    assert (trace.name, trace.matched, trace.then) == ("all of it", False, "refund")
    assert [c.held for c in trace.conditions] == [False, True, True, False, True]
    assert [c.currency for c in trace.conditions] == [None, None, None, "GBP", None]
    assert (trace.conditions[3].dimension, trace.conditions[3].operator) == ("order_value", "between")
    assert trace.conditions[3].operands == ("10", "50")
    assert [c.seen for c in trace.conditions] == [
        "CA",
        "Faulty",
        ("VIP", "Final Sale"),
        "49.99 USD",
        "33.33333333333333333333333333",
    ]


@pytest.mark.parametrize("dimension", ["tag", "return_reason", "order_discount_code"])
def test_only_countries_are_compared_as_countries(dimension: str) -> None:
    seen = order(tags=("uk",), discount_codes=("uk",)), unit(reason="uk")

    for operand, held in (("UK", True), ("GB", False), ("Great Britain", False)):
        rules = [rule(when(dimension, "equal_to", operand), then="refund")]
        assert (evaluate(rules, *seen)[0] is not None) is held


@pytest.mark.parametrize(("operand", "held"), [("Atlantis", False), (" zZ ", True)])
def test_a_country_that_nobody_knows_is_compared_as_text(operand: str, held: bool) -> None:
    condition = when("order_country", "equal_to", operand)

    assert evaluate([rule(condition, then="refund")], order(country="ZZ"), unit())[1][0].matched is held


def test_a_missing_value_is_told_as_missing_and_an_empty_set_as_empty() -> None:
    rules = [rule(when("order_country", "equal_to", "US"), when("tag", "is_empty"), then="refund")]

    _, (trace,) = evaluate(rules, order(**EMPTY[0]), unit(**EMPTY[1]))

    assert [c.seen for c in trace.conditions] == [None, ()]


def test_a_rule_without_conditions_always_holds_and_ends_the_list() -> None:
    rules = [rule(then="no_action", name="always"), rule(then="refund", name="never looked at")]

    outcome, traces = evaluate(rules, order(), unit())

    assert outcome is RuleOutcome.NO_ACTION
    assert [t.name for t in traces] == ["always"]


def test_text_and_sets_take_the_same_operators() -> None:
    assert OPERATORS[Kind.TEXT] == OPERATORS[Kind.SET]
