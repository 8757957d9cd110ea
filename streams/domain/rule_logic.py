"""What can be told of rules without an order: that one can never hold, or holds only where an earlier one does.

Both answers are certain or not given: what cannot be proved from the conditions alone is not said.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction

from contracts.retailers import Condition, Dimension, Operator, Rule
from streams.domain.rules import KINDS, Kind, folded_country, folded_text, text_holds

_POSITIVE = frozenset({Operator.EQUAL_TO, Operator.IN, Operator.CONTAINS, Operator.STARTS_WITH})
_EXACT = frozenset({Operator.EQUAL_TO, Operator.IN})
_NEGATED = frozenset({Operator.NOT_EQUAL_TO, Operator.NOT_IN})


def never_holds(rule: Rule) -> str | None:
    """Why no order and no unit can meet all conditions of the rule at once; None where some may."""
    currencies = sorted({c.currency for c in rule.conditions if c.currency})
    if len(currencies) > 1:
        return f"an order has one currency, not {' and '.join(currencies)}"
    for dimension in dict.fromkeys(condition.dimension for condition in rule.conditions):
        reason = _contradiction(dimension, _of(rule, dimension))
        if reason is not None:
            return f"{dimension}: {reason}"
    return None


def shadows(earlier: Rule, later: Rule) -> bool:
    """Whether the earlier rule surely holds wherever the later one does, so that the later never comes into effect."""
    return all(_follows(condition, later) for condition in earlier.conditions)


def _of(rule: Rule, dimension: Dimension) -> list[Condition]:
    return [condition for condition in rule.conditions if condition.dimension is dimension]


def _follows(wanted: Condition, rule: Rule) -> bool:
    """Whether the condition holds wherever the rule does."""
    if wanted.currency is not None and all(c.currency != wanted.currency for c in rule.conditions):
        return False
    known = _of(rule, wanted.dimension)
    if not known:
        return False
    match KINDS[wanted.dimension]:
        case Kind.NUMBER:
            return _Range.of(known).within(wanted)
        case Kind.SET:
            return any(_set_follows(wanted, condition) for condition in known)
        case _:
            return _scalar_follows(wanted, known)


# --- numbers


@dataclass(frozen=True, slots=True)
class _Range:
    """The numbers that several conditions leave: between two ends, without some. None: no end. Never below 0."""

    low: Fraction = Fraction(0)
    low_open: bool = False
    high: Fraction | None = None
    high_open: bool = False
    without: frozenset[Fraction] = frozenset()

    @staticmethod
    def of(conditions: Iterable[Condition]) -> _Range:
        range_ = _Range()
        for condition in conditions:
            range_ = range_.narrowed(condition.operator, [Fraction(number) for number in condition.numbers()])
        return range_

    def narrowed(self, operator: Operator, to: Sequence[Fraction]) -> _Range:
        match operator:
            case Operator.EQUAL_TO:
                return self._above(to[0], False)._below(to[0], False)
            case Operator.NOT_EQUAL_TO:
                return _Range(self.low, self.low_open, self.high, self.high_open, self.without | {to[0]})
            case Operator.GREATER_THAN | Operator.GREATER_OR_EQUAL:
                return self._above(to[0], operator is Operator.GREATER_THAN)
            case Operator.LESS_THAN | Operator.LESS_OR_EQUAL:
                return self._below(to[0], operator is Operator.LESS_THAN)
            case _:  # between
                return self._above(to[0], False)._below(to[1], False)

    def _above(self, low: Fraction, is_open: bool) -> _Range:
        if (low, is_open) <= (self.low, self.low_open):
            return self
        return _Range(low, is_open, self.high, self.high_open, self.without)

    def _below(self, high: Fraction, is_open: bool) -> _Range:
        if self.high is not None and (high, not is_open) >= (self.high, not self.high_open):
            return self
        return _Range(self.low, self.low_open, high, is_open, self.without)

    @property
    def empty(self) -> bool:
        if self.high is None or self.low < self.high:
            return False
        return self.low > self.high or self.low_open or self.high_open or self.low in self.without

    def holds(self, number: Fraction) -> bool:
        above = number > self.low or (number == self.low and not self.low_open)
        below = self.high is None or number < self.high or (number == self.high and not self.high_open)
        return above and below and number not in self.without

    def within(self, wanted: Condition) -> bool:
        """Whether the condition holds for every number that is left."""
        if wanted.operator is Operator.NOT_EQUAL_TO:
            return not self.holds(Fraction(wanted.numbers()[0]))
        outer = _Range.of([wanted])
        above = (self.low, self.low_open) >= (outer.low, outer.low_open)
        if outer.high is None:
            return above
        return above and self.high is not None and (self.high, not self.high_open) <= (outer.high, not outer.high_open)


# --- texts, countries and sets


def _operands(condition: Condition) -> list[str]:
    fold = folded_country if KINDS[condition.dimension] is Kind.COUNTRY else folded_text
    return [fold(operand) for operand in condition.operands]


def _holds(condition: Condition, value: str) -> bool:
    """Whether the condition holds for this one value, folded."""
    if condition.operator is Operator.IS_EMPTY:
        return False
    if condition.operator in _NEGATED:
        return value not in _operands(condition)
    return text_holds(condition.operator, value, _operands(condition))


def _contradiction(dimension: Dimension, conditions: list[Condition]) -> str | None:
    kind = KINDS[dimension]
    if kind is Kind.NUMBER:
        return "no number is left between the bounds" if _Range.of(conditions).empty else None
    empty = any(condition.operator is Operator.IS_EMPTY for condition in conditions)
    positive = [condition for condition in conditions if condition.operator in _POSITIVE]
    others = [condition for condition in conditions if condition.operator is not Operator.IS_EMPTY]
    if empty and (positive if kind is Kind.SET else others):
        return "it cannot be empty and have a value"
    if kind is Kind.SET:
        excluding = [condition for condition in conditions if condition.operator in _NEGATED]
        for condition in positive:
            if condition.operator in _EXACT and not _left(_operands(condition), excluding):
                return "what it must be is what it must not be"
        return None
    exact = next((condition for condition in positive if condition.operator in _EXACT), None)
    if exact is not None and not _left(_operands(exact), conditions):
        return "no value meets all of its conditions"
    return None


def _left(values: Iterable[str], conditions: Iterable[Condition]) -> list[str]:
    """The values for which all of the conditions hold."""
    known = list(conditions)
    return [value for value in values if all(_holds(condition, value) for condition in known)]


def _scalar_follows(wanted: Condition, known: list[Condition]) -> bool:
    """For a text or country, which is one value or missing: a missing one meets nothing but `is_empty`."""
    if wanted.operator is Operator.IS_EMPTY:
        return any(condition.operator is Operator.IS_EMPTY for condition in known)
    exact = next((condition for condition in known if condition.operator in _EXACT), None)
    if exact is not None:
        return all(_holds(wanted, value) for value in _left(_operands(exact), known))
    return any(_one_follows(wanted, condition) for condition in known)


def _set_follows(wanted: Condition, known: Condition) -> bool:
    """For a set: what holds of the member that meets `known`; or of all members, where both exclude."""
    if wanted.operator is Operator.IS_EMPTY:
        return known.operator is Operator.IS_EMPTY
    if wanted.operator in _NEGATED and known.operator is Operator.IS_EMPTY:
        return True
    if (wanted.operator in _NEGATED) != (known.operator in _NEGATED):
        return False
    if known.operator in _EXACT:
        return all(_holds(wanted, value) for value in _operands(known))
    return _one_follows(wanted, known)


def _one_follows(wanted: Condition, known: Condition) -> bool:
    """Whether one value that meets `known`, which is not exact, surely meets `wanted`."""
    if known.operator is Operator.IS_EMPTY:
        return False
    have, want = _operands(known), _operands(wanted)
    if wanted.operator in _NEGATED:
        if known.operator in _NEGATED:
            return set(want) <= set(have)
        return all(not text_holds(known.operator, value, have) for value in want)
    if known.operator is Operator.STARTS_WITH:
        return wanted.operator in (Operator.STARTS_WITH, Operator.CONTAINS) and text_holds(
            wanted.operator, have[0], want
        )
    return known.operator is wanted.operator is Operator.CONTAINS and want[0] in have[0]
