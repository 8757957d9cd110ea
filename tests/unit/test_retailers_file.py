"""The retailers file: what it says, and every mistake with its line, its path and its remedy."""

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
    Retailer,
    ReturnActionStage,
    RuleOutcome,
    Schedule,
)
from streams.retailers_file import ParsedFile, parse

EXAMPLE = Path(__file__).parents[2] / "retailers.example.yaml"

HEAD = """\
retailers:
  - id: acme
    name: "Acme Outdoors"
    portal: omnireturns
    shopify: {shop: acme.myshopify.com}
    return_action: first_scan
"""
FIRST_RULE_LINE = 8


def with_rules(*rules: str) -> ParsedFile:
    """A sound retailer with these rules, one a line from FIRST_RULE_LINE on."""
    return parse(HEAD + "    rules:\n" + "".join(f"      - {rule}\n" for rule in rules))


def with_when(when: str) -> ParsedFile:
    return with_rules(f"{{when: {when}, then: refund}}")


def only(parsed: ParsedFile) -> Retailer:
    assert parsed.render() == ""
    (retailer,) = parsed.retailers
    return retailer


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


def hooked(hook: str) -> str:
    return HEAD + f"    customer_choice: {{enabled: true}}\n    hook: {{{hook}}}\n"


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


SOUND = HEAD + "    customer_choice: {enabled: true}\n"


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (
            "id: acme",
            "id: Acme",
            "2: retailers[0].id: 'Acme' is no retailer id; use up to 63 lower-case letters, digits,",
        ),
        ("id: acme", "id: a/b", "2: retailers[0].id: 'a/b' is no retailer id;"),
        ("portal: omnireturns", "portal: lop", "4: retailers[0].portal: unknown portal 'lop'; did you mean 'loop'?"),
        (
            "    portal: omnireturns\n",
            "",
            "2: retailers[0]: 'portal' is missing; write portal: omnireturns, or portal: loop",
        ),
        ("    return_action: first_scan\n", "", "2: retailers[0]: 'return_action' is missing; write return_action:"),
        (
            "return_action: first_scan",
            "return_action: first scan",
            "6: retailers[0].return_action: unknown return action 'first scan'; did you mean 'first_scan'?",
        ),
        (
            "return_action: first_scan",
            "retrun_action: first_scan\n    return_action: manual",
            "6: retailers[0].retrun_action: unknown key 'retrun_action'; did you mean 'return_action'?",
        ),
        (
            "return_action: first_scan",
            "return_action: manual\n    return_action: first_scan",
            "7: retailers[0].return_action: 'return_action' stands here a second time (first in line 6);",
        ),
        ("shop: acme.myshopify.com", "shop: https://acme.myshopify.com", "5: retailers[0].shopify.shop: 'https:"),
        ("{shop: acme.myshopify.com}", "{order_source: webhook}", "5: retailers[0].shopify: 'shop' is missing;"),
        (
            "{shop: acme.myshopify.com}",
            "{shop: acme.myshopify.com, order_source: api}",
            "5: retailers[0].shopify.order_source: unknown order_source 'api'; ",
        ),
        ("{shop: acme.myshopify.com}", "acme.myshopify.com", "5: retailers[0].shopify: shopify must be a mapping"),
        (
            "enabled: true",
            "enabled: maybe",
            "7: retailers[0].customer_choice.enabled: enabled must be true or false, not",
        ),
        (
            "enabled: true",
            "enabled: true, exchnge: true",
            "7: retailers[0].customer_choice.exchnge: unknown key 'exchnge';",
        ),
        (
            "    customer",
            "    hold_hours: 0\n    customer",
            "7: retailers[0].hold_hours: hold_hours is 0; write more than 0",
        ),
        ("    customer", "    hold_hours: 2161\n    customer", "7: retailers[0].hold_hours: hold_hours is 2161; write"),
        (
            "    customer",
            "    hold_hours: two days\n    customer",
            "7: retailers[0].hold_hours: hold_hours takes a number",
        ),
        (
            "    customer",
            "    watchdogs: {scan_days: 0}\n    customer",
            "7: retailers[0].watchdogs.scan_days: scan_days is 0; write more than 0 and at most 365",
        ),
        (
            "    customer",
            "    watchdogs: {scann_days: 4}\n    customer",
            "7: retailers[0].watchdogs.scann_days: unknown key 'scann_days';",
        ),
        (
            "    customer",
            "    hook: {url: 'http://example.com/x'}\n    customer",
            "7: retailers[0].hook.url: 'http://example.com/x' is not https; write https://…; http is for",
        ),
        (
            "    customer",
            "    hook: {url: 'https://169.254.169.254/x'}\n    customer",
            "7: retailers[0].hook.url: '169.254.169.254' is no public address: link-local, where clouds",
        ),
        (
            "    customer",
            "    hook: {url: 'https://localhost/x'}\n    customer",
            "7: retailers[0].hook.url: 'localhost' is no public address: this machine; write the receiver's name",
        ),
        (
            "    customer",
            "    hook: {url: 'ftp://localhost'}\n    customer",
            "7: retailers[0].hook.url: 'ftp://localhost' is",
        ),
        (
            "    customer",
            "    hook: {url: 'https:///x'}\n    customer",
            "7: retailers[0].hook.url: 'https:///x' is no URL;",
        ),
        (
            "    customer",
            "    hook: {url: 'https://[x'}\n    customer",
            "7: retailers[0].hook.url: 'https://[x' is no URL:",
        ),
        ("    customer", "    hook: {}\n    customer", "7: retailers[0].hook: 'url' is missing;"),
        ("retailers:", "retailer:", "1: retailer: unknown key 'retailer'; did you mean 'retailers'?"),
    ],
)
def test_a_setting_is_refused_with_its_line_and_a_remedy(old: str, new: str, problem: str) -> None:
    assert old in SOUND

    parsed = parse(SOUND.replace(old, new))

    assert not parsed.ok
    assert parsed.retailers == ()
    assert parsed.render().startswith(f"retailers.yaml:{problem}")


