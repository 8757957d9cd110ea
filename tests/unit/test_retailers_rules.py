"""The rules of a retailer in the file: every mistake with its line, its path and its remedy, and what has no effect."""

from __future__ import annotations

import pytest

from contracts.retailers import RuleOutcome
from tests.unit.retailers_kit import only, with_rules, with_when

RULE_PROBLEMS = [
    (
        "{order_valeu: {equal_to: 5}}",
        "rules[0].when.order_valeu: unknown dimension 'order_valeu'; did you mean 'order_value'?",
    ),
    (
        "{order_country: {equal_to: Cnada}}",
        "rules[0].when.order_country.equal_to: unknown country 'Cnada'; did you mean 'Canada'?",
    ),
    (
        "{order_country: {in: [Xyzzy]}}",
        "rules[0].when.order_country.in[0]: unknown country 'Xyzzy';"
        " write an ISO 3166-1 code (CA) or an English name (Canada)",
    ),
    (
        "{order_value: {greater_than: a lot}}",
        "rules[0].when.order_value.greater_than: 'order_value' takes a number, and 'a lot' is none;"
        " write a plain number such as 50 or 49.99",
    ),
    (
        "{order_value: {greater_than: 1e3}}",
        "rules[0].when.order_value.greater_than: 'order_value' takes a number, and '1e3' is none;"
        " write a plain number such as 50 or 49.99",
    ),
    (
        "{order_value: {contains: 5}}",
        "rules[0].when.order_value.contains: operator 'contains' does not fit 'order_value', which is a number;"
        " it takes equal_to, not_equal_to, greater_than, greater_or_equal, less_than, less_or_equal, between",
    ),
    (
        "{order_country: {starts_with: C}}",
        "rules[0].when.order_country.starts_with: operator 'starts_with' does not fit 'order_country', which is a"
        " country; it takes equal_to, not_equal_to, in, not_in, is_empty",
    ),
    (
        "{tag: {greater: 5}}",
        "rules[0].when.tag.greater: unknown operator 'greater'; did you mean 'greater_than'?",
    ),
    (
        "{order_value: {between: [50, 10]}}",
        "rules[0].when.order_value.between: no number lies between 50 and 10; swap them: between: [10, 50]",
    ),
    (
        "{order_value: {between: [50]}}",
        "rules[0].when.order_value.between: 'between' takes two numbers, not 1; write between: [10, 50], both ends"
        " included",
    ),
    (
        "{order_value: {between: 50}}",
        "rules[0].when.order_value.between: 'between' must be a list, not the single value '50';"
        " write between: [10, 50]",
    ),
    (
        "{order_value: {less_than: 5, currency: gbp}}",
        "rules[0].when.order_value.currency: unknown currency 'gbp'; did you mean 'GBP'?",
    ),
    (
        "{order_value: {less_than: 5, currency: '12'}}",
        "rules[0].when.order_value.currency: unknown currency '12'; write an ISO 4217 code (GBP)",
    ),
    (
        "{order_value: {currency: GBP}}",
        "rules[0].when.order_value: there is no operator; write for example order_value: {greater_than: 50}",
    ),
    (
        "{order_country: Canada}",
        "rules[0].when.order_country: a condition must be a mapping, not the single value 'Canada'; write"
        " order_country: {equal_to: Canada}",
    ),
    (
        "{tag: {in: []}}",
        "rules[0].when.tag.in: 'in' has an empty list; name at least one value",
    ),
    (
        "{tag: {in: vip}}",
        "rules[0].when.tag.in: 'in' must be a list, not the single value 'vip'; write in: [one, another]",
    ),
    (
        "{tag: {equal_to: [a, b]}}",
        "rules[0].when.tag.equal_to: the value of 'tag' must be a text, not a list",
    ),
    (
        "{return_reason: {equal_to: ''}}",
        "rules[0].when.return_reason.equal_to: the value of 'return_reason' is empty",
    ),
    (
        "{order_discount_code: {equal_to: null}}",
        "rules[0].when.order_discount_code.equal_to: the value of 'order_discount_code' is empty;"
        " write 'null' in quotes if that is meant",
    ),
    (
        "{tag: {is_empty: false}}",
        "rules[0].when.tag.is_empty: is_empty is written 'is_empty: true';"
        " for 'not empty' put a rule with it before this one",
    ),
    ("{tag: {is_empty: 3}}", "rules[0].when.tag.is_empty: is_empty must be true or false, not '3'"),
    (
        "{tag: {equal_to: a}, tag: {equal_to: b}}",
        "rules[0].when.tag: 'tag' stands here a second time (first in line 8); leave one of them",
    ),
    ("{}", "rules[0].when: there are no conditions; write when: always if it shall hold for every unit"),
    ("", "rules[0].when: there are no conditions; write when: always if it shall hold for every unit"),
    ("allways", "rules[0].when: 'allways' is neither 'always' nor conditions; write when: always, or conditions"),
    (
        "[{tag: {equal_to: a}}]",
        "rules[0].when: when must be a mapping, not a list; write when: {order_country: {equal_to: Canada}}",
    ),
]


