"""Uploads: what each revision of a return leaves, adds and changes in the ledger."""

from __future__ import annotations

import pytest

from contracts.actions import AlertKind
from contracts.retailers import Portal
from streams.domain.ledger import Effects, FactsMissing
from tests.unit.domain.ledger.builders import Book, decision, event, facts, hub, line, settings


def test_the_first_upload_fixes_when_units_act_and_who_issues() -> None:
    book = Book()
    book.take(decision("TEE", settings=settings("manual", version=1)))
    book.take(
        decision("TEE", "TEE", revision=2, revisions={"TEE": 2}, settings=settings("first_scan", version=2)), event()
    )
    assert book.paid == []
    assert book.row("R1/TEE/1").settings_version == 1

    loop = Book()
    loop.take(decision("TEE", settings=settings(portal=Portal.LOOP)))
    loop.take(decision("TEE", revision=2, settings=settings()), event())
    assert loop.paid == []


def test_a_revision_that_is_not_newer_changes_nothing() -> None:
    book = Book()
    book.take(decision("TEE"), decision("TEE=exchange", revision=2))
    before = book.ledger
    assert book.take(decision("TEE")) == Effects()
    assert book.take(decision("CAP", revision=2)) == Effects()
    assert book.ledger == before


def test_a_unit_decided_in_an_earlier_revision_keeps_decision_claim_and_amounts() -> None:
    book = Book()
    book.take(decision("TEE"))
    kept = book.row("R1/TEE/1")
    dearer = facts(line(price="99"), line("CAP"))
    book.take(decision("TEE", "CAP", revision=2, revisions={"TEE": 1}, order=dearer))
    assert book.row("R1/TEE/1") == kept
    assert book.claims == {"R1/TEE/1": "line-TEE/1", "R1/CAP/1": "line-CAP/1"}


def test_a_changed_unit_is_decided_anew_with_the_order_of_its_own_revision() -> None:
    book = Book()
    book.take(decision("TEE"), decision("TEE=credit_note", revision=2, order=facts(line(price="12"))), event())
    assert book.paid == ["R1/TEE/1=credit_note"]
    assert book.actions[0].amount == 12


def test_a_unit_left_out_is_withdrawn_gives_its_index_back_and_stays_visible() -> None:
    book = Book()
    book.take(decision("TEE", "CAP", order=facts(line(), line("CAP"))))
    book.take(decision("CAP", revision=2, revisions={"CAP": 1}))
    assert book.states == {"R1/TEE/1": "withdrawn", "R1/CAP/1": "decided"}
    assert book.claims == {"R1/CAP/1": "line-CAP/1"}
    assert book.row("R1/TEE/1").amount is None
    book.take(event())
    assert book.paid == ["R1/CAP/1=refund"]


def test_a_withdrawn_unit_that_comes_back_is_matched_anew() -> None:
    book = Book()
    book.take(decision("TEE", "TEE"), decision("TEE", revision=2, revisions={"TEE": 1}))
    book.take(decision("TEE", rma="R2"))
    assert book.claims["R2/TEE/1"] == "line-TEE/2"
    book.take(decision("TEE", "TEE", revision=3, revisions={"TEE": 1}))
    assert book.states["R1/TEE/2"] == "already_claimed"


def test_what_acted_is_never_withdrawn_changed_or_paid_again() -> None:
    book = Book()
    book.take(decision("TEE"), event())
    acted = book.row("R1/TEE/1")
    book.take(decision("CAP", revision=2, order=facts(line(), line("CAP"))))
    assert book.row("R1/TEE/1") == acted
    book.take(decision("TEE=exchange", revision=3))
    assert book.row("R1/TEE/1") == acted
    assert book.paid == ["R1/TEE/1=refund", "R1/CAP/1=refund"]


