"""`rules try` with files: what it prints at 80 columns, word for word, and what it says of what it cannot read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rich.console import Console

from contracts.keys import folded_sku
from contracts.orders import Order
from contracts.retailers import Retailer
from contracts.returns import ReturnUpload
from streams.cli import rules_shown
from streams.domain.orders import slim
from streams.retailers_file import parse
from streams.trial.deciding import try_uploads
from streams.trial.history import Past, compare
from tests.builders import HASH_KEY, order_line, shopify_order, unit, upload
from tests.command_line import Outcome, returnstreams
from tests.unit.trial.test_deciding import NOW

RETAILERS = """\
retailers:
  - id: acme
    name: Acme
    portal: omnireturns
    shopify: {shop: acme.myshopify.com}
    customer_choice: {enabled: true}
    return_action: first_scan
    rules:
      - name: faulty goods
        when: {return_reason: {equal_to: Faulty}}
        then: refund
      - name: "[VIP] small British orders"
        when:
          order_value: {between: [10, 50], currency: GBP}
          order_country: {in: [GB, France]}
          tag: {in: [vip]}
        then: no_action
      - name: everything else
        when: always
        then: store_credit
  - id: looped
    name: Looped
    portal: loop
    shopify: {shop: looped.myshopify.com}
    hook: {url: "https://looped.example/hook"}
"""
[ACME, LOOPED] = parse(RETAILERS).retailers
TREE = """\
return R1 of order acme/1001
├── by the rules in retailers.yaml; paid at first_scan
├── TEE-M, number 1: credit_note 50.00 USD, tax 0.00 USD (by rule:everything
│   else)
│   ├── customer choice is on; the customer said nothing
│   ├── ✗ rule 'faulty goods': refund
│   │   └── ✗ return_reason equal_to Faulty; seen: Too small
│   ├── ✗ rule '[VIP] small British orders': no_action
│   │   ├── ✗ order_value between 10, 50 (GBP); seen: 100 USD
│   │   ├── ✗ order_country in GB, FR; seen: US
│   │   └── ✗ tag in vip; seen: nothing
│   ├── ✓ rule 'everything else': credit_note
│   │   └── ✓ always
│   └── takes number 1 of order line 11
├── TEE-M, number 2: refund 50.00 USD, tax 0.00 USD (by customer)
│   ├── customer choice is on; the customer said 'Refund', which comes before
│   │   every rule
│   └── takes number 2 of order line 11
├── TEE-M, number 3: more_than_ordered, needs a person
│   ├── customer choice is on; the customer said 'Refund', which comes before
│   │   every rule
│   └── but it cannot be matched: more of it than was bought
├── CAP, number 1: choice_unknown, needs a person
│   ├── customer choice is on; the customer said 'cash', a word that means no
│   │   option
│   └── takes number 1 of order line 12
└── CAP, number 2: choice_not_offered, needs a person
    ├── customer choice is on; the customer said 'EXCHANGE', which is not
    │   offered
    └── takes number 2 of order line 12
"""
COMPARISON = """\
1 return decided anew (3 units) by the rules in retailers.yaml
 outcome            units before  after  worth before      after
 credit_note                   0      1      0.00 USD  50.00 USD
 more_than_ordered             1      1             -          -
 no_action                     1      0     50.00 USD   0.00 USD
 refund                        1      1     50.00 USD  50.00 USD

 order      return  unit             was              would be        worth
 acme/1001  R1      TEE-M, number 1  no_action        credit_note     50.00 USD
                                     (rule:everythin  (rule:everythi
                                     g else)          ng else)
