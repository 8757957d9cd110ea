"""The rules of one retailer in the retailers file: conditions, operators and operands, each where it stands."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping

import pycountry

from contracts.retailers import Condition, Dimension, Operator, Rule, RuleOutcome
from streams.domain.countries import country_code, near_country
from streams.domain.rule_logic import never_holds, shadows
from streams.domain.rules import KINDS, OPERATORS, Kind
from streams.yaml_places import Place

# `store_credit` is what the rules of the seed call the credit note.
OUTCOMES: Mapping[str, RuleOutcome] = {
    "refund": RuleOutcome.REFUND,
    "store_credit": RuleOutcome.CREDIT_NOTE,
    "credit_note": RuleOutcome.CREDIT_NOTE,
    "no_action": RuleOutcome.NO_ACTION,
}
_EXAMPLES: Mapping[Kind, str] = {
    Kind.TEXT: "{equal_to: Faulty}",
    Kind.SET: "{equal_to: vip}",
    Kind.NUMBER: "{greater_than: 50}",
    Kind.COUNTRY: "{equal_to: Canada}",
}


def read_rules(place: Place) -> tuple[Rule, ...]:
    """The rules that could be read, in their order; what could not is among the place's problems."""
    rules: list[Rule] = []
    lines: list[int] = []
    names: dict[str, int] = {}
    for position, entry in enumerate(place.items("rules") or [], start=1):
        rule = _rule(entry, position)
        if rule is None:
            continue
        _warn_of_idleness(entry, rule, zip(rules, lines, strict=True))
        if rule.name in names:
            entry.error(
                f"a second rule {rule.name!r} (first in line {names[rule.name]}): a decision names its rule",
                "give it a name of its own",
            )
        names.setdefault(rule.name, entry.line)
        rules.append(rule)
        lines.append(entry.line)
    return tuple(rules)


def _warn_of_idleness(place: Place, rule: Rule, earlier: Iterable[tuple[Rule, int]]) -> None:
    reason = never_holds(rule)
    if reason is not None:
        place.warn(f"can never match: {reason}", "correct its conditions, or remove it")
        return
    for other, line in earlier:
        if shadows(other, rule):
            does = "does wherever this one would" if other.conditions else "always does"
            place.warn(
                f"can never match: the rule in line {line} {does}, and the first match wins",
                "put it before that one, or remove it",
            )
            return


def _rule(place: Place, position: int) -> Rule | None:
    fields = place.fields("a rule", "- when: {return_reason: {equal_to: Faulty}} and then: refund")
    if fields is None:
        return None
    place.refuse_unknown(fields, ("name", "when", "then"))
    name = fields["name"].text("name") if "name" in fields else f"rule {position}"
    conditions = _when(fields["when"]) if "when" in fields else None
    outcome = _then(fields["then"]) if "then" in fields else None
    if "when" not in fields:
        place.error("'when' is missing", "write when: always for a rule without conditions")
    if "then" not in fields:
        place.error("'then' is missing", "write then: refund, store_credit or no_action")
    if name is None or conditions is None or outcome is None:
        return None
    return Rule(name=name.strip(), conditions=conditions, then=outcome)


def _then(place: Place) -> RuleOutcome | None:
    if place.written.strip().casefold() == "exchange":
        place.error(
            "a rule cannot order an exchange: only the customer can say for which variant",
            "write refund, store_credit or no_action, or offer it by customer_choice: {enabled: true, exchange: true}",
        )
        return None
    word = place.one_of("outcome", OUTCOMES)
    return OUTCOMES[word] if word else None


def _when(place: Place) -> tuple[Condition, ...] | None:
    """The conditions; () for `always`, None where something is wrong with them."""
    if place.written == "always":
        return ()
    if place.is_scalar and not place.is_null:
        place.error(f"{place.written!r} is neither 'always' nor conditions", "write when: always, or conditions")
        return None
    if place.is_null or not place.node.value:
        place.error("there are no conditions", "write when: always if it shall hold for every unit")
        return None
    fields = place.fields("when", "when: {order_country: {equal_to: Canada}}")
    if fields is None:
        return None
    place.refuse_unknown(fields, [dimension.value for dimension in Dimension], "dimension")
    read = [_conditions(Dimension(name), entry) for name, entry in fields.items() if name in list(Dimension)]
    if len(read) < len(fields) or any(conditions is None for conditions in read):
        return None
    return tuple(condition for conditions in read for condition in conditions or ())


