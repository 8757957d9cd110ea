"""The rules of a retailer: seven dimensions, their operators, and which rule of a list is the first to hold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from fractions import Fraction

from contracts.orders import Order
from contracts.retailers import Condition, Dimension, Operator, Rule, RuleOutcome
from contracts.returns import ConditionTrace, RuleTrace, UploadedUnit
from streams.domain.countries import country_code


class Kind(StrEnum):
    """What sort of value a dimension has."""

    TEXT = "text"
    SET = "set of texts"
    NUMBER = "number"
    COUNTRY = "country"


KINDS: Mapping[Dimension, Kind] = {
    Dimension.TAG: Kind.SET,
    Dimension.ORDER_VALUE: Kind.NUMBER,
    Dimension.ORDER_DISCOUNT_VALUE: Kind.NUMBER,
    Dimension.ORDER_DISCOUNT_PERCENT: Kind.NUMBER,
    Dimension.ORDER_COUNTRY: Kind.COUNTRY,
    Dimension.RETURN_REASON: Kind.TEXT,
    Dimension.ORDER_DISCOUNT_CODE: Kind.SET,
}

_ON_TEXT = (
    Operator.EQUAL_TO,
    Operator.NOT_EQUAL_TO,
    Operator.IN,
    Operator.NOT_IN,
    Operator.CONTAINS,
    Operator.STARTS_WITH,
    Operator.IS_EMPTY,
)
# In the order in which messages list them. Also what `retailers check` holds a file to.
OPERATORS: Mapping[Kind, tuple[Operator, ...]] = {
    Kind.TEXT: _ON_TEXT,
    Kind.SET: _ON_TEXT,
    Kind.NUMBER: (
        Operator.EQUAL_TO,
        Operator.NOT_EQUAL_TO,
        Operator.GREATER_THAN,
        Operator.GREATER_OR_EQUAL,
        Operator.LESS_THAN,
        Operator.LESS_OR_EQUAL,
        Operator.BETWEEN,
    ),
    Kind.COUNTRY: (Operator.EQUAL_TO, Operator.NOT_EQUAL_TO, Operator.IN, Operator.NOT_IN, Operator.IS_EMPTY),
}

_NEGATED: Mapping[Operator, Operator] = {Operator.NOT_EQUAL_TO: Operator.EQUAL_TO, Operator.NOT_IN: Operator.IN}

# A missing text or country is None, a set is never missing.
Value = str | None | tuple[str, ...] | Fraction


def evaluate(
    rules: Iterable[Rule], order: Order, unit: UploadedUnit
) -> tuple[RuleOutcome | None, tuple[RuleTrace, ...]]:
    """The outcome of the first rule whose conditions all hold, None where none does, and all that was looked at.

    The traces end with the matching rule; of each rule every condition is looked at, even after one has failed.
    ValueError where a condition is not well-formed: passing over it could pay by a later rule.
    """
    traces: list[RuleTrace] = []
    for rule in rules:
        conditions = tuple(_look(rule, condition, order, unit) for condition in rule.conditions)
        matched = all(condition.held for condition in conditions)
        traces.append(RuleTrace(name=rule.name, matched=matched, then=rule.then.value, conditions=conditions))
        if matched:
            return rule.then, tuple(traces)
    return None, tuple(traces)


def value_of(dimension: Dimension, order: Order, unit: UploadedUnit) -> Value:
    """What a dimension's value is here; None where a text or a country is missing."""
    match dimension:
        case Dimension.TAG:
            return order.tags
        case Dimension.ORDER_DISCOUNT_CODE:
            return order.discount_codes
        case Dimension.ORDER_VALUE:
            return Fraction(order.total_price)
        case Dimension.ORDER_DISCOUNT_VALUE:
            return Fraction(order.total_discounts)
        case Dimension.ORDER_DISCOUNT_PERCENT:
            return discount_percent(order)
        case Dimension.ORDER_COUNTRY:
            return (order.country or "").strip() or None
        case Dimension.RETURN_REASON:
            return unit.reason.strip() or None


