"""tracking-forward: what an answer means, when an update is tried again, and when it is given up."""

from __future__ import annotations

from datetime import timedelta

import pytest

from contracts.actions import AlertKind
from contracts.retailers import Schedule
from contracts.returns import Meaning
from contracts.tracking import DeliveryResult
from streams.agents.tracking_forward import DEFAULT, HookAnswer, tracking_forward
from streams.engine.driver import START, AgentTestDriver
from tests.agents.forwarding import RETAILERS, URL, alerts, answer, codes, deliveries, happens, wait
from tests.builders import retailer, return_event


@pytest.fixture
def driver() -> AgentTestDriver:
    return AgentTestDriver(tracking_forward(), retailers=dict(RETAILERS))


class TestDelivery:
    def test_success_is_recorded_and_the_next_goes_out(self, driver: AgentTestDriver) -> None:
        happens(driver, return_event(Meaning.DELIVERED))
        (first,) = driver.calls
        answer(driver, 202)

        (record,) = deliveries(driver)
        assert (record.delivery_id, record.result, record.status) == (first.id, DeliveryResult.DELIVERED, 202)
        assert (record.code, record.rma, record.attempt, record.url) == ("RT", "R1", 1, URL)
        assert [call.intent.code for call in driver.calls] == ["RDTPF"]

    def test_a_failure_holds_only_its_own_order(self, driver: AgentTestDriver) -> None:
        for order_key in ("acme/1", "acme/2"):
            happens(driver, return_event(Meaning.DELIVERED, order_key=order_key))
        one, two = driver.calls
        driver.answer(one, HookAnswer(status=500, url=URL))
        driver.answer(two, HookAnswer(status=200, url=URL))

        assert [(call.key, call.intent.code) for call in driver.calls] == [("acme/2", "RDTPF")]
        driver.advance(timedelta(seconds=6))
        assert {(call.key, call.intent.code) for call in driver.calls} == {("acme/2", "RDTPF"), ("acme/1", "RT")}

    def test_a_repeat_has_the_same_id_and_body(self, driver: AgentTestDriver) -> None:
        happens(driver, return_event(Meaning.FIRST_SCAN))
        (first,) = driver.calls
        answer(driver, None, error="no answer within 15 s")
        wait(driver)

        (second,) = driver.calls
        assert (second.id, second.intent, second.attempt) == (first.id, first.intent, 2)

    def test_the_id_is_of_the_fact_and_not_of_the_run(self, driver: AgentTestDriver) -> None:
        other = AgentTestDriver(tracking_forward(), retailers=dict(RETAILERS), now=START + timedelta(days=3))
        happens(other, return_event(Meaning.LABEL))
        for each in (driver, other):
            happens(each, return_event(Meaning.FIRST_SCAN))

        assert driver.calls[0].id == other.calls[0].id

    def test_a_dead_hook_is_tried_for_seven_days_and_then_given_up_loudly(self, driver: AgentTestDriver) -> None:
        happens(driver, return_event(Meaning.DELIVERED))
        waits = []
        while driver.calls and driver.calls[0].intent.code == "RT":
            at = driver.now
            answer(driver, 500)
            wait(driver)
            waits.append((driver.now - at).total_seconds())

        hour = 3600.0
        assert waits[:8] == pytest.approx([5, 30, 120, 600, hour, 6 * hour, 12 * hour, 24 * hour], rel=0.2)
        assert waits[8:-1] == pytest.approx([24 * hour] * len(waits[8:-1]), rel=0.2)
        assert len(waits) > 12
        assert driver.now - START < timedelta(days=7)
        assert deliveries(driver)[-1].result is DeliveryResult.GIVEN_UP
        assert alerts(driver) == [AlertKind.DELIVERY_GIVEN_UP]
        assert driver.calls == []  # what follows waits: see test_tracking_holding.py

    def test_three_days_of_500_cost_a_few_attempts_and_nothing_else(self, driver: AgentTestDriver) -> None:
        for meaning in (Meaning.CREATED, Meaning.FIRST_SCAN, Meaning.DEPOT):
            happens(driver, return_event(meaning))
        while driver.now - START < timedelta(hours=72):
            answer(driver, 500)
            wait(driver)
            happens(driver, return_event(Meaning.IN_TRANSIT, at=driver.now))

        assert {each.result for each in deliveries(driver)} == {DeliveryResult.RETRYING}
        assert 8 <= len(deliveries(driver)) <= 13
        assert codes(driver) == ["RC", "RT", "DS"]
        assert alerts(driver) == []

    @pytest.mark.parametrize("status", [301, 401, 403, 408, 429, 500, 503])
    def test_what_may_get_better_is_tried_again(self, driver: AgentTestDriver, status: int) -> None:
        happens(driver, return_event(Meaning.FIRST_SCAN))
        for _ in range(4):
            answer(driver, status)
            wait(driver)

        assert [record.result for record in deliveries(driver)] == [DeliveryResult.RETRYING] * 4
        first = deliveries(driver)[0].next_at
        assert first is not None
        assert 4 <= (first - START).total_seconds() <= 6

    @pytest.mark.parametrize("status", [400, 404, 422])
    def test_what_cannot_get_better_is_tried_thrice(self, driver: AgentTestDriver, status: int) -> None:
        happens(driver, return_event(Meaning.FIRST_SCAN))
        results = []
        while driver.calls:
            answer(driver, status)
            results.append(deliveries(driver)[-1].result)
            wait(driver)

        assert results == [DeliveryResult.RETRYING, DeliveryResult.RETRYING, DeliveryResult.GIVEN_UP]
        assert alerts(driver) == [AlertKind.DELIVERY_GIVEN_UP]
        assert driver.store(driver.agent.stores["refusals"]) == {}

    def test_failures_of_another_kind_are_no_refusals(self, driver: AgentTestDriver) -> None:
        happens(driver, return_event(Meaning.FIRST_SCAN))
        for status in (500, 500, 404, 503, 404):
            answer(driver, status)
            wait(driver)

        assert alerts(driver) == []
        answer(driver, 404)
        assert alerts(driver) == [AlertKind.DELIVERY_GIVEN_UP]

    def test_gone_stops_the_hook_at_once(self, driver: AgentTestDriver) -> None:
        happens(driver, return_event(Meaning.FIRST_SCAN))

        answer(driver, 410)

        assert [record.result for record in deliveries(driver)] == [DeliveryResult.GIVEN_UP]
        assert alerts(driver) == [AlertKind.HOOK_GONE]
        assert driver.calls == []

    def test_the_receiver_may_say_when(self, driver: AgentTestDriver) -> None:
        happens(driver, return_event(Meaning.FIRST_SCAN))

        answer(driver, 429, retry_after_s=45)

        assert deliveries(driver)[-1].next_at == START + timedelta(seconds=45)

    def test_a_hook_that_was_removed_owes_nothing_and_calls_somebody(self, driver: AgentTestDriver) -> None:
        happens(driver, return_event(Meaning.FIRST_SCAN))

        answer(driver, None, url=None, error="the retailer has no hook")

        assert [record.result for record in deliveries(driver)] == [DeliveryResult.NO_HOOK]
        assert alerts(driver) == [AlertKind.HOOK_MISSING]
        assert driver.calls == []

    def test_another_schedule_can_be_given(self) -> None:
        quick = DEFAULT.__class__(timeout_s=1, delays_s=(0.1,), give_up_after_s=0.15)
        driver = AgentTestDriver(tracking_forward(quick), retailers=dict(RETAILERS))
        happens(driver, return_event(Meaning.FIRST_SCAN))

        answer(driver, 500)
        wait(driver)
        answer(driver, 500)

        assert [record.result for record in deliveries(driver)] == [DeliveryResult.RETRYING, DeliveryResult.GIVEN_UP]

    def test_a_retailer_may_have_a_schedule_of_its_own_also_for_what_is_owed(self, driver: AgentTestDriver) -> None:
        happens(driver, return_event(Meaning.FIRST_SCAN))
        schedule = Schedule(delays_s=(1000,), cap_s=5000, give_up_after_s=9000)
        driver.retailers["acme"] = retailer("acme", hook=URL, schedule=schedule)
        waits = []
        while driver.calls:
            at = driver.now
            answer(driver, 500)
            wait(driver)
            waits.append((driver.now - at).total_seconds())

        assert waits[:2] == pytest.approx([1000, 5000], rel=0.2)
        assert (driver.now - START).total_seconds() <= 9000
