"""Every dimension with every operator, an operand of each sort and a missing value: the table of semantics.md, whole.

What must come is written down by sort of value, as the semantics say it; which dimension is of which sort, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import pytest

from contracts.retailers import Dimension, Operator, RuleOutcome
from streams.domain.rules import evaluate
from tests.unit.domain.builders import order, rule, unit, when

TEXTS, SETS, COUNTRIES = ("return_reason",), ("tag", "order_discount_code"), ("order_country",)
NUMBERS = ("order_value", "order_discount_value", "order_discount_percent")

# Of the text "Faulty zip": whether each operator holds for an operand that stands in this relation to it. Text is
# trimmed and case-folded; a missing value makes every condition false except is_empty.
RELATED = {
    "same": "  fAULTY ZIP ",
    "its start": "Faul",
    "its middle": "ty z",
    "another": "Too small",
    "longer": "Faulty zips",
}
OF_TEXT: dict[str, set[str]] = {
    "equal_to": {"same"},
    "not_equal_to": {"its start", "its middle", "another", "longer"},
    "in": {"same"},
    "not_in": {"its start", "its middle", "another", "longer"},
    "contains": {"same", "its start", "its middle"},
    "starts_with": {"same", "its start"},
}
# A country is the same by its code or by any English name.
SAME_COUNTRY = {"its code": "CA", "its code, small": " ca", "its name": "Canada", "its long code": "CAN"}
# Of a number: below, equal or above the value. Between includes both ends.
OF_NUMBER: dict[str, set[str]] = {
    "equal_to": {"equal"},
    "not_equal_to": {"below", "above"},
    "greater_than": {"below"},
    "greater_or_equal": {"below", "equal"},
    "less_than": {"above"},
    "less_or_equal": {"equal", "above"},
}
BETWEEN = {
    ("below", "above"): True,
    ("equal", "above"): True,
    ("below", "equal"): True,
    ("equal", "equal"): True,
    ("below", "below"): False,
    ("above", "above"): False,
    ("above", "below"): False,
}


@dataclass(frozen=True)
class Case:
    """One condition, a value that it meets, and whether it holds. value: None where it is missing."""

    dimension: str
    operator: str
    operands: tuple[str, ...]
    value: Any
    holds: bool

    def __str__(self) -> str:
        return f"{self.dimension} {self.operator} {list(self.operands)} of {self.value!r}"


def cases() -> Iterator[Case]:
    """The whole table."""
    for dimension in TEXTS:
        yield from _of_text(dimension)
    for dimension in SETS:
        yield from _of_set(dimension)
    for dimension in COUNTRIES:
        yield from _of_country(dimension)
    for dimension in NUMBERS:
        yield from _of_number(dimension)


def _of_text(dimension: str) -> Iterator[Case]:
    for operator, holding in OF_TEXT.items():
        for relation, operand in RELATED.items():
            yield Case(dimension, operator, (operand,), "Faulty zip", relation in holding)
            for missing in (None, "", "   "):
                yield Case(dimension, operator, (operand,), missing, False)
    yield Case(dimension, "in", ("Too small", "faulty zip"), "Faulty zip", True)
    yield Case(dimension, "not_in", ("Too small", "faulty zip"), "Faulty zip", False)
    yield Case(dimension, "is_empty", (), "Faulty zip", False)
    for missing in (None, "", "   "):
        yield Case(dimension, "is_empty", (), missing, True)


def _of_set(dimension: str) -> Iterator[Case]:
    """Plain forms hold if any member does, the not_ forms if none does; a set is never missing, only empty."""
    for operator, holding in OF_TEXT.items():
        for relation, operand in RELATED.items():
            held = relation in holding
            for members in (("Faulty zip",), ("VIP", "Faulty zip"), ("Faulty zip", "VIP")):
                yield Case(dimension, operator, (operand,), members, held)
            yield Case(dimension, operator, (operand,), (), operator.startswith("not_"))
    yield Case(dimension, "in", ("vip", "x"), ("Faulty zip", "VIP"), True)
    yield Case(dimension, "in", ("y", "x"), ("Faulty zip", "VIP"), False)
    yield Case(dimension, "not_in", ("vip", "x"), ("Faulty zip", "VIP"), False)
    yield Case(dimension, "not_in", ("y", "x"), ("Faulty zip", "VIP"), True)
    yield Case(dimension, "is_empty", (), ("VIP",), False)
    yield Case(dimension, "is_empty", (), (), True)


def _of_country(dimension: str) -> Iterator[Case]:
    for operator in ("equal_to", "not_equal_to", "in", "not_in"):
        negated = operator.startswith("not_")
        for operand in SAME_COUNTRY.values():
            yield Case(dimension, operator, (operand,), "CA", not negated)
        yield Case(dimension, operator, ("United States",), "CA", negated)
        for missing in (None, "", " "):
            yield Case(dimension, operator, ("CA",), missing, False)
    yield Case(dimension, "in", ("US", "Canada"), "CA", True)
    yield Case(dimension, "not_in", ("US", "Canada"), "CA", False)
    for missing in (None, "", " "):
        yield Case(dimension, "is_empty", (), missing, True)
    yield Case(dimension, "is_empty", (), "CA", False)


def _of_number(dimension: str) -> Iterator[Case]:
    """Money and percent are never missing; where there is none they are 0."""
    for value, places in (
        (Decimal(50), {"below": "49.99", "equal": "50.0", "above": "50.01"}),
        (Decimal(0), {"below": "-0.01", "equal": "0.00", "above": "0.01"}),
    ):
        for operator, holding in OF_NUMBER.items():
            for place, operand in places.items():
                yield Case(dimension, operator, (operand,), value, place in holding)
        for (low, high), held in BETWEEN.items():
            yield Case(dimension, "between", (places[low], places[high]), value, held)


def evaluated(case: Case, currency: str | None = None) -> bool:
    """Whether a rule of this condition alone is the one that applies."""
    condition = when(case.dimension, case.operator, *case.operands, currency=currency)
    rules = [rule(condition, then="refund"), rule(then="no_action", name="otherwise")]
    outcome, traces = evaluate(rules, *_seen(case))
    assert traces[0].conditions[0].held is (outcome is RuleOutcome.REFUND)
    return outcome is RuleOutcome.REFUND


def _seen(case: Case) -> tuple[Any, Any]:
    fields: dict[str, dict[str, Any]] = {
        "tag": {"tags": case.value},
        "order_discount_code": {"discount_codes": case.value},
        "order_country": {"country": case.value},
        "order_value": {"total_price": case.value},
        "order_discount_value": {"total_discounts": case.value},
        "order_discount_percent": {"total_discounts": case.value / 4, "total_line_items_price": Decimal(25)}
        if case.dimension in NUMBERS
        else {},
    }
    reason = case.value or "" if case.dimension == "return_reason" else ""
    return order(**fields.get(case.dimension, {})), unit(reason=reason)


@pytest.mark.parametrize("case", tuple(cases()), ids=str)
def test_each_condition_holds_as_the_semantics_say_and_only_in_the_currency_it_names(case: Case) -> None:
    assert evaluated(case) is case.holds
    assert evaluated(case, "USD") is case.holds
    assert evaluated(case, "GBP") is False


def test_the_table_has_every_dimension_and_every_operator_that_fits_it() -> None:
    texts = {*OF_TEXT, "is_empty"}
    fits = {dimension: texts for dimension in (*TEXTS, *SETS)}
    fits |= {dimension: texts - {"contains", "starts_with"} for dimension in COUNTRIES}
    fits |= {dimension: {*OF_NUMBER, "between"} for dimension in NUMBERS}

    assert {dimension.value for dimension in Dimension} == set(fits)
    assert {operator.value for operator in Operator} == {name for names in fits.values() for name in names}
    assert {(case.dimension, case.operator) for case in cases()} == {(d, o) for d, names in fits.items() for o in names}
    missing = {(case.dimension, case.operator) for case in cases() if not case.value}
    assert missing == {(d, o) for d, names in fits.items() for o in names}


@pytest.mark.parametrize(
    ("discounts", "lines", "above"),
    [("1", "3", "33.33"), ("2", "3", "66.66"), ("0", "0", "-0.01"), ("5", "0", "-0.01"), ("100.01", "100", "100")],
)
def test_a_percent_is_not_rounded_and_is_0_of_nothing(discounts: str, lines: str, above: str) -> None:
    seen = order(total_discounts=Decimal(discounts), total_line_items_price=Decimal(lines)), unit()
    step = Decimal(above) + Decimal("0.01")

    assert evaluate([rule(when("order_discount_percent", "greater_than", above), then="refund")], *seen)[0]
    assert evaluate([rule(when("order_discount_percent", "greater_than", str(step)), then="refund")], *seen)[0] is None


# --- the seed's own examples, word for word, its quotation marks too
# ruff: noqa: RUF001

EXAMPLES = """\
If ‘Return Reason’ EQUAL TO ‘Faulty’ THEN ‘Refund’
If ‘Order Discount Percent’ GREATER THAN ‘50’ THEN ‘Store Credit’
If ‘Order Country’ EQUAL TO ‘Canada’ THEN ‘No Action’
"""
WRITTEN = re.compile("If ‘(.+)’ (.+) ‘(.+)’ THEN ‘(.+)’")
OUTCOMES = {"Refund": "refund", "Store Credit": "credit_note", "No Action": "no_action"}


def _as_rule(line: str) -> Any:
    dimension, operator, operand, outcome = WRITTEN.fullmatch(line).groups()  # type: ignore[union-attr]
    condition = when(dimension.lower().replace(" ", "_"), operator.lower().replace(" ", "_"), operand)
    return rule(condition, then=OUTCOMES[outcome], name=line)


@pytest.mark.parametrize(
    ("reason", "discount", "country", "outcome"),
    [
        ("Faulty", "0", "US", "refund"),
        ("faulty ", "60", "CA", "refund"),
        ("Too small", "50.01", "US", "credit_note"),
        ("Too small", "50.01", "CA", "credit_note"),
        ("Too small", "50", "CA", "no_action"),
        ("", "50", "CA", "no_action"),
        ("Too small", "50", "US", None),
        ("Not faulty", "0", None, None),
    ],
)
def test_the_seeds_examples_run_down_the_list_until_one_is_met(
    reason: str, discount: str, country: str | None, outcome: str | None
) -> None:
    rules = [_as_rule(line) for line in EXAMPLES.splitlines()]
    seen = order(total_discounts=Decimal(discount), total_line_items_price=Decimal(100), country=country)

    found, traces = evaluate(rules, seen, unit(reason=reason))

    assert found == outcome
    assert [trace.name for trace in traces] == EXAMPLES.splitlines()[: len(traces)]
    assert [trace.matched for trace in traces] == [False] * (len(traces) - 1) + [outcome is not None]
