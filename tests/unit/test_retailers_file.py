"""The retailers file: what it says, and what is none. Its rules and its settings have test files of their own."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from contracts.retailers import (
    CustomerChoice,
    Dimension,
    Hook,
    Operator,
    OrderSource,
    Portal,
    ReturnActionStage,
    RuleOutcome,
    Schedule,
)
from streams.retailers_file import parse
from tests.unit.retailers_kit import HEAD, hooked, only, with_when

EXAMPLE = Path(__file__).parents[2] / "retailers.example.yaml"


class TestWhatItSays:
    def test_the_example_of_the_semantics_is_read_whole(self) -> None:
        retailer = only(
            parse("""\
retailers:
  - id: acme                               # key of everything; never changes
    name: "Acme Outdoors"                  # as in OmniRPS (a Loop retailer may end in " - Loop"): matched byte for byte
    portal: omnireturns                    # or loop: then Loop issues, we forward
    shopify: {shop: acme.myshopify.com, order_source: webhook, secret_ref: acme/shopify}
    customer_choice: {enabled: true, exchange: false}
    return_action: first_scan              # or processing, manual
    hold_hours: 48
    hook: {url: "https://api.loopreturns.com/hook/v1/seko/update", secret_ref: acme/hook}
    rules:                                 # first match wins
      - name: faulty goods
        when: {return_reason: {equal_to: Faulty}}
        then: refund
      - when: {order_discount_percent: {greater_than: 50}, order_country: {not_equal_to: Canada}}   # all must hold
        then: store_credit
      - when: {order_value: {between: [10, 50], currency: GBP}}
        then: no_action
      - when: always
        then: store_credit
