"""Which return an event means, and how long it is kept for one that is not known yet."""

from __future__ import annotations

from datetime import timedelta

import pytest

from contracts.actions import AlertKind
from contracts.tracking import Source
from streams.domain.ledger import sweep
from tests.unit.domain.ledger.builders import Book, decision, event, facts, hub, line

MANY = facts(line(quantity=9))


def returns(*rmas: str, consignments: tuple[str, ...] = (), stage: str = "first_scan") -> Book:
    """A book that knows these returns of one TEE each, all in the same parcels."""
    book = Book()
    for rma in rmas:
        book.take(decision("TEE", rma=rma, order=MANY, consignments=consignments, stage=stage))
    return book


def test_one_scan_of_any_consignment_counts_for_the_whole_return() -> None:
    book = Book()
    book.take(decision("TEE", "TEE", consignments=("C1", "C2")), hub(consignment="C2"))
    assert book.paid == ["R1/TEE/1=refund", "R1/TEE/2=refund"]


def test_an_event_with_a_consignment_means_the_return_under_it() -> None:
    book = Book()
    book.take(decision("TEE", rma="R1", consignments=("C1",)), decision("TEE", rma="R2", consignments=("C2",)))
    book.take(hub(consignment="c 2"))
    assert book.paid == ["R2/TEE/1=refund"]


def test_a_transport_milestone_of_a_shared_consignment_counts_for_each_return() -> None:
    book = returns("R1", "R2", consignments=("C1",))
    book.take(hub("delivered", consignment="C1"))
    assert book.paid == ["R1/TEE/1=refund", "R2/TEE/1=refund"]


@pytest.mark.parametrize("meaning", ["processed", "rejected"])
def test_processing_and_rejection_of_a_shared_consignment_are_ambiguous_and_act_on_nothing(meaning: str) -> None:
    book = returns("R1", "R2", consignments=("C1",), stage="processing")
    book.take(hub(meaning, consignment="C1"))
    book.take(hub(meaning, consignment="C1"))
    assert book.paid == []
    assert set(book.states.values()) == {"decided"}
    assert [alert.about for alert in book.alerted(AlertKind.AMBIGUOUS_EVENT)] == [
        hub(meaning, consignment="C1").event_id
    ]


def test_an_event_waits_while_its_consignment_is_unknown_even_where_there_is_only_one_return() -> None:
    book = returns("R1")
    book.take(hub(consignment="C1"))
    assert book.paid == []
    book.take(decision("TEE", revision=2, revisions={"TEE": 1}, consignments=("C1",)))
    assert book.paid == ["R1/TEE/1=refund"]


@pytest.mark.parametrize("meaning", ["processed", "rejected"])
def test_so_do_processing_and_rejection_which_then_mean_the_first_return_under_it(meaning: str) -> None:
    book = returns("R1", stage="processing")
    book.take(hub(meaning, consignment="C1"))
    assert book.states == {"R1/TEE/1": "decided"}
    for rma in ("R2", "R3"):
        book.take(decision("TEE", rma=rma, order=MANY, consignments=("C1",), stage="processing"))
    settled = "acted" if meaning == "processed" else "stopped"
    assert book.states == {"R1/TEE/1": "decided", "R2/TEE/1": settled, "R3/TEE/1": "decided"}


@pytest.mark.parametrize("ending", ["closed", "rejected", "cancelled"])
def test_an_event_without_a_consignment_means_the_only_open_return(ending: str) -> None:
    book = returns("R1", "R2")
    book.take(event(ending, rma="R1"), hub())
    assert book.paid == ["R2/TEE/1=refund"]


@pytest.mark.parametrize("ending", ["closed", "rejected", "cancelled"])
def test_else_it_means_the_only_return(ending: str) -> None:
    book = returns("R1")
    book.take(event(ending), hub())
    assert book.row("R1/TEE/1").milestone == ("closed" if ending == "closed" else "first_scan")
    assert book.ledger.attributions == {hub().event_id: "R1"}


@pytest.mark.parametrize("closed", [0, 2])
def test_otherwise_it_is_ambiguous_shown_to_a_person_and_acts_on_nothing(closed: int) -> None:
    book = returns("R1", "R2")
    for rma in ("R1", "R2")[:closed]:
        book.take(event("closed", rma=rma))
    book.take(hub())
    assert book.paid == []
    assert len(book.alerted(AlertKind.AMBIGUOUS_EVENT)) == 1


def test_it_waits_while_no_return_is_known_and_then_means_the_first() -> None:
    book = Book()
    book.take(hub(), decision("TEE", rma="R1"), decision("TEE", rma="R2"))
    assert book.paid == ["R1/TEE/1=refund"]


