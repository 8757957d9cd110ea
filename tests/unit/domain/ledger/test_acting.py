"""Acting: when a unit is paid, and what RP confirms."""

from __future__ import annotations

import pytest

from contracts.keys import action_id
from contracts.retailers import Portal, ReturnActionStage
from contracts.returns import EventItem, Meaning
from streams.domain.ledger.acting import action_of
from streams.domain.milestones import PHYSICAL, Evidence
from tests.unit.domain.ledger.builders import NOON, ORDER, Book, decision, event, facts, hub, line, settings

MANY = facts(line(quantity=9), line("CAP", 9))


def book_of(*said: str, stage: str = "first_scan") -> Book:
    """A book with one return of these units."""
    book = Book()
    book.take(decision(*said, stage=stage, order=MANY))
    return book


@pytest.mark.parametrize("meaning", list(Meaning))
def test_first_scan_acts_on_physical_milestones_and_on_nothing_else(meaning: Meaning) -> None:
    book = book_of("TEE", "CAP=exchange")
    book.take(event(meaning))
    assert book.paid == (["R1/TEE/1=refund", "R1/CAP/1=exchange"] if meaning in PHYSICAL else [])


@pytest.mark.parametrize("meaning", list(Meaning))
def test_manual_acts_on_closed_and_on_nothing_else(meaning: Meaning) -> None:
    book = book_of("TEE", stage="manual")
    book.take(event(meaning))
    assert book.paid == (["R1/TEE/1=refund"] if meaning is Meaning.CLOSED else [])


@pytest.mark.parametrize("meaning", list(Meaning))
def test_processing_acts_on_processed_and_on_nothing_else(meaning: Meaning) -> None:
    book = book_of("TEE", stage="processing")
    book.take(event(meaning))
    assert book.paid == (["R1/TEE/1=refund"] if meaning is Meaning.PROCESSED else [])


def test_return_status_processed_confirms_all_units_and_those_uploaded_later() -> None:
    book = book_of("TEE", stage="processing")
    book.take(event("processed", whole_return=True))
    book.take(decision("TEE", "CAP", revision=2, revisions={"TEE": 1}, order=MANY))
    assert book.paid == ["R1/TEE/1=refund", "R1/CAP/1=refund"]


def test_a_whole_return_once_processed_stays_so_whatever_an_rp_counts_later() -> None:
    book = book_of("TEE", stage="processing")
    book.take(event("processed", whole_return=True), hub("processed", id="rp", items={"TEE": 1}))
    book.take(decision("TEE", "CAP", revision=2, revisions={"TEE": 1}, order=MANY))
    assert book.paid == ["R1/TEE/1=refund", "R1/CAP/1=refund"]


def test_rp_confirms_its_units_lowest_ordinal_first_decided_or_not() -> None:
    book = book_of("TEE=no_action", "TEE", "TEE", "CAP", stage="processing")
    book.take(hub("processed", items={"tee ": 2}))
    assert book.paid == ["R1/TEE/2=refund"]
    assert [book.row(f"R1/TEE/{n}").confirmed for n in (1, 2, 3)] == [True, True, False]


def test_the_same_rp_again_takes_the_larger_count() -> None:
    book = book_of("TEE", "TEE", "TEE", "CAP", stage="processing")
    book.take(hub("processed", id="rp", items={"TEE": 2}))
    book.take(hub("processed", id="rp", items={"TEE": 1, "CAP": 1}))
    book.take(hub("processed", id="rp", items={"TEE": 2}))
    assert book.paid == ["R1/TEE/1=refund", "R1/TEE/2=refund", "R1/CAP/1=refund"]


def test_counts_of_different_rps_add_up() -> None:
    book = book_of("TEE", "TEE", "TEE", stage="processing")
    book.take(hub("processed", id="a", items={"TEE": 1}), hub("processed", id="b", items={"TEE": 1}))
    assert book.paid == ["R1/TEE/1=refund", "R1/TEE/2=refund"]


def test_an_rp_that_came_before_the_upload_is_counted_like_one_after() -> None:
    book = Book()
    book.take(hub("processed", id="a", items={"TEE": 1}), hub("processed", id="a", items={"TEE": 2}))
    book.take(decision("TEE", "TEE", "TEE", stage="processing", order=MANY))
    assert book.paid == ["R1/TEE/1=refund", "R1/TEE/2=refund"]


@pytest.mark.parametrize("again", [({}, {"TEE": 1}), ({"TEE": 1}, {})])
def test_an_rp_of_the_whole_return_stays_one_when_it_is_told_again(again: tuple[dict[str, int], ...]) -> None:
    book = Book()
    for items in again:
        book.take(hub("processed", id="a", items=items))
    book.take(decision("TEE", "CAP", stage="processing", order=MANY))
    assert book.paid == ["R1/TEE/1=refund", "R1/CAP/1=refund"]


def test_the_same_rp_a_month_later_confirms_no_further_unit() -> None:
    book = book_of("TEE", "TEE", stage="processing")
    book.take(hub("processed", id="a", items={"TEE": 1}))
    book.later(days=40).take(hub("processed", id="a", items={"TEE": 1}))
    assert book.paid == ["R1/TEE/1=refund"]