def _conditions(dimension: Dimension, place: Place) -> list[Condition] | None:
    """One condition for each operator: several on one dimension must all hold, like everything in a rule."""
    kind = KINDS[dimension]
    fields = place.fields("a condition", f"{dimension}: {_EXAMPLES[kind]}")
    if fields is None:
        return None
    place.refuse_unknown(
        fields, [*OPERATORS[kind], *(o for o in Operator if o not in OPERATORS[kind]), "currency"], "operator"
    )
    currency = _currency(fields["currency"]) if "currency" in fields else None
    sound = "currency" not in fields or currency is not None
    conditions: list[Condition] = []
    operators = [name for name in fields if name in list(Operator)]
    for name in operators:
        operands = _operands(dimension, Operator(name), fields[name])
        if operands is None:
            sound = False
            continue
        conditions.append(Condition(dimension=dimension, operator=Operator(name), operands=operands, currency=currency))
    if fields.keys() <= {"currency"}:
        place.error("there is no operator", f"write for example {dimension}: {_EXAMPLES[kind]}")
    known = len(operators) + ("currency" in fields)
    return conditions if sound and operators and known == len(fields) else None


def _operands(dimension: Dimension, operator: Operator, place: Place) -> tuple[str, ...] | None:
    kind = KINDS[dimension]
    if operator not in OPERATORS[kind]:
        place.error(
            f"operator '{operator}' does not fit '{dimension}', which is a {kind}",
            f"it takes {', '.join(OPERATORS[kind])}",
        )
        return None
    if operator is Operator.IS_EMPTY:
        truth = place.flag("is_empty")
        if truth is False:
            place.error("is_empty is written 'is_empty: true'", "for 'not empty' put a rule with it before this one")
        return () if truth else None
    if operator is Operator.BETWEEN:
        return _bounds(dimension, place)
    if operator in (Operator.IN, Operator.NOT_IN):
        entries = place.items(f"'{operator}'", f"{operator}: [one, another]")
        if entries == []:
            place.error(f"'{operator}' has an empty list", "name at least one value")
        read = [_operand(dimension, kind, entry) for entry in entries or []]
        return None if not read or None in read else tuple(operand for operand in read if operand is not None)
    operand = _operand(dimension, kind, place)
    return None if operand is None else (operand,)


def _bounds(dimension: Dimension, place: Place) -> tuple[str, ...] | None:
    entries = place.items("'between'", "between: [10, 50]")
    if entries is None:
        return None
    if len(entries) != 2:
        place.error(f"'between' takes two numbers, not {len(entries)}", "write between: [10, 50], both ends included")
        return None
    low, high = (entry.number(f"'{dimension}'") for entry in entries)
    if low is None or high is None:
        return None
    if low > high:
        place.error(f"no number lies between {low} and {high}", f"swap them: between: [{high}, {low}]")
        return None
    return str(low), str(high)


def _operand(dimension: Dimension, kind: Kind, place: Place) -> str | None:
    if kind is Kind.NUMBER:
        number = place.number(f"'{dimension}'")
        return None if number is None else str(number)
    text = place.text(f"the value of '{dimension}'")
    if text is None or kind is not Kind.COUNTRY:
        return text
    code = country_code(text)
    if code is None:
        near = near_country(text)
        remedy = f"did you mean {near!r}?" if near else "write an ISO 3166-1 code (CA) or an English name (Canada)"
        place.error(f"unknown country {text!r}", remedy)
    return code


def _currency(place: Place) -> str | None:
    text = place.text("currency")
    if text is None:
        return None
    codes = [currency.alpha_3 for currency in pycountry.currencies]
    if text in codes:
        return text
    near = (
        [text.strip().upper()] if text.strip().upper() in codes else difflib.get_close_matches(text.upper(), codes, n=1)
    )
    place.error(f"unknown currency {text!r}", f"did you mean {near[0]!r}?" if near else "write an ISO 4217 code (GBP)")
    return None
