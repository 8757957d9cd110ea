"""A retailer's settings in the file, rules aside: what is refused, with its remedy, and what is warned of."""

from __future__ import annotations

import pytest

from streams.retailers_file import parse
from tests.unit.retailers_kit import HEAD, SOUND


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
