"""order-reconcile: every retailer with a secret, every hour; a person hears of what was missed, and what cannot be."""

from __future__ import annotations

from datetime import timedelta

import pytest

from contracts import topics
from contracts.actions import AlertKind, ReturnAlert
from contracts.retailers import Retailer, ShopifyAccess
from streams.agents.order_reconcile import POLICY, Reconciled, order_reconcile
from streams.engine.driver import AgentTestDriver
from tests.builders import retailer

HOUR = timedelta(hours=1)
ACME = retailer(shopify=ShopifyAccess(shop="acme.myshopify.com", secret_ref="acme/shopify"))


@pytest.fixture
def driver() -> AgentTestDriver:
    return AgentTestDriver(order_reconcile())


def apply(driver: AgentTestDriver, applied: Retailer | None, id: str = "acme") -> None:
    driver.pipe(topics.RETAILERS, applied, key=id, type=topics.RETAILERS.events[0].type)


def answer(driver: AgentTestDriver, **said: object) -> None:
    [call] = driver.calls
    driver.answer(call, Reconciled.model_validate(said))


def alerts(driver: AgentTestDriver) -> list[ReturnAlert]:
    return driver.of(topics.RETURN_ALERTS, ReturnAlert)


def test_a_retailer_is_reconciled_an_hour_after_the_last_time_for_ever(driver: AgentTestDriver) -> None:
    apply(driver, ACME)
    assert driver.calls == []
    for _ in range(3):
        driver.advance(HOUR)
        assert [call.intent.retailer for call in driver.calls] == ["acme"]
        answer(driver, checked=50)
        assert driver.calls == []

    assert alerts(driver) == []


def test_a_change_of_a_retailer_puts_nothing_off(driver: AgentTestDriver) -> None:
    apply(driver, ACME)
    driver.advance(timedelta(minutes=50))
    apply(driver, ACME.model_copy(update={"version": 2}))
    driver.advance(timedelta(minutes=10))

    assert len(driver.calls) == 1


@pytest.mark.parametrize("gone", [None, retailer()])
def test_who_has_no_access_to_the_shop_any_more_is_left_alone(driver: AgentTestDriver, gone: Retailer | None) -> None:
    apply(driver, ACME)
    apply(driver, gone)
    driver.advance(3 * HOUR)

    assert driver.calls == []


def test_one_that_went_while_it_was_under_way_is_not_asked_for_again(driver: AgentTestDriver) -> None:
    apply(driver, ACME)
    driver.advance(HOUR)
    answer(driver, wanted=False)
    driver.advance(3 * HOUR)

    assert (driver.calls, alerts(driver)) == ([], [])


def test_many_missed_changes_call_a_person_few_do_not(driver: AgentTestDriver) -> None:
    apply(driver, ACME)
    driver.advance(HOUR)
    answer(driver, checked=100, missed=10)
    assert alerts(driver) == []
    driver.advance(HOUR)
    answer(driver, checked=100, missed=11)

    [alert] = alerts(driver)
    assert (alert.kind, alert.retailer) == (AlertKind.ORDERS_MISSED, "acme")
    assert "missed 11 changes" in alert.message


def test_a_long_run_goes_on_at_once_and_its_parts_are_counted_together(driver: AgentTestDriver) -> None:
    apply(driver, ACME)
    driver.advance(HOUR)
    answer(driver, finished=False, checked=100, missed=6)
    answer(driver, finished=False, checked=100, missed=5)
    assert alerts(driver) == []
    answer(driver, checked=10)

    assert "missed 11 changes" in alerts(driver)[0].message
    driver.advance(HOUR)
    answer(driver, checked=10, missed=1)
    assert len(alerts(driver)) == 1, "the next run counts anew"


def test_what_fails_is_tried_again_then_calls_a_person_and_the_next_hour_tries_anew(
    driver: AgentTestDriver,
) -> None:
    apply(driver, ACME)
    driver.advance(HOUR)
    while not alerts(driver):
        [call] = driver.calls
        answer(driver, error="OrderVersions: HTTP 401", finished=False)
        if not alerts(driver):
            driver.advance(timedelta(seconds=POLICY.delay_s(call.attempt)))

    [alert] = alerts(driver)
    assert alert.kind == AlertKind.ORDERS_NOT_RECONCILED
    assert "OrderVersions: HTTP 401" in alert.message
    assert driver.calls == []
    driver.advance(HOUR)
    answer(driver, checked=5)
    assert len(alerts(driver)) == 1
