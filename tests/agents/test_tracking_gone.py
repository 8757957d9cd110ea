"""tracking-forward and a hook that is gone (410): nothing more is sent to it, and everything stays owed."""

from __future__ import annotations

from datetime import timedelta

import pytest

from contracts.actions import AlertKind
from contracts.retailers import Retailer
from contracts.returns import Meaning
from streams.agents.hook_calls import version_of
from streams.agents.tracking_forward import HookAnswer, tracking_forward
from streams.engine.driver import AgentTestDriver
from tests.agents.forwarding import MENDED, RETAILERS, URL, alerts, answer, changes, deliveries, happens, replays
from tests.builders import retailer, return_event


@pytest.fixture
def driver() -> AgentTestDriver:
    return AgentTestDriver(tracking_forward(), retailers=dict(RETAILERS))


class TestGone:
    def test_nothing_more_is_sent_to_it_and_everything_stays_owed(self, driver: AgentTestDriver) -> None:
        for n in range(3):
            happens(driver, return_event(Meaning.FIRST_SCAN, order_key=f"acme/{n}"))
        for call in list(driver.calls):
            driver.answer(call, HookAnswer(status=410, url=URL))
        happens(driver, return_event(Meaning.FIRST_SCAN, order_key="acme/3"))

        driver.advance(timedelta(days=9))

        assert driver.calls == []
        assert alerts(driver) == [AlertKind.HOOK_GONE]

    def test_other_retailers_go_on(self, driver: AgentTestDriver) -> None:
        driver.retailers["bolt"] = retailer("bolt", hook=URL)
        happens(driver, return_event(Meaning.FIRST_SCAN))
        answer(driver, 410)

        happens(driver, return_event(Meaning.FIRST_SCAN, retailer="bolt", order_key="bolt/1"))

        assert [call.key for call in driver.calls] == ["bolt/1"]

    @pytest.mark.parametrize(
        "changed",
        [retailer("acme", hook=MENDED), retailer("acme", hook=URL, secret_ref="acme/new")],
        ids=["address", "secret"],
    )
    def test_a_changed_hook_gets_everything(self, driver: AgentTestDriver, changed: Retailer) -> None:
        happens(driver, return_event(Meaning.FIRST_SCAN))
        answer(driver, 410)
        happens(driver, return_event(Meaning.FIRST_SCAN, order_key="acme/2"))
        driver.advance(timedelta(days=1))
        driver.retailers["acme"] = changed

        driver.advance(timedelta(minutes=6))

        assert sorted(call.key for call in driver.calls) == ["acme/1001", "acme/2"]

    def test_a_change_of_other_settings_does_not_lift_it(self, driver: AgentTestDriver) -> None:
        happens(driver, return_event(Meaning.FIRST_SCAN))
        answer(driver, 410)
        driver.retailers["acme"] = retailer("acme", hook=URL, version=2, hold_hours=1)

        driver.advance(timedelta(days=1))

        assert driver.calls == []

    def test_a_replay_lifts_it(self, driver: AgentTestDriver) -> None:
        happens(driver, return_event(Meaning.FIRST_SCAN))
        answer(driver, 410)
        happens(driver, return_event(Meaning.FIRST_SCAN, order_key="acme/2"))

        replays(driver, deliveries(driver)[-1])

        assert sorted(call.key for call in driver.calls) == ["acme/1001", "acme/2"]

    def test_gone_again_calls_again(self, driver: AgentTestDriver) -> None:
        happens(driver, return_event(Meaning.FIRST_SCAN))
        answer(driver, 410)
        changes(driver)
        driver.advance(timedelta(minutes=6))

        answer(driver, 410)
        driver.advance(timedelta(days=1))

        assert driver.calls == []
        assert alerts(driver) == [AlertKind.HOOK_GONE] * 2

    def test_a_hook_that_was_changed_while_the_old_one_answered_is_not_stopped(self, driver: AgentTestDriver) -> None:
        happens(driver, return_event(Meaning.FIRST_SCAN))
        old = version_of(driver.retailers["acme"])
        changes(driver)

        answer(driver, 410, hook=old)
        happens(driver, return_event(Meaning.FIRST_SCAN, order_key="acme/2"))
        driver.advance(timedelta(minutes=6))

        assert sorted(call.key for call in driver.calls) == ["acme/1001", "acme/2"]
