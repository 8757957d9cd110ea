"""What return-rules keeps of a return: a unit is decided once, with everything that was said of it."""

from __future__ import annotations

from datetime import timedelta

from contracts.returns import DecisionState, Option, ReturnUpload, UploadedUnit
from streams.domain.decisions import content_of_unit
from streams.domain.kept_returns import FORGOTTEN_AFTER, KeptReturn, OrderReturns
from tests.unit.domain.builders import MORNING, order, rule, settings, unit

CHOSEN = settings(rule(then="credit_note"), choice=True, exchange=True)


def upload(*units: UploadedUnit, rma: str = "R1") -> ReturnUpload:
    return ReturnUpload(retailer="acme", order_name="1001", rma=rma, units=units)


def first(*units: UploadedUnit, rma: str = "R1") -> KeptReturn:
    """A return after its first upload, while its order is not there."""
    return OrderReturns().first(rma, CHOSEN, MORNING).taking(upload(*units, rma=rma), MORNING, None)


def test_a_unit_that_is_decided_when_its_order_comes_still_wants_what_was_uploaded() -> None:
    sent = unit(reason="Too big", return_action="Exchange", exchange_variant_id="77", exchange_sku="TEE-S")

    waiting = first(sent)
    (decided,) = waiting.with_order(order()).units

    assert [known.state for known in waiting.units] == [DecisionState.WAITING_FOR_ORDER]
    assert (decided.state, decided.option) == (DecisionState.DECIDED, Option.EXCHANGE)
    assert (decided.exchange_variant_id, decided.exchange_sku) == ("77", "TEE-S")
    assert (decided.reason, decided.return_action) == ("Too big", "Exchange")
    assert decided.content == content_of_unit(sent)


def test_the_same_holds_after_its_hold_was_over() -> None:
    sent = unit(return_action="Exchange", exchange_variant_id="77", exchange_sku="TEE-S")

    (missing,) = first(sent).given_up().units
    (decided,) = first(sent).given_up().with_order(order()).units

    assert (missing.state, missing.exchange_variant_id) == (DecisionState.ORDER_NOT_FOUND, "77")
    assert (decided.option, decided.exchange_variant_id, decided.exchange_sku) == (Option.EXCHANGE, "77", "TEE-S")


def test_what_is_decided_stays_so_when_the_order_comes_back_for_units_added_meanwhile() -> None:
    known = OrderReturns().first("R1", CHOSEN, MORNING).taking(upload(unit(sku="A")), MORNING, order())
    deleted = known.taking(upload(unit(sku="A"), unit(sku="B")), MORNING, None)

    back = deleted.with_order(order(cancelled_at=MORNING))

    assert [(u.sku, u.state, u.revision) for u in back.units] == [
        ("A", DecisionState.DECIDED, 1),
        ("B", DecisionState.ORDER_CANCELLED, 3),
    ]


def test_only_units_that_wait_are_given_up() -> None:
    known = OrderReturns().first("R1", CHOSEN, MORNING).taking(upload(unit(sku="A")), MORNING, order())
    given_up = known.taking(upload(unit(sku="A"), unit(sku="B")), MORNING, None).given_up()

    assert [u.state for u in given_up.units] == [DecisionState.DECIDED, DecisionState.ORDER_NOT_FOUND]
    assert given_up.with_order(order()).revision == given_up.revision + 1


def test_the_next_hold_to_end_is_the_earliest_of_those_that_wait() -> None:
    later = MORNING + timedelta(hours=5)
    waits = OrderReturns().first("R2", CHOSEN, later).taking(upload(unit(), rma="R2"), later, None)
    decided = OrderReturns().first("R3", CHOSEN, MORNING).taking(upload(unit(), rma="R3"), MORNING, order())
    known = OrderReturns().having(waits).having(first(unit())).having(decided)

    assert known.next_hold_end == MORNING + timedelta(hours=48)
    assert known.after_holds(MORNING + timedelta(hours=48)).next_hold_end == later + timedelta(hours=48)
    assert known.next_forgotten == MORNING + FORGOTTEN_AFTER
    assert OrderReturns().next_hold_end is OrderReturns().next_forgotten is None


def test_uploads_from_before_a_return_was_forgotten_are_repeats_after_it_came_back_too() -> None:
    forgotten = OrderReturns().having(first(unit(sku="A"))).forgetting(MORNING + FORGOTTEN_AFTER)
    assert forgotten.returns == ()
    assert forgotten.repeats(upload(unit(sku="A")))

    back = forgotten.first("R1", CHOSEN, MORNING).taking(upload(unit(sku="B")), MORNING, None)
    known = forgotten.having(back)
    assert back.revision == 2
    assert known.repeats(upload(unit(sku="A")))
    assert known.repeats(upload(unit(sku="B")))
    assert not known.repeats(upload(unit(sku="C")))


def test_the_retailer_is_what_stands_before_the_first_slash_of_the_key() -> None:
    assert first(unit()).told("acme/10/01", None, 0, ()).retailer == "acme"
