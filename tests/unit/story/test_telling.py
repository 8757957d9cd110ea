"""Which records are a return's story, in which sequence, and what is said of each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from contracts.actions import AlertKind, ReturnAlert
from contracts.keys import fact_id
from contracts.model import Model
from contracts.orders import Order
from contracts.retailers import Rule, RuleOutcome, freeze
from contracts.returns import EventItem, Meaning, ReturnDecision, ReturnEvent, ReturnUnit, ReturnUpload, UnitState
from contracts.tracking import Delivery, DeliveryResult
from streams.domain.kept_returns import OrderReturns
from streams.domain.orders import slim
from streams.story.telling import Said, Story, tell
from streams.trial.deciding import try_uploads
from tests.builders import HASH_KEY, retailer, return_event, shopify_order, source, unit, upload

KEY = "acme/1001"
AT = datetime(2026, 11, 3, 10, tzinfo=UTC)
ACME = retailer(rules=(Rule(name="everything", then=RuleOutcome.REFUND),))
ORDER: Order = slim(shopify_order(), retailer="acme", shop="acme.myshopify.com", hash_key=HASH_KEY)


def at(minute: float, value: Model, **more: Any) -> Said:
    return Said(AT + timedelta(minutes=minute), value, **more)


def decision(returned: ReturnUpload, revision: int = 1) -> ReturnDecision:
    kept = OrderReturns().first(returned.rma, freeze(ACME), AT).taking(returned, AT, ORDER)
    told = kept.told(KEY, ORDER, 0, ())
    units = tuple(each.model_copy(update={"revision": revision}) for each in told.units)
    return told.model_copy(update={"revision": revision, "units": units})


def row(**changes: Any) -> ReturnUnit:
    [trial] = try_uploads(ACME, ORDER, [upload()], AT)
    return trial.units[0].row.model_copy(update=changes)


def delivery(**changes: Any) -> Delivery:
    values: dict[str, Any] = {
        "delivery_id": "d", "retailer": "acme", "order_key": KEY, "rma": "R1", "code": "RT",
        "url": "https://acme.example/hook", "attempt": 1, "result": DeliveryResult.DELIVERED, "status": 200, "at": AT,
    }  # fmt: skip
    return Delivery(**{**values, **changes})


def ambiguous(event: ReturnEvent) -> ReturnAlert:
    """As the ledger calls a person for an event that could mean several returns."""
    ident = fact_id(AlertKind.AMBIGUOUS_EVENT, KEY, None, None, None, event.event_id)
    kind = AlertKind.AMBIGUOUS_EVENT
    return ReturnAlert(alert_id=ident, kind=kind, retailer="acme", order_key=KEY, message="which?", at=AT)


def told(*said: Said, rma: str = "R1") -> Story:
    return tell(KEY, rma, said)


def remarks(story: Story) -> list[str]:
    return [entry.remark for entry in story.entries]


def kinds(story: Story) -> list[str]:
    return [type(entry.value).__name__ for entry in story.entries]


TWO: Sequence[Said] = (at(0, upload(consignments=("P1",))), at(1, upload(rma="R2", consignments=("P2",))))


def test_what_happened_is_told_in_the_sequence_in_which_it_was_heard_of() -> None:
    late = return_event(Meaning.FIRST_SCAN)  # happened before all the others
    story = told(at(3, delivery()), at(2, late), at(1, decision(upload())), at(0, upload()))

    assert kinds(story) == ["ReturnUpload", "ReturnDecision", "ReturnEvent", "Delivery"]


def test_in_the_same_millisecond_causes_come_before_what_they_cause() -> None:
    story = told(*(at(0, each) for each in (delivery(), decision(upload()), return_event(Meaning.CREATED), upload())))

    assert kinds(story) == ["ReturnUpload", "ReturnEvent", "ReturnDecision", "Delivery"]


def test_other_returns_of_the_order_are_named_and_not_told() -> None:
    story = told(*TWO, at(2, decision(upload(rma="R2"))), at(3, delivery(rma="R2")))

    assert kinds(story) == ["ReturnUpload"]
    assert story.others == ("R2",)


def test_a_repeated_upload_changes_nothing_and_an_edited_one_does() -> None:
    story = told(at(0, upload()), at(1, upload()), at(2, upload(unit("CAP"))), at(3, upload()))

    repeat = "a repeat: it changes nothing"
    assert remarks(story) == ["", repeat, "", repeat]


def test_an_event_said_again_is_one_event() -> None:
    scan = return_event(Meaning.FIRST_SCAN)
    [first, event] = told(at(0, upload()), at(1, scan), at(2, scan), at(3, scan)).entries

    assert (event.at, event.times, first.times) == (AT + timedelta(minutes=1), 3, 1)


def test_more_items_of_the_same_processing_are_news() -> None:
    def processed(count: int) -> ReturnEvent:
        return return_event(Meaning.PROCESSED, items=(EventItem(sku="TEE-M", count=count),))

    assert len(told(at(0, upload()), at(1, processed(1)), at(2, processed(2)), at(3, processed(2))).entries) == 3


def test_an_event_of_a_parcel_is_about_the_returns_in_it() -> None:
    scan = return_event(Meaning.FIRST_SCAN, rma=None, consignment="P2")

    assert remarks(told(*TWO, at(2, scan), rma="R2")) == ["", ""]
    assert kinds(told(*TWO, at(2, scan))) == ["ReturnUpload"]


def test_an_event_that_names_another_return_is_not_ours() -> None:
    assert kinds(told(*TWO, at(2, return_event(Meaning.REJECTED, rma="R2", consignment=None)))) == ["ReturnUpload"]


SHARED: Sequence[Said] = (at(0, upload(rma="R1")), at(1, upload(rma="R2")))


def test_a_shared_parcel_counts_for_each() -> None:
    scan = return_event(Meaning.FIRST_SCAN, rma=None)

    assert remarks(told(*SHARED, at(2, scan)))[-1] == "counts for each return in this parcel: R1, R2"


def test_what_can_mean_only_one_return_never_counts_for_each() -> None:
    processed = return_event(Meaning.PROCESSED, rma=None)

    assert remarks(told(*SHARED, at(2, processed)))[-1].startswith("counts for at most one of R1, R2")


def test_an_ambiguous_event_says_so() -> None:
    processed = return_event(Meaning.PROCESSED, rma=None, consignment=None)
    story = told(*TWO, at(2, processed), at(3, ambiguous(processed)))

    assert remarks(story) == ["", "ambiguous: it could mean several returns, and counts for none", ""]
    assert kinds(story)[-1] == "ReturnAlert"


def test_an_event_that_names_none_of_several_returns_may_mean_either() -> None:
    processed = return_event(Meaning.PROCESSED, rma=None, consignment=None)

    assert remarks(told(*TWO, at(2, processed)))[-1].startswith("counts for at most one of R1, R2")
    assert remarks(told(TWO[0], at(2, processed)))[-1] == ""


def test_an_event_of_a_parcel_that_nobody_has_yet_waits() -> None:
    scan = return_event(Meaning.REJECTED, rma=None, consignment="P9")

    assert remarks(told(*TWO, at(2, scan)))[-1] == "waits: no return of this order has this parcel"


def test_the_word_of_somebody_who_may_not_speak_here_is_ignored() -> None:
    scan = return_event(Meaning.FIRST_SCAN, source=source("other", account="their-hub"))

    assert remarks(told(at(0, upload()), at(1, scan)))[-1] == "ignored: their-hub may not speak for this retailer"


def test_the_history_of_a_parcel_is_part_of_the_story_and_waits_for_nothing() -> None:
    linked = return_event(Meaning.LINKED, code="")

    assert remarks(told(at(0, upload(consignments=("OTHER",))), at(1, linked))) == ["", ""]


def test_alerts_and_deliveries_without_rma_belong_to_the_order() -> None:
    alert = ambiguous(return_event(Meaning.CLOSED))

    assert kinds(told(TWO[0], at(2, alert), at(3, delivery(rma=None)))) == ["ReturnUpload", "ReturnAlert", "Delivery"]
    assert remarks(told(*TWO, at(3, delivery(rma=None))))[-1] == "names no return"


def test_the_same_matter_calls_once() -> None:
    alert = ambiguous(return_event(Meaning.CLOSED))

    assert told(TWO[0], at(2, alert), at(3, alert)).entries[-1].times == 2


def test_every_attempt_of_a_delivery_is_told() -> None:
    tried = delivery(result=DeliveryResult.RETRYING, status=503)

    assert kinds(told(at(0, upload()), at(1, tried), at(2, delivery(attempt=2)))) == ["ReturnUpload", *["Delivery"] * 2]


def test_a_replay_says_for_whom_it_is() -> None:
    story = told(at(0, upload()), at(1, upload(), replay_for="return-rules"))

    assert remarks(story)[-1] == "a repeat: it changes nothing; sent again for return-rules alone"


def since(story: Story) -> list[float | None]:
    """For each unit, minutes from AT on."""
    return [(each.since - AT).total_seconds() / 60 if each.since else None for each in story.units]


WAITING = row(waiting_for="processing of this unit")


def test_a_units_last_row_says_where_it_stands() -> None:
    story = told(at(0, row(waiting_for="order")), at(5, WAITING), at(1, row(ordinal=2, waiting_for=None)))

    assert [(each.unit.ordinal, each.unit.waiting_for) for each in story.units] == [
        (1, "processing of this unit"),
        (2, None),
    ]
    assert [each.changed for each in story.units] == [AT + timedelta(minutes=5), AT + timedelta(minutes=1)]
    assert story.entries == ()


def test_it_waits_since_its_rows_say_so() -> None:
    other = row(waiting_for="history of parcel SEK1")
    scanned = WAITING.model_copy(update={"milestone": Meaning.DEPOT})

    assert since(told(at(0, decision(upload())), at(1, other), at(2, WAITING), at(9, scanned))) == [2]


def test_where_compaction_took_the_older_rows_its_decision_says_since_when() -> None:
    edited = at(3, decision(upload(unit(reason="Faulty")), 2))
    other = at(4, decision(upload(unit("CAP")), 3))
    kept = OrderReturns().first("R1", freeze(ACME), AT).taking(upload(), AT, ORDER)
    again = at(5, kept.told(KEY, ORDER, 0, ()).model_copy(update={"revision": 4}))  # an edit that left this unit alone

    assert since(told(at(1, decision(upload())), at(9, WAITING))) == [1]
    assert since(told(at(1, decision(upload())), edited, other, again, at(9, WAITING))) == [3]
    assert since(told(at(9, WAITING))) == [9]
    assert since(told(at(9.5, decision(upload())), at(9, WAITING))) == [9]  # the agents' clocks differ


def test_an_order_is_waited_for_since_the_first_upload() -> None:
    rows = at(7, row(waiting_for="order", state=UnitState.ORDER_NOT_FOUND))

    assert since(told(at(1, decision(upload())), rows)) == [0]


def test_what_waits_for_nothing_waits_since_never() -> None:
    assert since(told(at(1, decision(upload())), at(9, row(waiting_for=None)))) == [None]


def test_the_newest_decision_is_the_one_that_holds() -> None:
    newest = told(at(0, decision(upload(), 1)), at(1, decision(upload(), 2))).decision

    assert newest is not None
    assert newest.revision == 2


def test_what_is_said_of_the_order_alone_is_no_return() -> None:
    assert told(*TWO, at(2, return_event(Meaning.CLOSED, rma=None, consignment=None)), rma="R3").empty
    assert told(rma="R1").empty
    assert not told(at(0, upload())).empty
    assert not told(at(0, row())).empty


def test_blanks_around_an_rma_do_not_count() -> None:
    assert not told(at(0, upload(rma=" R1 "))).empty