def discount_percent(order: Order) -> Fraction:
    """Share of the undiscounted line total that was discounted, 0-100, not rounded.

    total_discounts / total_line_items_price * 100 (Admin REST order reference, 2026-10); 0 for an order whose lines
    cost nothing. A fraction, because a third of 100 has no decimal form.
    """
    if order.total_line_items_price == 0:
        return Fraction(0)
    return Fraction(order.total_discounts) / Fraction(order.total_line_items_price) * 100


def _look(rule: Rule, condition: Condition, order: Order, unit: UploadedUnit) -> ConditionTrace:
    kind = KINDS[condition.dimension]
    if condition.operator not in OPERATORS[kind]:
        raise ValueError(
            f"rule {rule.name!r}: {condition.operator} does not fit {condition.dimension}, which is a {kind};"
            f" it takes {', '.join(OPERATORS[kind])}"
        )
    value = value_of(condition.dimension, order, unit)
    try:
        held = _holds(condition, kind, value)
    except (InvalidOperation, ValueError) as error:
        raise ValueError(
            f"rule {rule.name!r}: {condition.dimension} {condition.operator} cannot compare with"
            f" {list(condition.operands)}: {error}"
        ) from error
    return ConditionTrace(
        dimension=condition.dimension.value,
        operator=condition.operator.value,
        operands=condition.operands,
        currency=condition.currency,
        seen=_seen(value, order.currency if condition.currency else None),
        held=held and condition.currency in (None, order.currency),
    )


def _holds(condition: Condition, kind: Kind, value: Value) -> bool:
    operator, operands = condition.operator, condition.operands
    if operator is Operator.IS_EMPTY:
        return value is None or value == ()
    _check_count(operator, operands)
    if isinstance(value, Fraction):
        return _number_holds(operator, value, [Fraction(Decimal(operand)) for operand in operands])
    if value is None:
        return False
    fold = folded_country if kind is Kind.COUNTRY else folded_text
    members = [fold(member) for member in ((value,) if isinstance(value, str) else value)]
    wanted = [fold(operand) for operand in operands]
    if operator in _NEGATED:
        return not any(text_holds(_NEGATED[operator], member, wanted) for member in members)
    return any(text_holds(operator, member, wanted) for member in members)


def text_holds(operator: Operator, member: str, wanted: list[str]) -> bool:
    """Whether one folded text meets `equal_to`, `in`, `contains` or `starts_with`."""
    match operator:
        case Operator.CONTAINS:
            return wanted[0] in member
        case Operator.STARTS_WITH:
            return member.startswith(wanted[0])
        case _:  # equal_to, in
            return member in wanted


def _number_holds(operator: Operator, value: Fraction, wanted: list[Fraction]) -> bool:
    match operator:
        case Operator.EQUAL_TO:
            return value == wanted[0]
        case Operator.NOT_EQUAL_TO:
            return value != wanted[0]
        case Operator.GREATER_THAN:
            return value > wanted[0]
        case Operator.GREATER_OR_EQUAL:
            return value >= wanted[0]
        case Operator.LESS_THAN:
            return value < wanted[0]
        case Operator.LESS_OR_EQUAL:
            return value <= wanted[0]
        case _:  # between
            return wanted[0] <= value <= wanted[1]


def _check_count(operator: Operator, operands: tuple[str, ...]) -> None:
    if operator in (Operator.IN, Operator.NOT_IN):
        if not operands:
            raise ValueError("it takes at least one value")
        return
    wanted = 2 if operator is Operator.BETWEEN else 1
    if len(operands) != wanted:
        raise ValueError(f"it takes {wanted}, not {len(operands)}")


def folded_text(text: str) -> str:
    """As texts are compared."""
    return text.strip().casefold()


def folded_country(text: str) -> str:
    """As countries are compared: by their code, where there is one."""
    return country_code(text) or folded_text(text)


def _seen(value: Value, currency: str | None) -> str | tuple[str, ...] | None:
    if not isinstance(value, Fraction):
        return value
    number = Decimal(value.numerator) / Decimal(value.denominator)  # 28 digits: for people; nothing compares with it
    text = f"{number.normalize():f}"
    return f"{text} {currency}" if currency else text
