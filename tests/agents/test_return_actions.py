"""return-actions through the driver: what it writes, under which keys and ids, and what its store remembers."""

from __future__ import annotations

from datetime import timedelta

import pytest

from contracts import topics
from contracts.actions import AlertKind, ReturnAction, ReturnAlert
from contracts.keys import unit_key
from contracts.retailers import Watchdogs
from contracts.returns import MOST_OF_A_SKU, ReturnDecision, ReturnEvent, ReturnUnit, UnitState
from contracts.tracking import Source
from streams.agents.return_actions import FORGET_LATER, ledgers, return_actions
from streams.domain.ledger.state import KEPT_FOR
from streams.engine.driver import AgentTestDriver, Written
from tests.builders import retailer
from tests.unit.domain.ledger.builders import ORDER, decision, event, facts, hub, line


@pytest.fixture
def driver() -> AgentTestDriver:
    return AgentTestDriver(return_actions)


def tell(driver: AgentTestDriver, *inputs: ReturnDecision | ReturnEvent) -> list[Written]:
    """Pipe these under their order; returns what the last one wrote."""
    written: list[Written] = []
    for each in inputs:
        topic = topics.RETURN_DECISIONS if isinstance(each, ReturnDecision) else topics.RETURN_EVENTS
        written = driver.pipe(topic, each, key=each.order_key)
    return written


def test_an_action_goes_to_the_topic_of_its_option_under_the_order_and_its_own_id(driver: AgentTestDriver) -> None:
    order = facts(line("TEE"), line("CAP"), line("MUG"))
    tell(driver, decision("TEE=refund", "CAP=credit_note", "MUG=exchange", order=order), event())
    for topic, sku in ((topics.REFUNDS, "TEE"), (topics.CREDIT_NOTES, "CAP"), (topics.EXCHANGES, "MUG")):
        (written,) = [w for w in driver.written if w.topic == topic.name]
        action = written.read(ReturnAction)
        assert (action.sku, written.key, written.envelope.id) == (sku, ORDER, action.action_id)
        assert action.acted_at == driver.now


def test_unit_rows_lie_in_the_partition_of_their_order_and_are_written_only_when_changed(
    driver: AgentTestDriver,
) -> None:
    first = tell(driver, decision("Tee", "CAP", order=facts(line(), line("CAP"))))
    assert [w.key for w in first] == [unit_key(ORDER, "R1", "Tee", 1), unit_key(ORDER, "R1", "CAP", 1)]
    assert {w.record.partition for w in first} == {0}
    assert tell(driver, event("exception")) == []
    acted = [w.read(ReturnUnit) for w in tell(driver, event()) if w.topic == topics.RETURN_UNITS.name]
    assert [unit.state for unit in acted] == [UnitState.ACTED, UnitState.ACTED]


def test_a_repeat_of_everything_writes_nothing(driver: AgentTestDriver) -> None:
    history = (
        hub("delivered", consignment="C1"),
        decision("TEE", "HAT", consignments=("C1",)),
        hub("processed", consignment="C1", items={"TEE": 1}),
        event("rejected"),
        event("depot"),
    )
    tell(driver, *history)
    for each in history:
        assert tell(driver, each) == []


def test_alerts_name_the_matter_and_have_ids_of_their_own(driver: AgentTestDriver) -> None:
    tell(driver, decision("HAT"), decision("HAT", rma="R2"), hub(id="e1"))
    alerts = driver.of(topics.RETURN_ALERTS, ReturnAlert)
    assert [(a.kind, a.rma, a.sku) for a in alerts] == [
        (AlertKind.NEEDS_PERSON, "R1", "HAT"),
        (AlertKind.NEEDS_PERSON, "R2", "HAT"),
        (AlertKind.AMBIGUOUS_EVENT, None, None),
    ]
    assert len({a.alert_id for a in alerts}) == 3


def test_foreign_evidence_leaves_no_trace_but_an_alert(driver: AgentTestDriver) -> None:
    tell(driver, event(source=Source(sender="easypost", account="other", retailers=("other",))))
    assert [a.kind for a in driver.of(topics.RETURN_ALERTS, ReturnAlert)] == [AlertKind.FOREIGN_EVIDENCE]
    assert driver.store(ledgers) == {}


def test_a_record_under_the_wrong_key_is_poison(driver: AgentTestDriver) -> None:
    driver.pipe(topics.RETURN_EVENTS, event(), key="acme/9")
    driver.pipe(topics.RETURN_DECISIONS, decision(order_key="acme"), key="acme")
    assert len(driver.dead_letters) == 2
    assert driver.store(ledgers) == {}


