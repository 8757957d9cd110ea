"""order-table: a customer's request for their data and a removed app call a person, once a matter."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from contracts import topics
from contracts.actions import AlertKind, ReturnAlert
from contracts.model import Model
from contracts.orders import AppUninstalled, DataRequest, OrderHint
from streams.agents.order_table import order_table
from streams.engine.driver import AgentTestDriver
from tests.builders import HASH_KEY, erasure

ASKED = datetime(2026, 11, 1, 10, tzinfo=UTC)


@pytest.fixture
def driver() -> AgentTestDriver:
    return AgentTestDriver(order_table(HASH_KEY))


def request(*order_ids: str, at: datetime = ASKED) -> DataRequest:
    return DataRequest(retailer="acme", request_id="9999", order_ids=order_ids, requested_at=at)


def alerts(driver: AgentTestDriver) -> list[ReturnAlert]:
    return driver.of(topics.RETURN_ALERTS, ReturnAlert)


def test_a_request_calls_a_person_with_the_orders_and_the_day(driver: AgentTestDriver) -> None:
    driver.pipe(topics.ORDER_EVENTS, request("1", "2"), key="acme/?1")

    [alert] = alerts(driver)
    assert (alert.kind, alert.retailer, alert.order_key) == (AlertKind.DATA_REQUEST, "acme", "acme/?1")
    assert (alert.order_ids, alert.due_at) == (("1", "2"), ASKED + timedelta(days=30))
    assert "2026-12-01" in alert.message


def test_a_repeat_is_the_same_matter(driver: AgentTestDriver) -> None:
    driver.pipe(topics.ORDER_EVENTS, request("1"), key="acme/?1")
    driver.pipe(topics.ORDER_EVENTS, request("1", at=ASKED + timedelta(hours=1)), key="acme/?1")
    assert len({alert.alert_id for alert in alerts(driver)}) == 1


def test_a_clock_ahead_wins_no_time(driver: AgentTestDriver) -> None:
    driver.pipe(topics.ORDER_EVENTS, request(at=driver.now + timedelta(days=300)), key="acme/?*")
    [alert] = alerts(driver)
    assert alert.due_at == driver.now + timedelta(days=30)


def test_a_removed_app_calls_a_person(driver: AgentTestDriver) -> None:
    driver.pipe(topics.ORDER_EVENTS, AppUninstalled(retailer="acme", delivery_id="wh-1"), key="acme/?*")
    assert [(alert.kind, alert.retailer) for alert in alerts(driver)] == [(AlertKind.APP_UNINSTALLED, "acme")]


@pytest.mark.parametrize("key", ["bolt/?1", "acme", "?1", ""])
@pytest.mark.parametrize(
    "value",
    [
        request("1"),
        AppUninstalled(retailer="acme", delivery_id="wh-1"),
        erasure("1"),
        OrderHint(retailer="acme", order_id="1", topic="refunds/create"),
    ],
    ids=type,
)
def test_the_key_of_another_retailer_is_poison(driver: AgentTestDriver, key: str, value: Model) -> None:
    [letter] = driver.pipe(topics.ORDER_EVENTS, value, key=key)
    assert letter.topic == topics.dead_letters("order-table").name