def test_an_attribution_stays_when_there_are_more_returns_later() -> None:
    book = returns("R1", stage="processing")
    book.take(hub("processed", id="rp", items={"TEE": 1}))
    book.take(decision("TEE", rma="R2", order=MANY, stage="processing"))
    book.take(decision("TEE", "TEE", revision=2, revisions={"TEE": 1}, order=MANY, stage="processing"))
    book.take(hub("processed", id="rp", items={"TEE": 2}))
    assert book.paid == ["R1/TEE/1=refund", "R1/TEE/2=refund"]


def test_ambiguous_stays_too() -> None:
    book = returns("R1", "R2")
    book.take(hub(), event("closed", rma="R1"), hub())
    book.later(days=31).take(hub())
    assert book.paid == []


def test_an_event_is_kept_for_a_return_uploaded_later() -> None:
    book = Book()
    book.take(hub(consignment="C1"), event(rma="R2"))
    book.take(decision("TEE", rma="R1", consignments=("C1",)), decision("TEE", rma="R2"))
    assert book.paid == ["R1/TEE/1=refund", "R2/TEE/1=refund"]


@pytest.mark.parametrize("meaning", ["first_scan", "delivered"])
def test_a_scan_counts_for_a_return_uploaded_later_under_a_consignment_known_already(meaning: str) -> None:
    book = returns("R1", consignments=("C1",))
    book.take(hub(meaning, consignment="C1"))
    book.later(days=29).take(decision("TEE", rma="R2", consignments=("C1",), uploaded_at=book.now))
    assert book.paid == ["R1/TEE/1=refund", "R2/TEE/1=refund"]


@pytest.mark.parametrize("early", [hub(), hub(consignment="C1"), event()])
def test_after_thirty_days_it_is_kept_no_more(early: object) -> None:
    book = Book()
    book.take(early)  # type: ignore[arg-type]
    book.later(days=30).take(decision("TEE", consignments=("C1",), uploaded_at=book.now))
    assert book.paid == []


@pytest.mark.parametrize("early", [hub(), hub(consignment="C1"), event()])
def test_until_then_it_is(early: object) -> None:
    book = Book()
    book.take(early)  # type: ignore[arg-type]
    book.later(days=30, seconds=-1).take(decision("TEE", consignments=("C1",), uploaded_at=book.now))
    assert book.paid == ["R1/TEE/1=refund"]


def test_it_is_the_upload_that_must_be_in_time_not_our_reading_of_it() -> None:
    book = Book()
    book.take(hub(consignment="C1"))
    uploaded = book.later(days=29).now
    book.later(days=3).take(decision("TEE", consignments=("C1",), uploaded_at=uploaded))
    assert book.paid == ["R1/TEE/1=refund"]


def test_a_repeat_prolongs_nothing() -> None:
    book = Book()
    book.take(hub(consignment="C1"))
    book.later(days=29).take(hub(consignment="C1"))
    book.later(days=2).take(decision("TEE", consignments=("C1",), uploaded_at=book.now))
    assert book.paid == []


def test_one_that_comes_after_that_is_a_new_event() -> None:
    book = Book()
    book.take(hub(consignment="C1"))
    book.later(days=31).take(hub(consignment="C1"))
    book.later(days=29).take(decision("TEE", consignments=("C1",), uploaded_at=book.now))
    assert book.paid == ["R1/TEE/1=refund"]


@pytest.mark.parametrize("meaning", ["processed", "label"])
def test_an_event_of_one_return_is_kept_no_longer_once_it_is_attributed(meaning: str) -> None:
    book = Book()
    book.take(hub(meaning))
    assert [kept.event_id for kept in book.ledger.kept] == [hub(meaning).event_id]
    assert book.ledger.next_expiry == book.now + timedelta(days=30)
    book.take(decision("TEE"))
    assert book.ledger.kept == ()


def test_what_was_kept_is_swept_and_what_was_attributed_stays() -> None:
    book = returns("R1")
    book.take(hub(), hub("in_transit", consignment="C1"))
    swept = sweep(book.ledger, book.later(days=30).now)
    assert swept.kept == ()
    assert swept.attributions == book.ledger.attributions != {}
    assert swept.returns == book.ledger.returns


def test_evidence_from_a_source_that_does_not_speak_for_the_retailer_is_dropped_with_an_alert() -> None:
    book = returns("R1")
    book.take(event(source=Source(sender="easypost", account="other", retailers=("other",))))
    assert book.paid == []
    assert book.ledger.kept == ()
    assert [(a.kind, a.rma, a.about) for a in book.alerts] == [(AlertKind.FOREIGN_EVIDENCE, "R1", event().event_id)]


def test_the_same_event_may_be_told_of_two_returns() -> None:
    book = Book()
    book.take(event(id="e", rma="R1"), event(id="e", rma="R2"))
    book.take(decision("TEE", rma="R1"), decision("TEE", rma="R2"))
    assert book.paid == ["R1/TEE/1=refund", "R2/TEE/1=refund"]
