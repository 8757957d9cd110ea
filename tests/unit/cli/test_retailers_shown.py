"""What `retailers diff` and `apply` show: every field and rule that changes, and the returns that it concerns."""

from __future__ import annotations

from contracts.retailers import Retailer
from streams.cli.retailers_shown import brought, changed
from streams.retailers_file import parse
from streams.retailers_topic import differences

FAULTY = "{name: faulty goods, when: {return_reason: {equal_to: Faulty}}, then: refund}"
PRICEY = "{when: {order_value: {between: [10, 50], currency: GBP}, tag: {is_empty: true}}, then: no_action}"
ALWAYS = "{when: always, then: store_credit}"


def _retailer(*rules: str, action: str = "first_scan", more: str = "") -> Retailer:
    listed = "".join(f"\n      - {rule}" for rule in rules) or "[]"
    parsed = parse(
        f"""
retailers:
  - id: acme
    name: Acme
    portal: omnireturns
    shopify: {{shop: acme.myshopify.com}}
    return_action: {action}
    {more}
    rules: {listed}
"""
    )
    assert parsed.ok, parsed.render()
    return parsed.retailers[0]


def _shown(before: Retailer, after: Retailer) -> list[str]:
    [change] = differences([after], {"acme": before})
    return list(changed(change))


def test_a_changed_rule_stands_as_it_was_and_as_it_will_be_and_the_others_do_not_stand_there() -> None:
    before, after = _retailer(FAULTY, PRICEY, ALWAYS), _retailer(FAULTY, PRICEY.replace("no_action", "refund"), ALWAYS)
    assert _shown(before, after) == [
        "  rules, the first that holds wins:",
        "    - 2. order_value between 10, 50 (GBP) and tag is_empty -> no_action",
        "    + 2. order_value between 10, 50 (GBP) and tag is_empty -> refund",
        "  rules: only for returns uploaded from now on.",
        "  Returns already uploaded keep the settings they were uploaded under.",
    ]


def test_unnamed_rules_behind_a_new_one_have_only_moved() -> None:
    assert _shown(_retailer(PRICEY, ALWAYS), _retailer(FAULTY, PRICEY, ALWAYS))[:2] == [
        "  rules, the first that holds wins:",
        "    + 1. faulty goods: return_reason equal_to Faulty -> refund",
    ]


def test_rules_in_another_order_are_a_change() -> None:
    swapped = _shown(_retailer(FAULTY, ALWAYS), _retailer(ALWAYS, FAULTY))
    assert [line for line in swapped if line.startswith("    ")] in (
        ["    + 1. always -> credit_note", "    - 2. always -> credit_note"],
        [
            "    - 1. faulty goods: return_reason equal_to Faulty -> refund",
            "    + 2. faulty goods: return_reason equal_to Faulty -> refund",
        ],
    )


def test_of_a_field_with_parts_only_the_changed_part_stands_there() -> None:
    before = _retailer(more="customer_choice: {enabled: true}")
    after = _retailer(action="processing", more="customer_choice: {enabled: true, exchange: true}")
    assert _shown(before, after) == [
        "  customer_choice.exchange: false -> true",
        '  return_action: "first_scan" -> "processing"',
        "  customer_choice, return_action: only for returns uploaded from now on.",
        "  Returns already uploaded keep the settings they were uploaded under.",
    ]


def test_what_counts_at_once_says_nothing_of_later_returns() -> None:
    assert _shown(_retailer(ALWAYS), _retailer(ALWAYS, more="watchdogs: {scan_days: 14}")) == [
        "  watchdogs.scan_days: 28.0 -> 14.0"
    ]
    [hook] = _shown(_retailer(ALWAYS), _retailer(ALWAYS, more="hook: {url: 'https://acme.example/hook'}"))
    assert hook.startswith('  hook: null -> {"url":"https://acme.example/hook",')


def test_a_new_retailer_comes_with_its_rules() -> None:
    assert list(brought(_retailer(FAULTY, ALWAYS))) == [
        "  rules, the first that holds wins:",
        "    + 1. faulty goods: return_reason equal_to Faulty -> refund",
        "    + 2. always -> credit_note",
    ]
    assert list(brought(_retailer())) == []