@pytest.mark.parametrize("count", [0, -1, MOST_OF_A_SKU + 1])
def test_an_item_that_nobody_can_have_counted_is_poison_and_confirms_nothing(
    driver: AgentTestDriver, count: int
) -> None:
    tell(driver, decision("TEE", stage="processing"))
    said = hub("processed", items={"TEE": 1}).model_dump_json().replace('"count":1', f'"count":{count}')
    type_ = topics.RETURN_EVENTS.event_for(ReturnEvent).type
    driver.pipe(topics.RETURN_EVENTS, said.encode(), key=ORDER, type=type_)
    (letter,) = driver.dead_letters
    assert any(b"items.0.count" in value or b"/items/0/count" in value for _, value in letter.record.headers)
    assert driver.of(topics.REFUNDS, ReturnAction) == []


def test_a_decision_without_the_order_it_needs_is_poison_and_pays_nobody(driver: AgentTestDriver) -> None:
    tell(driver, event(), decision("TEE", order=None))
    assert len(driver.dead_letters) == 1
    assert driver.of(topics.REFUNDS, ReturnAction) == []


def test_kept_events_are_forgotten_by_themselves_and_an_empty_row_goes(driver: AgentTestDriver) -> None:
    tell(driver, hub(consignment="C1"), event("label"))
    driver.advance(KEPT_FOR + FORGET_LATER - timedelta(hours=1))
    assert len(driver.store(ledgers)[ORDER].kept) == 2
    driver.advance(timedelta(hours=1))
    assert driver.store(ledgers) == {}


def test_what_acted_is_remembered_when_kept_events_are_forgotten(driver: AgentTestDriver) -> None:
    tell(driver, hub(consignment="C1"), decision(consignments=("C1",)))
    driver.advance(timedelta(days=365))
    row = driver.store(ledgers)[ORDER]
    assert row.kept == ()
    assert tell(driver, decision(revision=2, consignments=("C1",))) == []
    assert len(driver.of(topics.REFUNDS, ReturnAction)) == 1


def test_a_return_that_gets_stuck_calls_a_person_by_the_retailers_times_as_they_are_now(
    driver: AgentTestDriver,
) -> None:
    tell(driver, decision(uploaded_at=driver.now))
    driver.retailers["acme"] = retailer(watchdogs=Watchdogs(scan_days=40, delivery_days=2))
    driver.advance(timedelta(days=39))
    assert driver.of(topics.RETURN_ALERTS, ReturnAlert) == []
    driver.advance(timedelta(days=1))
    tell(driver, event(at=driver.now))
    driver.advance(timedelta(days=2))
    alerts = driver.of(topics.RETURN_ALERTS, ReturnAlert)
    assert [(a.kind, a.rma) for a in alerts] == [
        (AlertKind.RETURN_NOT_SCANNED, "R1"),
        (AlertKind.RETURN_NOT_DELIVERED, "R1"),
    ]
    driver.advance(timedelta(days=300))
    assert driver.of(topics.RETURN_ALERTS, ReturnAlert) == alerts


def test_arrival_is_the_records_time_not_ours(driver: AgentTestDriver) -> None:
    early = driver.now - timedelta(days=31)
    driver.pipe(topics.RETURN_EVENTS, hub(consignment="C1"), key=ORDER, at=early)
    tell(driver, decision(consignments=("C1",), uploaded_at=driver.now))
    assert driver.of(topics.REFUNDS, ReturnAction) == []


def test_nothing_acts_between_decisions_of_one_breath_over_a_restart_of_the_row(driver: AgentTestDriver) -> None:
    tell(driver, decision(rma="R1", more=1), event(rma="R1"))
    assert driver.store(ledgers)[ORDER].more == 1
    assert driver.of(topics.REFUNDS, ReturnAction) == []
    tell(driver, decision(rma="R2"))
    assert [a.rma for a in driver.of(topics.REFUNDS, ReturnAction)] == ["R1"]


def test_a_decision_of_one_breath_that_never_comes_calls_a_person(driver: AgentTestDriver) -> None:
    tell(driver, decision(rma="R1", more=1), event(rma="R1"))
    driver.advance(timedelta(days=2))
    (alert,) = driver.of(topics.RETURN_ALERTS, ReturnAlert)
    assert (alert.kind, alert.rma) == (AlertKind.DECISIONS_MISSING, None)
    tell(driver, decision(rma="R2"))
    driver.advance(timedelta(hours=2))
    assert [a.rma for a in driver.of(topics.REFUNDS, ReturnAction)] == ["R1"]
    assert driver.of(topics.RETURN_ALERTS, ReturnAlert) == [alert]
