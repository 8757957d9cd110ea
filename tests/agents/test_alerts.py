"""raise_alert: the same matter has the same id, whoever raises it and however often."""

from __future__ import annotations

from contracts import topics
from contracts.actions import AlertKind, ReturnAlert
from contracts.returns import ReturnEvent
from streams.agents.alerts import raise_alert
from streams.engine.agent import Agent
from streams.engine.context import Context
from streams.engine.driver import AgentTestDriver
from streams.engine.records import Event
from tests.unit.domain.ledger.builders import ORDER, event

caller = Agent("caller")


@caller.on(topics.RETURN_EVENTS)
def call(told: Event[ReturnEvent], ctx: Context) -> None:
    """Calls a person about every event, in the event's own words."""
    happened = told.value
    raise_alert(
        ctx,
        AlertKind.NEEDS_PERSON,
        retailer=happened.retailer,
        order_key=told.key,
        message=happened.text,
        rma=happened.rma,
        about=happened.event_id,
    )


def alerts_about(*events: ReturnEvent) -> list[ReturnAlert]:
    driver = AgentTestDriver(caller)
    for each in events:
        driver.pipe(topics.RETURN_EVENTS, each, key=ORDER)
    assert [w.envelope.id for w in driver.written] == [
        alert.alert_id for alert in driver.of(topics.RETURN_ALERTS, ReturnAlert)
    ]
    return driver.of(topics.RETURN_ALERTS, ReturnAlert)


def test_the_same_matter_has_the_same_id_whatever_the_words() -> None:
    one, again = alerts_about(event(id="e", text="look"), event(id="e", text="look at this"))
    assert one.alert_id == again.alert_id


def test_another_matter_or_another_return_has_another_id() -> None:
    ids = {alert.alert_id for alert in alerts_about(event(id="e"), event(id="f"), event(id="e", rma="R2"))}
    assert len(ids) == 3


def test_none_and_an_empty_word_are_not_the_same_matter() -> None:
    nobody, blank = alerts_about(event(id="e", rma=None), event(id="e", rma=""))
    assert nobody.alert_id != blank.alert_id