def test_an_rp_told_under_the_order_and_under_its_consignment_is_one() -> None:
    book = Book()
    book.take(decision("TEE", "TEE", stage="processing", consignments=("C1",)))
    book.take(hub("processed", id="a", consignment="C1", items={"TEE": 1}))
    book.take(event("processed", id="a", rma="R1", consignment="C1", items={"TEE": 1}))
    assert book.paid == ["R1/TEE/1=refund"]


def test_items_of_one_sku_told_by_reason_add_up_within_their_rp() -> None:
    book = book_of("TEE", "TEE", "TEE", stage="processing")
    items = (EventItem(sku="TEE", count=1, reason="torn"), EventItem(sku=" tee", count=1, reason="worn"))
    book.take(hub("processed").model_copy(update={"items": items}))
    assert book.paid == ["R1/TEE/1=refund", "R1/TEE/2=refund"]


@pytest.mark.parametrize("items", [{}, {" ": 1}])
def test_an_rp_without_skus_confirms_the_whole_return(items: dict[str, int]) -> None:
    book = book_of("TEE", "CAP", stage="processing")
    book.take(hub("processed", items=items))
    assert book.paid == ["R1/TEE/1=refund", "R1/CAP/1=refund"]


def test_rp_implies_first_scan_and_closed_implies_nothing() -> None:
    book = book_of("TEE")
    book.take(event("closed"))
    assert book.paid == []
    book.take(hub("processed", items={"CAP": 1}))
    assert book.paid == ["R1/TEE/1=refund"]


def test_a_unit_uploaded_after_its_stage_was_reached_acts_at_once() -> None:
    book = book_of("TEE")
    book.take(event())
    book.take(decision("TEE", "CAP", revision=2, revisions={"TEE": 1}, order=MANY))
    assert book.paid == ["R1/TEE/1=refund", "R1/CAP/1=refund"]


@pytest.mark.parametrize("outcome", ["no_action", "none", "choice_unknown", "choice_not_offered"])
def test_what_gets_nothing_or_needs_a_person_emits_nothing(outcome: str) -> None:
    book = book_of(f"TEE={outcome}", "HAT")
    book.take(event("delivered"), event("processed"), event("closed"))
    assert book.paid == []


def test_one_action_a_unit_at_most_for_ever() -> None:
    book = book_of("TEE")
    for meaning in ("first_scan", "delivered", "processed", "closed", "first_scan"):
        book.later(days=50).take(event(meaning))
    book.take(decision("TEE=exchange", revision=2))
    assert book.paid == ["R1/TEE/1=refund"]


def test_an_action_says_what_it_pays_for_and_why() -> None:
    book = book_of("Tee=exchange")
    book.take(event("delivered", id="e1", code="71"))
    paid = book.actions[0]
    assert paid.action_id == action_id(ORDER, "R1", "TEE", 1, "exchange")
    assert (paid.retailer, paid.order_id, paid.line_id, paid.line_index) == ("acme", "1", "line-TEE", 1)
    assert (paid.evidence.milestone, paid.evidence.event_id, paid.evidence.code) == ("delivered", "e1", "71")
    assert paid.evidence.at == NOON
    assert (paid.stage, paid.decided_by, paid.acted_at) == (ReturnActionStage.FIRST_SCAN, "customer", NOON)
    assert (book.row("R1/Tee/1").action_id, book.row("R1/Tee/1").acted_at) == (paid.action_id, NOON)


def test_an_action_names_the_variant_that_was_bought_and_the_one_that_is_wanted() -> None:
    wanted = {"exchange_variant_id": "78", "exchange_sku": "TEE-L"}
    unit = decision("TEE=exchange").units[0].model_copy(update=wanted)
    book = Book()
    book.take(decision(order=facts(line(variant_id="77"))).model_copy(update={"units": (unit,)}), event())
    paid = book.actions[0]
    assert (paid.variant_id, paid.exchange_variant_id, paid.exchange_sku) == ("77", "78", "TEE-L")


@pytest.mark.parametrize("lacking", ["claim", "option"])
def test_a_unit_without_a_claim_or_an_option_cannot_be_paid(lacking: str) -> None:
    book = book_of("TEE")
    known = book.ledger.returns["R1"]
    evidence = Evidence.of(event())
    with pytest.raises(ValueError, match="decided without a claim or an option"):
        action_of(ORDER, known, known.units[0].model_copy(update={lacking: None}), evidence, NOON)


def test_on_loop_units_are_decided_and_never_paid() -> None:
    book = Book()
    book.take(decision("TEE", settings=settings(portal=Portal.LOOP)), event(), event("processed"), event("closed"))
    assert book.states == {"R1/TEE/1": "decided"}
    assert book.row("R1/TEE/1").waiting_for is None
    assert book.paid == []


def test_a_cancelled_label_stops_nothing() -> None:
    book = book_of("TEE")
    book.take(event("exception", code="34"), event())
    assert book.paid == ["R1/TEE/1=refund"]


@pytest.mark.parametrize(
    ("stage", "words"),
    [("first_scan", "first scan"), ("processing", "processing of this unit"), ("manual", "CLOSED")],
)
def test_a_row_says_what_its_unit_waits_for(stage: str, words: str) -> None:
    book = book_of("TEE", "HAT", "CAP=no_action", stage=stage)
    assert [book.row(f"R1/{sku}/1").waiting_for for sku in ("TEE", "HAT", "CAP")] == [words, "a person", None]
    book.take(decision("TEE=waiting_for_order", rma="R2", order=None))
    assert book.row("R2/TEE/1").waiting_for == "order"
