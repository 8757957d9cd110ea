"""Matching: which index of which line a returned unit takes, and why there may be none."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.unit.domain.ledger.builders import NOON, Book, decision, event, facts, line


def test_units_take_the_lines_with_their_sku_in_line_order_lowest_index_first() -> None:
    order = facts(line("TEE", 1, id="a"), line("CAP", 5, id="b"), line(" tee ", 2, id="c"))
    book = Book()
    book.take(decision("TEE", "tee", "TEE", order=order))
    assert book.claims == {"R1/TEE/1": "a/1", "R1/TEE/2": "c/1", "R1/TEE/3": "c/2"}


def test_a_line_without_a_sku_matches_nothing() -> None:
    book = Book()
    book.take(decision("TEE", order=facts(line(None, 3))))
    assert book.states == {"R1/TEE/1": "item_not_in_order"}


def test_claims_of_any_return_are_not_free() -> None:
    book = Book()
    book.take(decision("TEE", rma="R1"), decision("TEE", rma="R2"))
    assert book.claims == {"R1/TEE/1": "line-TEE/1", "R2/TEE/1": "line-TEE/2"}


@pytest.mark.parametrize("outcome", ["choice_unknown", "choice_not_offered", "no_action", "none", "refund", "exchange"])
def test_every_matched_unit_claims_its_index_whatever_its_outcome(outcome: str) -> None:
    book = Book()
    book.take(decision(f"TEE={outcome}"), decision("TEE", rma="R2"))
    assert book.claims == {"R1/TEE/1": "line-TEE/1", "R2/TEE/1": "line-TEE/2"}


@pytest.mark.parametrize("outcome", ["choice_unknown", "choice_not_offered", "no_action", "none"])
def test_that_a_unit_was_not_bought_comes_before_its_outcome(outcome: str) -> None:
    book = Book()
    book.take(decision(f"HAT={outcome}"))
    assert book.states == {"R1/HAT/1": "item_not_in_order"}
    assert book.row("R1/HAT/1").option is None


def test_a_unit_given_back_is_decided_anew_for_nobody_else_but_its_own_edit() -> None:
    one = facts(line(quantity=1))
    book = Book()
    book.take(decision("TEE", order=one), decision("TEE", rma="R2", order=one))
    book.take(event("cancelled"))
    assert book.states["R2/TEE/1"] == "already_claimed"
    book.take(decision("TEE=exchange", rma="R2", revision=2, order=one))
    assert book.claims == {"R2/TEE/1": "line-TEE/1"}


def test_a_refund_by_somebody_else_takes_the_lowest_free_index_itself() -> None:
    book = Book()
    book.take(decision("TEE", "TEE", order=facts(line(quantity=3, refunded=2))))
    assert book.claims == {"R1/TEE/1": "line-TEE/3"}
    assert book.states["R1/TEE/2"] == "already_refunded"


def test_refunds_take_free_indices_beside_claims_that_stand() -> None:
    book = Book()
    book.take(decision("TEE", order=facts(line(quantity=3))))
    book.take(decision("TEE", "TEE", rma="R2", order=facts(line(quantity=3, refunded=1))))
    assert book.claims == {"R1/TEE/1": "line-TEE/1", "R2/TEE/1": "line-TEE/3"}


def test_our_own_refund_shown_by_a_newer_version_takes_no_second_index() -> None:
    book = Book()
    book.take(decision("TEE"), event())
    shown = facts(line(refunded=1), updated_at=NOON + timedelta(seconds=1))
    book.take(decision("TEE", rma="R2", order=shown))
    assert book.claims["R2/TEE/1"] == "line-TEE/2"


@pytest.mark.parametrize("seconds", [0, -1])
def test_a_refund_in_a_version_not_newer_than_our_act_is_not_ours(seconds: int) -> None:
    book = Book()
    book.take(decision("TEE"), event())
    shown = facts(line(refunded=1), updated_at=NOON + timedelta(seconds=seconds))
    book.take(decision("TEE", rma="R2", order=shown))
    assert book.states["R2/TEE/1"] == "already_refunded"


def test_a_credit_note_of_ours_uses_up_no_refunded_quantity() -> None:
    book = Book()
    book.take(decision("TEE=credit_note"), event())
    book.take(decision("TEE", rma="R2", order=facts(line(refunded=1), updated_at=NOON + timedelta(hours=1))))
    assert book.states["R2/TEE/1"] == "already_refunded"


def test_a_claim_that_has_not_acted_uses_up_no_refunded_quantity() -> None:
    book = Book()
    book.take(decision("TEE"))
    book.take(decision("TEE", rma="R2", order=facts(line(refunded=1), updated_at=NOON + timedelta(hours=1))))
    assert book.states["R2/TEE/1"] == "already_refunded"


def test_why_there_is_no_index_refunded_beats_claimed_beats_more_than_ordered() -> None:
    two = facts(line("TEE", 1, id="a"), line("TEE", 1, id="b"))
    refunded = facts(line("TEE", 1, id="a"), line("TEE", 1, id="b", refunded=1))
    book = Book()
    book.take(decision("TEE", order=two))
    book.take(decision("TEE", rma="R2", order=refunded))
    assert book.states["R2/TEE/1"] == "already_refunded"
    book.take(decision("TEE", "TEE", rma="R3", order=two))
    assert book.states["R3/TEE/2"] == "already_claimed"

    alone = Book()
    alone.take(decision("TEE", "TEE", "TEE"))
    assert alone.states["R1/TEE/3"] == "more_than_ordered"


def test_a_refunded_quantity_that_finds_no_free_index_takes_none() -> None:
    one = facts(line(quantity=1))
    book = Book()
    book.take(decision("TEE", order=one))
    book.take(decision("TEE", rma="R2", order=facts(line(quantity=1, refunded=1))))
    assert book.states["R2/TEE/1"] == "already_claimed"


def test_a_claim_beyond_a_line_that_has_shrunk_takes_none_of_its_indices() -> None:
    book = Book()
    book.take(decision("TEE", "TEE"))
    book.take(decision(rma="R1", revision=2, revisions={"TEE": 2}, order=facts(line(quantity=1))))
    assert book.claims == {"R1/TEE/1": "line-TEE/1"}
    book.take(decision("TEE", "TEE", rma="R1", revision=3, revisions={"TEE": 2}))
    book.take(decision("TEE", rma="R2", order=facts(line(quantity=0))))
    assert book.states["R2/TEE/1"] == "more_than_ordered"