@pytest.mark.parametrize(("when", "message"), RULE_PROBLEMS)
def test_a_condition_is_refused_with_its_line_its_path_and_a_remedy(when: str, message: str) -> None:
    parsed = with_when(when)

    assert parsed.render() == f"retailers.yaml:8: retailers[0].{message}"
    assert (parsed.ok, parsed.retailers) == (False, ())


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (
            "{when: always, then: exchange}",
            "rules[0].then: a rule cannot order an exchange: only the customer can say for which variant; write refund,"
            " store_credit or no_action, or offer it by customer_choice: {enabled: true, exchange: true}",
        ),
        ("{when: always, then: refunds}", "rules[0].then: unknown outcome 'refunds'; did you mean 'refund'?"),
        (
            "{when: always, then: Store Credit}",
            "rules[0].then: unknown outcome 'Store Credit'; did you mean 'store_credit'?",
        ),
        ("{then: refund}", "rules[0]: 'when' is missing; write when: always for a rule without conditions"),
        ("{when: always}", "rules[0]: 'then' is missing; write then: refund, store_credit or no_action"),
        ("{when: always, then: refund, nmae: x}", "rules[0].nmae: unknown key 'nmae'; did you mean 'name'?"),
        (
            "refund",
            "rules[0]: a rule must be a mapping, not the single value 'refund';"
            " write - when: {return_reason: {equal_to: Faulty}} and then: refund",
        ),
    ],
)
def test_a_rule_is_refused_with_a_remedy(rule: str, message: str) -> None:
    assert with_rules(rule).render() == f"retailers.yaml:8: retailers[0].{message}"


def test_store_credit_is_the_credit_note() -> None:
    rules = only(
        with_rules(
            "{when: {tag: {equal_to: a}}, then: store_credit}", "{when: {tag: {equal_to: b}}, then: credit_note}"
        )
    ).rules

    assert {rule.then for rule in rules} == {RuleOutcome.CREDIT_NOTE}


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        (
            ("{when: {order_value: {greater_than: 9, less_than: 5}}, then: refund}",),
            "8: retailers[0].rules[0]: warning: can never match: order_value: no number is left between the bounds;",
        ),
        (
            (
                "{when: {tag: {in: [a, b]}}, then: refund}",
                "{when: {order_value: {less_than: 5}, tag: {equal_to: A}}, then: no_action}",
            ),
            "9: retailers[0].rules[1]: warning: can never match: the rule in line 8 does wherever this one would, and",
        ),
    ],
)
def test_a_rule_without_effect_is_warned_of(rules: tuple[str, ...], said: str) -> None:
    parsed = with_rules(*rules)

    assert parsed.ok
    assert parsed.render().startswith(f"retailers.yaml:{said}")


def test_a_rule_after_always_is_warned_of_and_does_not_keep_the_file_from_being_applied() -> None:
    parsed = with_rules("{when: always, then: refund}", "{when: {tag: {equal_to: a}}, then: no_action}")

    assert parsed.render() == (
        "retailers.yaml:9: retailers[0].rules[1]: warning: can never match: the rule in line 8 always does,"
        " and the first match wins; put it before that one, or remove it"
    )
    assert parsed.ok
    assert len(parsed.retailers[0].rules) == 2


def test_two_rules_of_one_name_are_refused() -> None:
    parsed = with_rules(
        "{name: a, when: {tag: {equal_to: x}}, then: refund}", "{name: a, when: always, then: no_action}"
    )

    assert parsed.render() == (
        "retailers.yaml:9: retailers[0].rules[1]: a second rule 'a' (first in line 8): a decision names its rule;"
        " give it a name of its own"
    )
