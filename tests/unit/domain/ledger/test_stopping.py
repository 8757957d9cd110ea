"""Stopping: a return that was rejected or cancelled pays nothing more, whatever comes, and gives its indices back."""

from __future__ import annotations

import pytest

from contracts.actions import AlertKind
from tests.unit.domain.ledger.builders import Book, decision, event, facts, hub, line
from tests.unit.domain.ledger.test_acting import MANY, book_of


@pytest.mark.parametrize("meaning", ["rejected", "cancelled"])
def test_rejected_and_cancelled_stop_what_has_not_acted_and_give_its_index_back(meaning: str) -> None:
    book = book_of("TEE", "CAP=none", "CAP=choice_unknown", "HAT", stage="processing")
    book.take(hub("processed", items={"TEE": 1}), event(meaning))
    assert book.states == {"R1/TEE/1": "acted", "R1/CAP/1": "stopped", "R1/CAP/2": "stopped", "R1/HAT/1": "stopped"}
    assert book.claims == {"R1/TEE/1": "line-TEE/1"}
    book.take(event("processed", whole_return=True))
    assert book.paid == ["R1/TEE/1=refund"]


def test_what_was_paid_before_a_return_was_stopped_stays_paid_whatever_is_uploaded_later() -> None:
    book = book_of("TEE", "CAP", stage="processing")
    book.take(hub("processed", items={"TEE": 1}), event("rejected"))
    book.take(decision("TEE=exchange", "HAT", revision=2, stage="processing", order=MANY))
    assert book.states == {"R1/TEE/1": "acted", "R1/CAP/1": "stopped", "R1/HAT/1": "stopped"}
    assert book.claims == {"R1/TEE/1": "line-TEE/1"}
    assert book.row("R1/TEE/1").action_id == book.actions[0].action_id


def test_a_unit_that_was_withdrawn_and_comes_back_to_a_stopped_return_is_stopped() -> None:
    book = book_of("TEE", "CAP")
    book.take(decision("TEE", revision=2, revisions={"TEE": 1}, order=MANY), event("rejected"))
    assert book.states == {"R1/TEE/1": "stopped", "R1/CAP/1": "withdrawn"}
    book.take(decision("TEE", "CAP", revision=3, order=MANY))
    assert book.states == {"R1/TEE/1": "stopped", "R1/CAP/1": "stopped"}


def test_a_return_is_stopped_whatever_becomes_of_those_uploaded_before_it() -> None:
    book = Book()
    book.take(decision("TEE", order=MANY), decision("TEE", rma="R2", order=MANY), event("rejected", rma="R2"))
    assert book.states == {"R1/TEE/1": "decided", "R2/TEE/1": "stopped"}
    book.take(event("delivered", rma="R2"), event())
    assert book.paid == ["R1/TEE/1=refund"]


def test_a_stopped_return_stays_stopped_whatever_is_uploaded_later() -> None:
    book = book_of("TEE")
    book.take(event("rejected"))
    book.take(decision("TEE=exchange", "CAP", revision=2, order=MANY), event())
    assert book.states == {"R1/TEE/1": "stopped", "R1/CAP/1": "stopped"}
    assert book.row("R1/CAP/1").option is None
    assert book.claims == {}
    assert book.paid == []


def test_a_rejection_may_come_before_the_upload() -> None:
    book = Book()
    book.take(event("cancelled"), event())
    book.take(decision("TEE"))
    assert book.states == {"R1/TEE/1": "stopped"}
    assert book.paid == []
    book.take(decision("TEE", rma="R2", order=facts(line(quantity=1))))
    assert book.claims == {"R2/TEE/1": "line-TEE/1"}


def test_a_unit_that_waited_for_its_order_stays_undecided_once_stopped() -> None:
    book = Book()
    book.take(decision("TEE=waiting_for_order", order=None), event("rejected"), decision("TEE", revision=2), event())
    assert book.states == {"R1/TEE/1": "stopped"}
    assert book.row("R1/TEE/1").option is None


def test_a_later_scan_of_a_stopped_return_is_shown_to_a_person_once() -> None:
    book = book_of("TEE", stage="manual")
    book.take(event("first_scan"), event("rejected"), event("first_scan"), event("label"))
    assert book.alerts == []
    book.take(event("delivered"), event("delivered"), event("depot"))
    assert [(alert.kind, alert.rma) for alert in book.alerts] == [(AlertKind.SCAN_OF_STOPPED_RETURN, "R1")]
    assert book.alerts[0].about == event("delivered").event_id


def test_a_scan_of_a_parcel_of_two_stopped_returns_is_shown_for_each() -> None:
    book = Book()
    for rma in ("R1", "R2"):
        book.take(decision("TEE", rma=rma, consignments=("C1",), order=MANY), event("rejected", rma=rma))
    book.take(hub("delivered", consignment="C1"))
    assert [alert.rma for alert in book.alerted(AlertKind.SCAN_OF_STOPPED_RETURN)] == ["R1", "R2"]
