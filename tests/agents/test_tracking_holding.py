"""tracking-forward, where only a person can help: what was refused waits for him."""

from __future__ import annotations

from datetime import timedelta

import pytest

from contracts.actions import AlertKind
from contracts.returns import Meaning
from contracts.tracking import Delivery, DeliveryResult
from streams.agents import hook_holding
from streams.agents.hook_calls import version_of
from streams.agents.tracking_forward import HookAnswer, tracking_forward
from streams.engine.driver import AgentTestDriver
from tests.agents.forwarding import (
    MENDED,
    RETAILERS,
    URL,
    alerts,
    answer,
    changes,
    codes,
    deliveries,
    happens,
    replays,
    wait,
)
from tests.builders import return_event


@pytest.fixture
def driver() -> AgentTestDriver:
    return AgentTestDriver(tracking_forward(), retailers=dict(RETAILERS))


def refused(driver: AgentTestDriver, order_key: str = "acme/1001", status: int = 422) -> Delivery:
    """The last attempt of an order's first scan, which its receiver does not understand."""
    happens(driver, return_event(Meaning.FIRST_SCAN, order_key=order_key))
    for _ in range(3):
        (call,) = [call for call in driver.calls if call.key == order_key]
        driver.answer(call, HookAnswer(status=status, url=URL))
        wait(driver)
    return deliveries(driver)[-1]


def waiting(driver: AgentTestDriver) -> list[str]:
    return sorted(driver.store(driver.agent.stores["parked"]))