def test_all_withdrawn_and_changed_units_let_go_before_any_is_matched() -> None:
    book = Book()
    book.take(decision("TEE", "TEE=exchange"))
    # The second unit changes; the first one, which comes later in the new upload, is the only one that keeps its index.
    book.take(decision("TEE", "TEE=credit_note", revision=2, revisions={"TEE": 1}))
    assert book.claims == {"R1/TEE/1": "line-TEE/1", "R1/TEE/2": "line-TEE/2"}
    # Both change and one is left out: index 1 is free again when the other is matched.
    book.take(decision("TEE=exchange", revision=3))
    assert book.claims == {"R1/TEE/1": "line-TEE/1"}
    assert book.states["R1/TEE/2"] == "withdrawn"


def test_changed_units_are_matched_in_the_order_of_the_upload() -> None:
    order = facts(line("TEE", 1, id="cheap", price="1"), line("TEE", 1, id="dear", price="9"), line("CAP"))
    book = Book()
    book.take(decision("TEE", "TEE", order=order))
    book.take(decision("CAP", "TEE=exchange", "TEE=credit_note", revision=2, order=order))
    assert book.claims == {"R1/TEE/1": "cheap/1", "R1/TEE/2": "dear/1", "R1/CAP/1": "line-CAP/1"}


def test_consignments_add_up_over_uploads() -> None:
    book = Book()
    book.take(decision(consignments=("C 1",)), decision(revision=2, consignments=("c-2",)))
    assert book.ledger.returns["R1"].consignments == ("C1", "C2")


def test_the_first_spelling_of_a_sku_is_kept_and_spellings_are_one_sku() -> None:
    book = Book()
    book.take(decision(" Tee "), decision("TEE", "tee", revision=2))
    assert book.states == {"R1/Tee/1": "decided", "R1/Tee/2": "decided"}


@pytest.mark.parametrize("state", ["waiting_for_order", "order_not_found", "order_ambiguous", "order_cancelled"])
def test_a_unit_whose_order_is_no_order_to_return_from_holds_no_claim(state: str) -> None:
    book = Book()
    book.take(decision(f"TEE={state}", order=None), event())
    assert book.states == {"R1/TEE/1": state}
    assert book.claims == {}
    assert book.paid == []


def test_an_order_that_comes_late_still_decides_its_return() -> None:
    book = Book()
    book.take(decision("TEE=waiting_for_order", order=None), event())
    book.take(decision("TEE=order_not_found", order=None, revision=2))
    assert book.row("R1/TEE/1").needs_person
    book.take(decision("TEE", revision=3))
    assert book.paid == ["R1/TEE/1=refund"]


def test_returns_that_waited_are_all_matched_before_any_of_them_acts() -> None:
    book = Book()
    for rma in ("R1", "R2"):
        book.take(decision("TEE=waiting_for_order", rma=rma, order=None), event(rma=rma))
    one = facts(line(quantity=1))
    book.take(decision("TEE", rma="R1", revision=2, more=1, order=one))
    assert book.paid == []
    assert book.row("R1/TEE/1").waiting_for == "other returns of this order"
    book.take(event("delivered", rma="R1"))
    assert book.paid == []
    book.take(decision("TEE", rma="R2", revision=2, order=one))
    assert book.paid == ["R1/TEE/1=refund"]
    assert book.states["R2/TEE/1"] == "already_claimed"


def test_a_decision_to_be_matched_without_an_order_is_refused() -> None:
    with pytest.raises(FactsMissing, match=r"R1.*'TEE'"):
        Book().take(decision("TEE", order=None))


def test_a_unit_that_needs_a_person_calls_one_once() -> None:
    book = Book()
    book.take(decision("HAT", "TEE=choice_unknown"))
    book.take(decision("HAT", "TEE=choice_unknown", "TEE", revision=2, revisions={"HAT": 1, "TEE=choice_unknown": 1}))
    calls = book.alerted(AlertKind.NEEDS_PERSON)
    assert [(a.rma, a.sku, a.ordinal, a.about) for a in calls] == [
        ("R1", "HAT", 1, "item_not_in_order"),
        ("R1", "TEE", 1, "choice_unknown"),
    ]