""")
        )

        assert (retailer.id, retailer.name, retailer.portal) == ("acme", "Acme Outdoors", Portal.OMNIRETURNS)
        assert (retailer.shopify.shop, retailer.shopify.secret_ref) == ("acme.myshopify.com", "acme/shopify")
        assert retailer.customer_choice == CustomerChoice(enabled=True, exchange=False)
        assert (retailer.return_action, retailer.hold_hours) == (ReturnActionStage.FIRST_SCAN, 48)
        assert retailer.hook == Hook(url="https://api.loopreturns.com/hook/v1/seko/update", secret_ref="acme/hook")
        faulty, deep, small, rest = retailer.rules
        assert (faulty.name, deep.name, small.name, rest.name) == ("faulty goods", "rule 2", "rule 3", "rule 4")
        assert [rule.then for rule in retailer.rules] == [
            RuleOutcome.REFUND,
            RuleOutcome.CREDIT_NOTE,
            RuleOutcome.NO_ACTION,
            RuleOutcome.CREDIT_NOTE,
        ]
        assert [(c.dimension, c.operator, c.operands) for c in deep.conditions] == [
            (Dimension.ORDER_DISCOUNT_PERCENT, Operator.GREATER_THAN, ("50",)),
            (Dimension.ORDER_COUNTRY, Operator.NOT_EQUAL_TO, ("CA",)),
        ]
        assert (small.conditions[0].numbers(), small.conditions[0].currency) == ((Decimal(10), Decimal(50)), "GBP")
        assert rest.conditions == ()

    def test_the_example_file_has_one_retailer_of_each_kind_and_nothing_to_remark(self) -> None:
        parsed = parse(EXAMPLE.read_text())

        assert parsed.render() == ""
        loop, choice, rules = parsed.retailers
        assert (loop.portal, loop.hook is not None, loop.rules) == (Portal.LOOP, True, ())
        assert (choice.customer_choice.exchange, choice.return_action) == (True, ReturnActionStage.FIRST_SCAN)
        assert [(rule.name, rule.then) for rule in rules.rules] == [
            ("faulty goods", RuleOutcome.REFUND),
            ("deep discount", RuleOutcome.CREDIT_NOTE),
            ("Canada", RuleOutcome.NO_ACTION),
        ]
        assert rules.shopify.order_source is OrderSource.ADMIN_API

    @pytest.mark.parametrize(
        ("when", "operands"),
        [
            ("{order_country: {equal_to: NO}}", ("NO",)),
            ("{order_country: {in: [no, Norway, Sverige's, SE]}}", None),
            ("{order_country: {in: [NO, South Korea, Netherlands The]}}", ("NO", "KR", "NL")),
            ("{order_discount_code: {equal_to: 1e3}}", ("1e3",)),
            (
                "{order_discount_code: {in: [0123, 12:30, 2026-11-01, yes, 0x1F]}}",
                ("0123", "12:30", "2026-11-01", "yes", "0x1F"),
            ),
            ("{return_reason: {equal_to: No}}", ("No",)),
            ("{return_reason: {equal_to: 'null'}}", ("null",)),
            ("{tag: {is_empty: true}}", ()),
            ('{order_value: {equal_to: "50"}}', ("50",)),
            ("{order_discount_percent: {between: [50, 50]}}", ("50", "50")),
        ],
    )
    def test_a_value_is_what_was_written_and_not_what_yaml_makes_of_it(
        self, when: str, operands: tuple[str, ...] | None
    ) -> None:
        parsed = with_when(when)

        if operands is None:
            assert 'unknown country "Sverige\'s"' in parsed.render()
        else:
            assert only(parsed).rules[0].conditions[0].operands == operands

    def test_several_operators_on_one_dimension_must_all_hold(self) -> None:
        rule = only(with_when("{order_value: {greater_than: 10, less_than: 50, currency: USD}}")).rules[0]

        assert [(c.operator, c.operands, c.currency) for c in rule.conditions] == [
            (Operator.GREATER_THAN, ("10",), "USD"),
            (Operator.LESS_THAN, ("50",), "USD"),
        ]

    def test_a_loop_retailer_needs_no_return_action_and_gets_the_one_that_nothing_reaches_by_itself(self) -> None:
        text = HEAD.replace("omnireturns", "loop").replace("    return_action: first_scan\n", "")

        retailer = only(parse(text + '    hook: {url: "https://loop.example/hook"}\n'))

        assert retailer.return_action is ReturnActionStage.MANUAL

    @pytest.mark.parametrize("url", ["http://localhost:8090/x", "http://[::1]:9/x", "https://10.0.0.1/x"])
    def test_plain_http_and_private_addresses_are_for_tests_that_say_so_and_warned_of(self, url: str) -> None:
        parsed = parse(hooked(f'url: "{url}", allow_private: true'))

        assert [retailer.hook for retailer in parsed.retailers] == [Hook(url=url, allow_private=True)]
        assert "hook.allow_private: warning: this hook may lead into your own network" in parsed.render()

    def test_how_patient_a_hook_is_can_be_said_of_each(self) -> None:
        schedule = "schedule: {delays: [5s, 2m, 1.5h], cap: 12h, give_up_after: 3d}"

        hook = only(parse(hooked(f"url: 'https://a.b/c', format: omnirps-1, {schedule}"))).hook

        assert hook == Hook(
            url="https://a.b/c",
            schedule=Schedule(delays_s=(5, 120, 5400), cap_s=43_200, give_up_after_s=3 * 86_400),
        )

    @pytest.mark.parametrize(
        ("written", "problem"),
        [
            ("format: omnirps", "hook.format: unknown format 'omnirps'; did you mean 'omnirps-1'?"),
            ("schedule: {delays: [5s, soon]}", "hook.schedule.delays[1]: a delay is 'soon'; write a time such as 30s"),
            ("schedule: {delays: []}", "hook.schedule.delays: delays is empty; write delays: [5s, 30s, 2m]"),
            ("schedule: {cap: 0h}", "hook.schedule.cap: cap is '0h'; write a time"),
            ("schedule: {give_up_after: 91d}", "hook.schedule.give_up_after: give_up_after is '91d'; write a time"),
            ("schedule: {delay: [5s]}", "hook.schedule.delay: unknown key 'delay'; did you mean 'delays'?"),
            ("allow_private: perhaps", "hook.allow_private: allow_private must be true or false, not 'perhaps'"),
        ],
    )
    def test_what_is_wrong_with_a_hooks_options_is_told_with_its_remedy(self, written: str, problem: str) -> None:
        parsed = parse(hooked(f"url: 'https://a.b/c', {written}"))

        assert not parsed.ok
        assert f"retailers[0].{problem}" in parsed.render()


def test_all_problems_are_told_in_one_go_in_the_order_of_the_file() -> None:
    parsed = parse(
        HEAD.replace("id: acme", "id: ACME").replace("first_scan", "scan")
        + "    rules:\n"
        + "      - {when: {order_valeu: {equal_to: 1}}, then: exchange}\n"
        + "      - {when: {order_country: {equal_to: Cnada}, tag: {}}, then: refund}\n"
    )

    assert [problem.line for problem in parsed.problems] == [2, 6, 8, 8, 9, 9]
    assert [problem.value for problem in parsed.problems] == ["ACME", "scan", "order_valeu", "exchange", "Cnada", ""]
    assert parsed.problems[2].column == 17


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "retailers.yaml:1: the file is empty; begin with 'retailers:'"),
        ("# nothing\n", "retailers.yaml:1: the file is empty; begin with 'retailers:'"),
        ("- a\n", "retailers.yaml:1: the file must be a mapping, not a list; write retailers: [...]"),
        ("retailers:\n", "retailers.yaml:1: retailers: retailers must be a list, not nothing; write - id: acme"),
        ("retailers:\n  - id: 'acme\n", "retailers.yaml:3: not YAML: "),
        ("retailers: [\n", "retailers.yaml:2: not YAML: "),
        ("retailers:\n\t- id: a\n", "retailers.yaml:2: not YAML: "),
        ("a: 1\n---\nb: 2\n", "retailers.yaml:2: not YAML: "),
        ("retailers: []\n# \x07\n", "retailers.yaml:2: not YAML: "),
        ("retailers:\n  - ? [a]\n    : b\n", "retailers.yaml:2: retailers[0]: a key must be a plain word"),
    ],
)
def test_a_file_that_is_no_retailers_file_says_where(text: str, problem: str) -> None:
    parsed = parse(text)

    assert not parsed.ok
    assert any(line.startswith(problem) for line in parsed.render().splitlines()), parsed.render()


def test_the_files_own_name_stands_before_the_line() -> None:
    assert (
        parse("").problems[0].render("eu/retailers.yaml")
        == "eu/retailers.yaml:1: the file is empty; begin with 'retailers:'"
    )
