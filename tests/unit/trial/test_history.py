"""Past returns decided anew: what would differ, what cannot be told any more, and what no rule could have changed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from contracts.orders import Order
from contracts.retailers import CustomerChoice, Rule, RuleOutcome, freeze
from contracts.returns import DecisionState, ReturnDecision, ReturnUnit, UnitState
from streams.domain.kept_returns import OrderReturns
from streams.domain.orders import slim
from streams.trial.deciding import try_uploads
from streams.trial.history import Comparison, Newest, Past, compare
from tests.builders import HASH_KEY, retailer, shopify_order, unit, upload

AT = datetime(2026, 11, 3, tzinfo=UTC)
KEY = "acme/1001"
TEE = unit()
REFUND = retailer(rules=(Rule(name="everything", then=RuleOutcome.REFUND),))
CREDIT = retailer(rules=(Rule(name="credit", then=RuleOutcome.CREDIT_NOTE),))
NOTHING = retailer()


def kept(**changes: Any) -> Order:
    return slim(shopify_order(**changes), retailer="acme", shop="acme.myshopify.com", hash_key=HASH_KEY)


def past(*units: Any, order: Order | None = None, **row: Any) -> Past:
    """One return of two TEE-M (or of these units) as it was decided; `row` changes what the ledger says of each."""
    known = order or kept()
    [trial] = try_uploads(REFUND, known, [upload(*(units or (TEE, TEE)))], AT)
    rows = [each.row.model_copy(update=row) for each in trial.units]
    return Past((trial.decision,), {KEY: known}, {(KEY, "R1", r.sku.casefold(), r.ordinal): r for r in rows})


def names(found: Comparison) -> list[tuple[str, str]]:
    return [(change.before[0], change.after[0]) for change in found.changes]


def test_other_rules_change_units_and_sums() -> None:
    found = compare(past(), CREDIT)

    assert names(found) == [("refund", "credit_note")] * 2
    assert found.before == {("refund", "USD"): 2}
    assert found.after == {("credit_note", "USD"): 2}
    assert found.after_amount["credit_note", "USD"] == Decimal("100.00")
    assert (found.returns, found.units, found.gone) == (1, 2, [])


def test_the_same_rules_change_nothing() -> None:
    assert compare(past(), REFUND).changes == []


def test_another_rule_with_the_same_outcome_changes_nothing() -> None:
    renamed = retailer(rules=(Rule(name="another name", then=RuleOutcome.REFUND),))

    assert compare(past(), renamed).changes == []


def test_a_choice_that_is_switched_on_counts() -> None:
    choosing = retailer(customer_choice=CustomerChoice(enabled=True), rules=REFUND.rules)

    assert names(compare(past(unit(action="GIFT CARD")), choosing)) == [("refund", "credit_note")]


def test_an_order_that_is_not_kept_any_more_is_named() -> None:
    found = compare(Past(past().decisions, {}, {}), CREDIT)

    assert found.gone == ["acme/1001 R1"]
    assert (found.returns, found.units, found.changes) == (1, 0, [])


def test_a_return_that_never_had_an_order_is_no_loss() -> None:
    waiting = OrderReturns().first("R1", freeze(REFUND), AT).taking(upload(TEE), AT, None)
    found = compare(Past((waiting.told(KEY, None, 0, ()),), {}, {}), CREDIT)

    assert (found.gone, found.changes) == ([], [])
    assert found.after == {("waiting_for_order", ""): 1}


def test_a_return_that_waits_still_waits_although_its_order_is_there_now() -> None:
    waiting = OrderReturns().first("R1", freeze(REFUND), AT).taking(upload(TEE), AT, None).told(KEY, None, 0, ())

    assert compare(Past((waiting,), {KEY: kept()}, {}), CREDIT).after == {("waiting_for_order", ""): 1}


def test_a_return_with_one_decided_unit_needs_its_order() -> None:
    [decision] = past().decisions
    added = decision.units[1].model_copy(update={"state": DecisionState.WAITING_FOR_ORDER, "option": None})
    edited = decision.model_copy(update={"units": (decision.units[0], added)})

    assert compare(Past((edited,), {}, {}), CREDIT).gone == ["acme/1001 R1"]


def test_what_the_order_decided_stays() -> None:
    cancelled = kept(cancelled_at="2026-11-02T00:00:00Z")

    assert compare(past(order=cancelled), CREDIT).after == {("order_cancelled", ""): 2}


def test_what_could_not_be_matched_gets_nothing_by_other_rules_either() -> None:
    found = compare(past(TEE, TEE, TEE), CREDIT)

    assert len(found.changes) == 2
    assert found.before["more_than_ordered", ""] == found.after["more_than_ordered", ""] == 1


def test_what_was_rejected_gets_nothing_by_other_rules_either() -> None:
    stopped = past(state=UnitState.STOPPED, amount=None, tax=None, currency=None)

    assert compare(stopped, CREDIT).changes == []


def test_what_the_ledger_has_not_heard_of_yet_has_no_amount() -> None:
    [first, second] = compare(Past(past().decisions, past().orders, {}), CREDIT).changes

    assert (first.amount, second.amount) == (None, None)


def test_rules_that_pay_nothing_change_the_outcome_too() -> None:
    assert names(compare(past(), NOTHING)) == [("refund", "none")] * 2


# --- which returns are the last ones --------


def decision(rma: str, day: int, revision: int = 1) -> ReturnDecision:
    first = OrderReturns().first(rma, freeze(REFUND), AT + timedelta(days=day))
    return (
        first.taking(upload(TEE, rma=rma), AT, kept())
        .told(KEY, kept(), 0, ())
        .model_copy(update={"revision": revision})
    )


def told(newest: Newest) -> list[tuple[str, int]]:
    return [(each.rma, each.revision) for each in newest.decisions]


def test_the_newest_revision_of_the_returns_uploaded_last_whatever_came_when() -> None:
    newest = Newest(2)
    for each in (
        decision("R3", 3), decision("R1", 1), decision("R5", 5, 2), decision("R2", 2), decision("R4", 4),
        decision("R5", 5, 1), decision("R1", 1, 2), decision("R4", 4, 2),
    ):  # fmt: skip
        newest.take(each)

    assert told(newest) == [("R4", 2), ("R5", 2)]


def test_there_may_be_fewer() -> None:
    newest = Newest(10)
    newest.take(decision("R1", 1))

    assert told(newest) == [("R1", 1)]


def test_a_row_of_the_ledger_is_found_in_another_spelling() -> None:
    known = past()
    spelt: dict[Any, ReturnUnit] = {
        name: row.model_copy(update={"sku": row.sku.lower()}) for name, row in known.units.items()
    }
    assert compare(Past(known.decisions, known.orders, spelt), CREDIT).after_amount["credit_note", "USD"] == 100
