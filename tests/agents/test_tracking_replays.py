"""tracking-forward, asked to send a delivery once more: the same id and body, in order, once a request."""

from __future__ import annotations

from datetime import timedelta

import pytest

from contracts import topics
from contracts.returns import Meaning
from contracts.tracking import Delivery, DeliveryReplay, DeliveryResult
from streams.agents.tracking_forward import HookAnswer, tracking_forward
from streams.domain.replays import request
from streams.engine.driver import AgentTestDriver
from tests.agents.forwarding import RETAILERS, URL, alerts, answer, deliveries, happens, told, wait
from tests.builders import return_event


@pytest.fixture
def driver() -> AgentTestDriver:
    return AgentTestDriver(tracking_forward(), retailers=dict(RETAILERS))


@pytest.fixture
def given_up(driver: AgentTestDriver) -> Delivery:
    """One whose receiver did not understand it."""
    happens(driver, return_event(Meaning.FIRST_SCAN))
    while driver.calls:
        answer(driver, 422)
        wait(driver)
    return deliveries(driver)[-1]


def asks(driver: AgentTestDriver, replay: DeliveryReplay) -> None:
    driver.pipe(topics.TRACKING_REPLAYS, replay, key=replay.order_key)


def asked(driver: AgentTestDriver, last: Delivery) -> DeliveryReplay:
    return request(last, driver.now)


def test_what_was_given_up_is_sent_with_the_same_id_and_body(driver: AgentTestDriver, given_up: Delivery) -> None:
    asks(driver, asked(driver, given_up))

    (call,) = driver.calls
    assert (call.id, tuple(call.intent.payload), call.attempt) == (given_up.delivery_id, given_up.payload, 1)
    answer(driver, 200)
    last = deliveries(driver)[-1]
    assert (last.result, last.attempt, last.payload) == (DeliveryResult.DELIVERED, 1, given_up.payload)


def test_the_body_is_told_with_the_last_attempt_alone(driver: AgentTestDriver, given_up: Delivery) -> None:
    assert [record.payload is None for record in deliveries(driver)] == [True, True, False]
    assert given_up.payload is not None
    assert given_up.payload[0]["Code"] == "RT"


def test_a_request_that_comes_twice_is_one(driver: AgentTestDriver, given_up: Delivery) -> None:
    replay = asked(driver, given_up)
    asks(driver, replay)
    asks(driver, replay)
    assert len(told(driver)) == 1

    asks(driver, replay)

    assert driver.calls == []


def test_asking_twice_for_the_same_is_asking_once(driver: AgentTestDriver, given_up: Delivery) -> None:
    first = asked(driver, given_up)
    driver.advance(timedelta(days=1))

    assert asked(driver, given_up).replay == first.replay


def test_what_was_sent_again_can_be_sent_again(driver: AgentTestDriver, given_up: Delivery) -> None:
    requests = []
    last = given_up
    for _ in range(3):
        requests.append(asked(driver, last))
        asks(driver, requests[-1])
        answer(driver, 200)
        last = deliveries(driver)[-1]
    for old in requests:
        asks(driver, old)

    assert driver.calls == []
    assert [record.replay for record in deliveries(driver)] == [None] * 3 + [each.replay for each in requests]
    assert [each.after for each in requests] == [None, *(each.replay for each in requests[:-1])]


def test_each_attempt_of_each_life_is_a_fact_of_its_own(driver: AgentTestDriver, given_up: Delivery) -> None:
    asks(driver, asked(driver, given_up))
    while driver.calls:
        answer(driver, 422)
        wait(driver)

    written = [each for each in driver.written if each.topic == topics.TRACKING_DELIVERIES.name]
    assert len({each.envelope.id for each in written}) == len(written) == 6
    raised = [each for each in driver.written if each.topic == topics.RETURN_ALERTS.name]
    assert len({each.envelope.id for each in raised}) == len(raised) == len(alerts(driver)) == 2


def test_it_goes_in_its_place_before_what_waited_for_it(driver: AgentTestDriver, given_up: Delivery) -> None:
    happens(driver, return_event(Meaning.DEPOT))
    happens(driver, return_event(Meaning.EXPORTED))

    asks(driver, asked(driver, given_up))

    assert [call.code for call in told(driver)] == ["RT", "DS", "RE"]


def test_a_hook_that_was_set_up_since_gets_what_had_nowhere_to_go(driver: AgentTestDriver) -> None:
    happens(driver, return_event(Meaning.FIRST_SCAN))
    answer(driver, None, url=None, error="the retailer has no hook")

    asks(driver, asked(driver, deliveries(driver)[-1]))
    answer(driver, 200, url=URL)

    assert [record.result for record in deliveries(driver)] == [DeliveryResult.NO_HOOK, DeliveryResult.DELIVERED]


def test_a_request_under_another_order_is_refused(driver: AgentTestDriver, given_up: Delivery) -> None:
    driver.pipe(topics.TRACKING_REPLAYS, asked(driver, given_up), key="acme/other")

    assert len(driver.dead_letters) == 1
    assert driver.calls == []


def test_an_attempt_says_how_long_it_took(driver: AgentTestDriver) -> None:
    happens(driver, return_event(Meaning.FIRST_SCAN))
    (call,) = driver.calls
    driver.answer(call, HookAnswer(status=200, url=URL, duration_ms=12.5))

    assert deliveries(driver)[-1].duration_ms == 12.5


def test_requests_are_forgotten_long_after_what_they_could_be_asked_by(
    driver: AgentTestDriver, given_up: Delivery
) -> None:
    asks(driver, asked(driver, given_up))
    told(driver)

    driver.advance(timedelta(days=180))

    assert driver.store(driver.agent.stores["replayed"]) == {}