class TestParked:
    def test_the_later_updates_of_the_order_wait_behind_it_and_no_other_order_does(
        self, driver: AgentTestDriver
    ) -> None:
        refused(driver)
        happens(driver, return_event(Meaning.DEPOT))
        happens(driver, return_event(Meaning.DEPOT, order_key="acme/1002"))

        assert codes(driver) == ["RT", "DS"]

        driver.advance(timedelta(days=9))

        assert {each.order_key for each in deliveries(driver) if each.result is DeliveryResult.DELIVERED} == {
            "acme/1002"
        }
        assert driver.calls == []
        assert waiting(driver) == ["acme/1001"]
        assert alerts(driver) == [AlertKind.DELIVERY_GIVEN_UP]

    def test_a_replay_sends_it_first_and_then_what_waited(self, driver: AgentTestDriver) -> None:
        last = refused(driver)
        happens(driver, return_event(Meaning.DEPOT))
        happens(driver, return_event(Meaning.EXPORTED))

        replays(driver, last)

        assert driver.calls[0].id == last.delivery_id
        assert codes(driver) == ["RT", "DS", "RE"]
        assert waiting(driver) == []

    def test_a_replay_that_is_refused_waits_again_and_can_be_asked_for_again(self, driver: AgentTestDriver) -> None:
        last = refused(driver)
        for _ in range(2):
            replays(driver, last)
            for _ in range(3):
                answer(driver, 422)
                wait(driver)
            last = deliveries(driver)[-1]

        replays(driver, last)

        assert codes(driver) == ["RT"]
        assert alerts(driver) == [AlertKind.DELIVERY_GIVEN_UP] * 3

    def test_what_was_exhausted_waits_too_and_has_its_whole_time_again(self, driver: AgentTestDriver) -> None:
        happens(driver, return_event(Meaning.DELIVERED))
        while driver.calls:
            answer(driver, 500)
            wait(driver)
        driver.advance(timedelta(days=9))

        replays(driver, deliveries(driver)[-1])
        answer(driver, 503)
        wait(driver)

        assert deliveries(driver)[-1].result is DeliveryResult.RETRYING
        assert codes(driver) == ["RT", "RDTPF"]

    def test_a_changed_hook_lets_it_go_within_minutes(self, driver: AgentTestDriver) -> None:
        refused(driver)
        happens(driver, return_event(Meaning.DEPOT))
        driver.advance(timedelta(days=3))
        changes(driver)

        driver.advance(timedelta(minutes=6))

        assert codes(driver) == ["RT", "DS"]
        assert len({each.attempt for each in deliveries(driver) if each.code == "RT"}) == 4
        driver.advance(timedelta(minutes=6))
        assert driver.store(driver.agent.stores["standings"]) == {}

    def test_what_a_changed_hook_does_not_take_at_once_is_tried_as_soon_as_anything_new(
        self, driver: AgentTestDriver
    ) -> None:
        happens(driver, return_event(Meaning.FIRST_SCAN))
        while driver.calls:
            answer(driver, 500)
            wait(driver)
        attempts = deliveries(driver)[-1].attempt
        changes(driver)
        while not driver.calls:
            driver.advance(timedelta(seconds=10))

        answer(driver, 503)

        last = deliveries(driver)[-1]
        assert last.attempt == attempts + 1
        assert last.next_at is not None
        assert last.next_at - driver.now < timedelta(seconds=7)

    def test_what_fails_at_the_changed_hook_too_waits_for_the_next_change(self, driver: AgentTestDriver) -> None:
        refused(driver)
        for version in ("v2", "v3"):
            changes(driver, f"https://hook.example/{version}")
            driver.advance(timedelta(minutes=6))
            for _ in range(3):
                answer(driver, 404)
                wait(driver)
            driver.advance(timedelta(hours=1))
            assert driver.calls == []

        changes(driver, "https://hook.example/v4")
        driver.advance(timedelta(minutes=6))

        assert codes(driver) == ["RT"]

    def test_what_a_changed_hook_has_let_go_is_not_sent_twice_for_a_replay(self, driver: AgentTestDriver) -> None:
        last = refused(driver)
        happens(driver, return_event(Meaning.DEPOT))
        changes(driver)
        driver.advance(timedelta(minutes=6))
        answer(driver, 503)

        replays(driver, last)
        wait(driver)

        assert codes(driver) == ["RT", "DS"]

    def test_what_was_asked_for_while_it_was_owed_can_be_asked_for_when_it_waits_again(
        self, driver: AgentTestDriver
    ) -> None:
        last = refused(driver)
        changes(driver)
        driver.advance(timedelta(minutes=6))
        replays(driver, last)
        for _ in range(3):
            answer(driver, 422)
            wait(driver)

        replays(driver, deliveries(driver)[-1])

        assert codes(driver) == ["RT"]

    def test_what_waits_since_a_call_that_began_before_the_last_change_goes_on_too(
        self, driver: AgentTestDriver
    ) -> None:
        refused(driver)
        driver.advance(timedelta(minutes=4, seconds=50))
        happens(driver, return_event(Meaning.FIRST_SCAN, order_key="acme/slow"))
        (slow,) = driver.calls
        old = version_of(driver.retailers["acme"])
        changes(driver)
        driver.advance(timedelta(seconds=15))
        _, quick = driver.calls
        driver.answer(quick, HookAnswer(status=410, url=MENDED))

        driver.answer(slow, HookAnswer(status=410, url=URL, hook=old))
        happens(driver, return_event(Meaning.FIRST_SCAN, order_key="acme/later"))
        assert driver.calls == []  # the changed hook is gone still
        replays(driver, deliveries(driver)[-2])
        driver.advance(timedelta(minutes=6))

        assert sorted(call.key for call in driver.calls) == ["acme/1001", "acme/later", "acme/slow"]

    def test_very_many_are_let_go_in_steps(self, driver: AgentTestDriver, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(hook_holding, "RELEASED_AT_ONCE", 2)
        for n in range(5):
            refused(driver, f"acme/{n}")
        changes(driver)

        driver.advance(timedelta(minutes=6))

        assert len(driver.calls) == 5
        assert waiting(driver) == []

    def test_a_hook_that_is_taken_away_owes_nothing_and_calls_somebody(self, driver: AgentTestDriver) -> None:
        refused(driver)
        changes(driver, None)
        driver.advance(timedelta(minutes=6))

        answer(driver, None, url=None)

        assert alerts(driver)[-1] is AlertKind.HOOK_MISSING
        assert driver.calls == []