@pytest.mark.parametrize(
    ("added", "hidden"),
    [
        ("    hook: {url: 'https://u:hunter2@example.com/x'}\n", "hunter2"),
        ("    hook: {url: 'https://example.com/x', secret_ref: whsec_aGVsbG8=}\n", "aGVsbG8"),
        ("    hook: {url: 'https://example.com/x', secret_ref: 'hunter2 is my password'}\n", "hunter2"),
    ],
)
def test_a_secret_in_the_file_is_refused_and_not_repeated(added: str, hidden: str) -> None:
    parsed = parse(SOUND + added)

    assert not parsed.ok
    assert hidden not in parsed.render()
    assert hidden not in repr(parsed.problems)


@pytest.mark.parametrize("ref", ["../etc/passwd", "/etc/passwd", "a/../b", "a//b"])
def test_a_secret_is_named_within_the_secrets_directory(ref: str) -> None:
    parsed = parse(SOUND + f"    hook: {{url: 'https://example.com', secret_ref: {ref}}}\n")

    assert "secret_ref is no name of a secret" in parsed.render()


SECOND = """\
  - id: {id}
    name: "{name}"
    portal: omnireturns
    shopify: {{shop: {shop}}}
    return_action: manual
    customer_choice: {{enabled: true}}
"""


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"id": "acme"}, "8: retailers[1].id: a second retailer 'acme' (first in line 2); every id stands once"),
        (
            {"name": "Acme Outdoors"},
            "9: retailers[1].name: the same name as the retailer in line 3;"
            " uploads find their retailer by its name: make it distinct",
        ),
        (
            {"name": "ACME  outdoors"},
            "9: retailers[1].name: the name differs only by blanks or case from 'Acme Outdoors' of the retailer in"
            " line 3; uploads find their retailer by its name: make it distinct",
        ),
        (
            {"shop": "ACME.myshopify.com"},
            "11: retailers[1].shopify.shop: shop 'acme.myshopify.com' is the one of the retailer in line 5;"
            " a shop has one retailer",
        ),
    ],
)
def test_two_retailers_share_no_id_name_or_shop(changed: dict[str, str], problem: str) -> None:
    second = {"id": "other", "name": "Other", "shop": "other.myshopify.com", **changed}

    assert parse(SOUND + SECOND.format(**second)).render() == f"retailers.yaml:{problem}"


def test_settings_that_loop_makes_void_are_warned_of() -> None:
    parsed = parse(SOUND.replace("omnireturns", "loop") + "    rules: [{when: always, then: refund}]\n")

    assert parsed.ok
    assert len(parsed.retailers) == 1
    assert [line.partition(": retailers[0]")[2] for line in parsed.render().splitlines()] == [
        ": warning: there is no hook: without it Loop issues no credit to the customer; write hook: {url: …}",
        *(
            f".{name}: warning: '{name}' has no effect: Loop issues the outcome, we forward;"
            " remove it, or write portal: omnireturns"
            for name in ("return_action", "customer_choice", "rules")
        ),
    ]


def test_a_retailer_for_whom_nothing_decides_is_warned_of() -> None:
    parsed = parse(HEAD)

    assert parsed.ok
    assert "nothing decides: no customer choice and no rules" in parsed.render()


@pytest.mark.parametrize("name", [" Acme", "Acme "])
def test_a_name_with_outer_blanks_is_kept_and_warned_of(name: str) -> None:
    parsed = parse(SOUND.replace("Acme Outdoors", name))

    assert parsed.retailers[0].name == name
    assert "matched byte for byte" in parsed.render()


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