def test_an_order_that_is_missing_or_ambiguous_calls_once_for_the_whole_return() -> None:
    book = Book()
    book.take(decision("TEE=order_not_found", "CAP=order_not_found", order=None))
    book.take(decision("TEE=order_ambiguous", "CAP=order_ambiguous", rma="R2", order=None))
    assert [(a.kind, a.rma, a.sku, a.about) for a in book.alerts] == [
        (AlertKind.ORDER_NOT_FOUND, "R1", None, "order_not_found"),
        (AlertKind.ORDER_AMBIGUOUS, "R2", None, "order_ambiguous"),
    ]
    assert "import it" in book.alerts[0].message


def test_rows_are_written_only_for_units_that_changed() -> None:
    book = Book()
    effects = book.take(decision("TEE", "CAP", order=facts(line(), line("CAP"))))
    assert [row.sku for row in effects.units] == ["TEE", "CAP"]
    effects = book.take(decision("TEE", "CAP=exchange", revision=2, revisions={"TEE": 1}, order=facts(line("CAP"))))
    assert [row.sku for row in effects.units] == ["CAP"]


def test_a_scan_of_a_parcel_that_an_edit_brings_waits_for_that_edit_and_pays_what_it_left() -> None:
    book = Book()
    book.take(decision("TEE", order=facts(line(), line("CAP"))))
    book.take(event(consignment="NEW1"))
    assert book.paid == []
    book.take(decision("CAP", revision=2, consignments=("NEW1",), order=facts(line(), line("CAP"))))
    assert book.paid == ["R1/CAP/1=refund"]


def test_a_return_waits_for_the_history_of_each_of_its_parcels_whichever_comes_first() -> None:
    upload = decision(consignments=("C1", "C2"), awaited=("C1", "C2"))
    before = Book()
    before.take(event("linked", consignment="C1"), event("linked", consignment="C2"), event("depot"))
    before.take(upload)
    assert before.paid == ["R1/TEE/1=refund"]
    assert before.ledger.returns["R1"].awaited_since is None

    after = Book()
    after.take(event("depot"), upload, event("linked", consignment="C1"))
    assert after.paid == []
    assert after.row("R1/TEE/1").waiting_for == "history of parcel C2"
    after.take(event("linked", consignment="C2"))
    assert after.paid == ["R1/TEE/1=refund"]


def test_a_history_that_came_before_the_upload_it_belongs_to_waits_for_it_over_other_uploads() -> None:
    book = Book()
    book.take(event("linked", consignment="C1"), event("linked", consignment="C2"), event("depot"))
    book.take(decision(consignments=("C1",), awaited=("C1",), stage="manual"))
    edit = decision("TEE", "TEE", revision=2, revisions={"TEE": 1}, consignments=("C1", "C2"), awaited=("C2",))
    book.take(edit, event("closed"))
    assert book.paid == ["R1/TEE/1=refund", "R1/TEE/2=refund"]
    assert book.ledger.linked == {}


def test_of_a_parcel_that_an_edit_brings_only_events_of_the_last_thirty_days_before_it_count() -> None:
    book = Book()
    book.take(decision(consignments=("C1",)), hub("delivered", consignment="C2"))
    book.later(days=30).take(decision(revision=2, revisions={"TEE": 1}, consignments=("C2",)))
    assert book.paid == []


def test_a_unit_that_was_not_bought_has_no_option() -> None:
    book = Book()
    book.take(decision("HAT=refund", "TEE", "TEE", "TEE=exchange"))
    assert [book.row(f"R1/{unit}").option for unit in ("HAT/1", "TEE/3")] == [None, None]


def test_scans_and_a_rejection_that_precede_an_upload_call_for_a_person_at_the_upload() -> None:
    book = Book()
    book.take(event("rejected"), event("delivered"), event("label"), decision())
    assert [(a.kind, a.rma) for a in book.alerts] == [(AlertKind.SCAN_OF_STOPPED_RETURN, "R1")]
