"""A trial gives what the agents would: decided, matched and priced, and nothing kept from one trial to the next."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from contracts.orders import Order
from contracts.retailers import CustomerChoice, Portal, Retailer, Rule, RuleOutcome
from contracts.returns import Option, ReturnUpload, UnitState
from streams.domain.orders import slim
from streams.trial.deciding import Trial, try_uploads
from tests.builders import HASH_KEY, order_line, retailer, shopify_order, unit, upload

NOW = datetime(2026, 11, 3, tzinfo=UTC)
REFUND = (Rule(name="everything", then=RuleOutcome.REFUND),)
TEE = unit()


def kept(**changes: Any) -> Order:
    return slim(shopify_order(**changes), retailer="acme", shop="acme.myshopify.com", hash_key=HASH_KEY)


def tried(*uploads: ReturnUpload, order: Order | None = None, of: Retailer | None = None) -> tuple[Trial, ...]:
    return try_uploads(of or retailer(rules=REFUND), order or kept(), uploads, NOW)


def states(*trials: Trial) -> list[UnitState]:
    return [unit.row.state for trial in trials for unit in trial.units]


def test_a_unit_is_decided_matched_and_priced() -> None:
    [trial] = tried(upload(TEE))
    [only] = trial.units

    assert (only.decision.option, only.decision.decided_by) == (Option.REFUND, "rule:everything")
    assert (only.row.line_id, only.row.line_index, only.row.amount) == ("11", 1, Decimal("50.00"))


def test_of_two_returns_the_second_finds_what_the_first_has_claimed() -> None:
    assert states(*tried(upload(TEE, TEE), upload(TEE, rma="R2"))) == [
        UnitState.DECIDED,
        UnitState.DECIDED,
        UnitState.ALREADY_CLAIMED,
    ]


def test_a_trial_leaves_nothing_behind_for_the_next() -> None:
    assert states(*tried(upload(TEE, TEE))) == states(*tried(upload(TEE, TEE)))


def test_another_spelling_of_a_sku_is_the_same_sku() -> None:
    [trial] = tried(upload(TEE, unit(" tee-m ")))

    assert [(each.decision.sku, each.row.ordinal) for each in trial.units] == [("TEE-M", 1), ("TEE-M", 2)]


def test_more_than_was_bought_is_seen() -> None:
    assert states(*tried(upload(TEE, TEE, TEE)))[-1] is UnitState.MORE_THAN_ORDERED


def test_a_loop_retailers_return_is_decided_too() -> None:
    loop = retailer(rules=REFUND, portal=Portal.LOOP)

    assert states(*tried(upload(TEE), of=loop)) == [UnitState.DECIDED]


def test_a_cancelled_order_decides_by_itself() -> None:
    assert states(*tried(upload(TEE), order=kept(cancelled_at="2026-11-02T00:00:00Z"))) == [UnitState.ORDER_CANCELLED]


def test_two_orders_of_one_name_decide_nothing() -> None:
    two = kept().model_copy(update={"other_ids": ("2",)})

    assert states(*tried(upload(TEE), order=two)) == [UnitState.ORDER_AMBIGUOUS]


def test_an_item_that_was_not_bought_is_not_matched() -> None:
    [trial] = tried(upload(unit("CAP")), order=kept(line_items=[order_line()]))

    assert (trial.units[0].row.state, trial.units[0].row.option) == (UnitState.ITEM_NOT_IN_ORDER, None)


def test_the_customers_word_comes_before_the_rules_where_it_counts() -> None:
    said = upload(unit(action="store credit"))
    on = retailer(rules=REFUND, customer_choice=CustomerChoice(enabled=True))

    assert tried(said, of=on)[0].units[0].decision.option is Option.CREDIT_NOTE
    assert tried(said)[0].units[0].decision.option is Option.REFUND


def test_a_return_for_another_order_is_refused() -> None:
    with pytest.raises(ValueError, match="return R2 is for order '#1002', the order is '#1001'"):
        tried(upload(TEE), upload(TEE, rma="R2", order_name="#1002"))