1 unit would differ
"""


def kept(**changes: object) -> Order:
    order = shopify_order(order_line(), order_line("CAP", 2, "10.00", "12"), **changes)
    return slim(order, retailer="acme", shop="acme.myshopify.com", hash_key=HASH_KEY)


def shown(of: Retailer, order: Order, returned: ReturnUpload) -> str:
    """The tree on a terminal of 80 columns."""
    console = Console(width=80, highlight=False, soft_wrap=True)
    [trial] = try_uploads(of, order, [returned], NOW)
    with console.capture() as captured:
        console.print(rules_shown.tree(trial, of, "the rules in retailers.yaml"), soft_wrap=False)
    return "\n".join(line.rstrip() for line in captured.get().splitlines()) + "\n"


def test_the_tree_says_all_that_was_looked_at() -> None:
    tees = unit(), unit(action="Refund"), unit(action="Refund")
    caps = unit("CAP", action="cash"), unit("CAP", action="EXCHANGE")

    assert shown(ACME, kept(), upload(*tees, *caps)) == TREE


def test_an_order_that_decides_by_itself_is_told_in_one_line() -> None:
    text = shown(ACME, kept(cancelled_at="2026-11-02T00:00:00Z"), upload())

    assert "TEE-M, number 1: order_cancelled, needs a person\n    └── the order decides: order_cancelled\n" in text


def test_on_loop_nothing_is_paid_here() -> None:
    text = shown(LOOPED, kept(), upload(unit(action="Refund"), unit(), retailer="looped"))

    assert "Loop issues the outcome\n" in text
    assert "customer choice is off, so it does not count that the customer said\n" in text
    assert "customer choice is off; the customer said nothing" in text
    assert "there are no rules" in text


def test_yen_have_no_decimals_and_what_was_found_is_never_cut() -> None:
    yen = kept(currency="JPY")
    assert "credit_note 50 JPY, tax 0 JPY (by" in shown(ACME, yen, upload())


def test_a_comparison_has_sums_and_every_unit_that_would_differ() -> None:
    order, before = kept(), parse(RETAILERS.replace("then: store_credit", "then: no_action")).retailers[0]
    [trial] = try_uploads(before, order, [upload(unit(), unit(action="refund"), unit(action="refund"))], NOW)
    rows = {(each.row.order_key, "R1", folded_sku(each.row.sku), each.row.ordinal): each.row for each in trial.units}
    console = Console(width=80, highlight=False)
    with console.capture() as captured:
        for each in rules_shown.comparison(
            compare(Past((trial.decision,), {"acme/1001": order}, rows), ACME), "the rules in retailers.yaml"
        ):
            console.print(each)
    lines = [line.rstrip() for line in captured.get().splitlines()]

    assert "\n".join(lines) + "\n" == COMPARISON


# --- the command --------


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with an order, a return and a retailers file."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "order.json").write_text(shopify_order().model_dump_json())
    (tmp_path / "return.json").write_text(json.dumps([{"Sku": "TEE-M", "RMA": "R1", "OrderNumber": "1001"}]))
    (tmp_path / "ours.yaml").write_text(RETAILERS)
    return tmp_path


FILES = ("--order", "order.json", "--return", "return.json", "--file", "ours.yaml")


def tried(*options: str, of: str = "acme") -> Outcome:
    return returnstreams("rules", "try", "--retailer", of, *options)


@pytest.mark.usefixtures("folder")
def test_with_files_alone_no_broker_is_needed() -> None:
    outcome = tried(*FILES)

    assert (outcome.code, outcome.err) == (0, "")
    assert "return R1 of order acme/1001\n├── by the rules in ours.yaml; paid at first_scan\n" in outcome.out
    assert "credit_note 50.00 USD, tax 0.00 USD (by rule:everything else)" in outcome.out


def test_a_return_for_another_order_is_refused(folder: Path) -> None:
    (folder / "return.json").write_text(json.dumps([{"Sku": "TEE-M", "RMA": "R1", "OrderNumber": "1002"}]))
    outcome = tried(*FILES)

    assert outcome.code == 78
    assert outcome.err == "error: return R1 is for order '1002', the order is '#1001'\n"


@pytest.mark.parametrize(
    "options",
    [(), ("--order", "order.json"), ("--return", "return.json"), (*FILES, "--history", "3"),
     ("--order", "order.json", "--history", "3"), ("--return", "return.json", "--history", "3")],
)  # fmt: skip
@pytest.mark.usefixtures("folder")
def test_either_files_or_history(options: tuple[str, ...]) -> None:
    outcome = tried(*options)
    assert (outcome.code, outcome.err) == (78, "error: give either --order and --return, or --history N\n")


@pytest.mark.usefixtures("folder")
def test_an_unknown_retailer_is_answered_with_those_there_are() -> None:
    refused = tried(*FILES, of="acne").err
    assert refused == "error: no retailer 'acne' is in ours.yaml; there are: acme, looped; near: acme\n"


def test_a_file_with_errors_is_told_line_by_line(folder: Path) -> None:
    (folder / "ours.yaml").write_text(RETAILERS.replace("first_scan", "first-scan"))
    outcome = tried(*FILES)

    assert outcome.code == 78
    assert "ours.yaml:7: " in outcome.err
    assert outcome.err.splitlines()[-1] == "error: ours.yaml has 1 error (above); nothing was changed"
