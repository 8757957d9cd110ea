"""Watchdogs: who is called for, when, and that it is done once a stage."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from contracts.actions import AlertKind
from contracts.retailers import Watchdogs
from contracts.returns import ReturnDecision, ReturnEvent
from streams.domain.ledger.watch import DECISIONS_PATIENCE, HISTORY_PATIENCE, call, next_watch
from tests.unit.domain.ledger.builders import NOON, Book, decision, event

TIMES = Watchdogs(scan_days=28, delivery_days=30, depot_days=3, processing_days=7)
DAY = timedelta(days=1)


def told(*inputs: ReturnDecision | ReturnEvent) -> Book:
    book = Book()
    book.take(*inputs)
    return book


def called(book: Book, at: datetime, times: Watchdogs = TIMES) -> list[AlertKind]:
    """Whom a watchdog calls for then; the book remembers it."""
    book.ledger, alerts = call(book.ledger, times, at)
    return [alert.kind for alert in alerts]


@pytest.mark.parametrize(
    ("reached", "kind", "days"),
    [
        ((), AlertKind.RETURN_NOT_SCANNED, 28),
        (("label",), AlertKind.RETURN_NOT_SCANNED, 28),
        (("first_scan",), AlertKind.RETURN_NOT_DELIVERED, 30),
        (("in_transit", "exception"), AlertKind.RETURN_NOT_DELIVERED, 30),
        (("first_scan", "delivered"), AlertKind.RETURN_NOT_AT_DEPOT, 3),
        (("delivered", "depot"), AlertKind.RETURN_NOT_PROCESSED, 7),
        (("depot",), AlertKind.RETURN_NOT_PROCESSED, 7),
    ],
)
def test_each_stage_has_its_own_time_and_calls_once(reached: tuple[str, ...], kind: AlertKind, days: int) -> None:
    book = told(decision(), *map(event, reached))
    assert next_watch(book.ledger, TIMES) == NOON + days * DAY
    assert called(book, NOON + days * DAY - timedelta(seconds=1)) == []
    assert called(book, NOON + days * DAY) == [kind]
    assert called(book, NOON + 300 * DAY) == []
    assert next_watch(book.ledger, TIMES) is None


@pytest.mark.parametrize("end", ["processed", "exported", "delivered_back", "closed", "rejected", "cancelled"])
def test_what_has_arrived_or_is_over_is_watched_no_more(end: str) -> None:
    book = told(decision(stage="manual"), event("first_scan"), event(end))
    assert next_watch(book.ledger, TIMES) is None
    assert called(book, NOON + 300 * DAY) == []


def test_the_next_stage_is_watched_after_a_call() -> None:
    book = told(decision())
    assert called(book, NOON + 28 * DAY) == [AlertKind.RETURN_NOT_SCANNED]
    book.now = NOON + 29 * DAY
    book.take(event("first_scan", at=book.now))
    assert next_watch(book.ledger, TIMES) == NOON + 59 * DAY


@pytest.mark.parametrize("at", [NOON - 10 * DAY, NOON + 10 * DAY, None])
def test_a_stage_counts_from_when_it_was_first_heard_of(at: datetime | None) -> None:
    book = told(decision(), event("in_transit", at=at))
    book.later(days=5).take(event("first_scan", at=NOON - 20 * DAY))
    assert next_watch(book.ledger, TIMES) == NOON + 30 * DAY


def test_events_and_upload_in_any_order_leave_the_same_watch() -> None:
    events = [event("delivered"), event("depot"), event("depot", id="second")]
    one, other = told(decision(), *events), told(*reversed(events), decision())
    assert next_watch(one.ledger, TIMES) == next_watch(other.ledger, TIMES) == NOON + 7 * DAY


def test_a_history_that_never_comes_calls_after_an_hour_and_one_that_came_does_not() -> None:
    book = told(decision(consignments=("C1",), awaited=("C1",)), event("depot"))
    assert book.paid == []
    assert next_watch(book.ledger, TIMES) == NOON + HISTORY_PATIENCE
    assert called(book, NOON + HISTORY_PATIENCE) == [AlertKind.PARCEL_HISTORY_MISSING]
    book.take(event("linked", consignment="C1"))
    assert book.paid == ["R1/TEE/1=refund"]
    assert next_watch(book.ledger, TIMES) == NOON + 7 * DAY


def test_patience_with_the_histories_of_several_parcels_counts_from_the_first() -> None:
    book = told(decision(consignments=("C1", "C2"), awaited=("C1", "C2")), event("depot"))
    book.later(minutes=30).take(event("linked", consignment="C2"))
    assert next_watch(book.ledger, TIMES) == NOON + HISTORY_PATIENCE
    edit = decision(revision=2, revisions={"TEE": 1}, consignments=("C1", "C2", "C3"), awaited=("C3",))
    book.later(minutes=10).take(edit)
    assert next_watch(book.ledger, TIMES) == NOON + HISTORY_PATIENCE
    book.take(event("linked", consignment="C1"), event("linked", consignment="C3"))
    assert book.ledger.returns["R1"].awaited_since is None


def test_an_edit_that_brings_a_parcel_waits_for_it_and_the_answer_may_come_first() -> None:
    book = told(
        decision(consignments=("C1",), awaited=("C1",)),
        event("linked", consignment="C1"),
        event("linked", consignment="C2"),
        decision(revision=2, revisions={"TEE": 1}, consignments=("C1", "C2", "C3"), awaited=("C2", "C3")),
        event("depot"),
    )
    assert book.paid == []
    assert book.row("R1/TEE/1").waiting_for == "history of parcel C3"
    book.take(event("linked", consignment="C3"))
    assert book.paid == ["R1/TEE/1=refund"]
    assert book.ledger.linked == {}


def test_repeats_of_an_answer_leave_no_trace() -> None:
    book = told(decision(consignments=("C1",), awaited=("C1",)), event("linked", consignment="C1"))
    before = book.ledger
    book.take(event("linked", consignment="C1"))
    assert book.ledger == before


class TestDecisionsThatAreStillToCome:
    """All returns of an order that were decided at once pay together: one that never comes holds up the others."""

    def test_it_calls_after_an_hour_and_once(self) -> None:
        book = told(decision(more=1), event("depot"))
        assert book.paid == []
        assert next_watch(book.ledger, TIMES) == NOON + DECISIONS_PATIENCE
        assert called(book, NOON + DECISIONS_PATIENCE - timedelta(seconds=1)) == []
        assert called(book, NOON + DECISIONS_PATIENCE) == [AlertKind.DECISIONS_MISSING]
        assert called(book, NOON + DAY) == []

    def test_its_time_counts_from_the_first(self) -> None:
        book = told(decision(more=2), event("depot"))
        book.later(minutes=40).take(decision(rma="R2", more=1))
        assert next_watch(book.ledger, TIMES) == NOON + DECISIONS_PATIENCE

    def test_who_has_come_is_not_called_for(self) -> None:
        book = told(decision(more=1), event("depot"), decision(rma="R2"))
        assert book.paid == ["R1/TEE/1=refund"]
        assert called(book, NOON + DAY) == []

    def test_the_next_time_calls_again(self) -> None:
        book = told(decision(more=1))
        book.ledger, [first] = call(book.ledger, TIMES, NOON + DAY)
        book.later(days=1).take(decision(rma="R2"), decision(rma="R3", more=1))
        book.ledger, [second] = call(book.ledger, TIMES, NOON + DAY + DECISIONS_PATIENCE)
        assert [first.kind, second.kind] == [AlertKind.DECISIONS_MISSING] * 2
        assert [first.about, second.about] == [NOON.isoformat(), (NOON + DAY).isoformat()], "two matters, two alerts"
