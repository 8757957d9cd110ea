"""order_source: admin_api: a notification has the order fetched, once for as many as come; what comes is kept."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import topics
from contracts.actions import AlertKind, ReturnAlert
from contracts.orders import OrderHint
from contracts.retailers import OrderSource, ShopifyAccess
from streams.agents.order_fetching import POLICY, FetchedOrder
from streams.agents.order_table import order_table
from streams.engine.driver import AgentTestDriver, Written
from tests.agents.order_table_kit import KEY, erase, left_over, pipe, table
from tests.builders import HASH_KEY, erasure, retailer, shopify_order

FETCHING = retailer(shopify=ShopifyAccess(shop="acme.myshopify.com", order_source=OrderSource.ADMIN_API))
TEN, ELEVEN, TWELVE = (f"2026-11-01T{hour}:00:00Z" for hour in (10, 11, 12))


@pytest.fixture
def driver() -> AgentTestDriver:
    return AgentTestDriver(order_table(HASH_KEY), {"acme": FETCHING})


def hint(driver: AgentTestDriver, order_id: str = "1") -> list[Written]:
    told = OrderHint(retailer="acme", order_id=order_id, topic="refunds/create")
    return driver.pipe(topics.ORDER_EVENTS, told, key=f"acme/?{order_id}")


def answer(driver: AgentTestDriver, **changes: Any) -> None:
    """The shop answers the only call, and what was written to order-events comes back in."""
    [call] = driver.calls
    come_back(driver, driver.answer(call, FetchedOrder(order=shopify_order(**changes))))


def come_back(driver: AgentTestDriver, written: list[Written]) -> None:
    for record in written:
        if record.topic == topics.ORDER_EVENTS.name:
            driver.pipe_record(topics.ORDER_EVENTS, record.key.encode(), record.value, record.record.headers)


def test_a_notification_has_the_order_fetched_and_its_own_content_counts_for_nothing(driver: AgentTestDriver) -> None:
    pipe(driver, updated_at=TEN, total_price="999.00")
    assert table(driver) == {}
    [call] = driver.calls
    assert (call.intent.retailer, call.intent.order_id) == ("acme", "1")

    answer(driver, updated_at=TEN, total_price="100.00")

    order = table(driver)[KEY]
    assert (str(order.total_price), order.shop, order.email_hash is not None) == ("100.00", "acme.myshopify.com", True)
    assert "order-fetches" not in left_over(driver)
    assert driver.calls == []


def test_a_hint_has_the_order_fetched_and_it_goes_to_its_own_key(driver: AgentTestDriver) -> None:
    hint(driver)

    [call] = driver.calls
    written = driver.answer(call, FetchedOrder(order=shopify_order()))

    assert [(record.topic, record.key) for record in written] == [("order-events", KEY)]
    come_back(driver, written)
    assert KEY in table(driver)


def test_what_the_table_has_already_is_not_fetched_again(driver: AgentTestDriver) -> None:
    pipe(driver, updated_at=ELEVEN)
    answer(driver, updated_at=ELEVEN)

    pipe(driver, updated_at=ELEVEN)
    pipe(driver, updated_at=TEN)

    assert driver.calls == []


def test_many_notifications_of_one_order_are_one_fetch(driver: AgentTestDriver) -> None:
    for at in (TEN, ELEVEN, TWELVE, TEN):
        pipe(driver, updated_at=at)

    answer(driver, updated_at=TWELVE)

    assert driver.calls == []
    assert table(driver)[KEY].updated_at.hour == 12


def test_what_is_told_of_while_an_older_version_is_fetched_is_fetched_once_more(driver: AgentTestDriver) -> None:
    pipe(driver, updated_at=TEN)
    pipe(driver, updated_at=ELEVEN)
    hint(driver)
    hint(driver)

    answer(driver, updated_at=TEN)
    assert len(driver.calls) == 1
    answer(driver, updated_at=ELEVEN)

    assert driver.calls == []
    assert table(driver)[KEY].updated_at.hour == 11


def test_a_version_that_the_shop_tells_of_and_never_shows_is_not_asked_for_for_ever(driver: AgentTestDriver) -> None:
    pipe(driver, updated_at=TWELVE)

    answer(driver, updated_at=ELEVEN)
    answer(driver, updated_at=ELEVEN)

    assert driver.calls == []


@pytest.mark.parametrize("via", ["import", "reconcile"])
def test_what_was_fetched_by_others_is_taken_as_it_is(driver: AgentTestDriver, via: str) -> None:
    headers = {"ce_shop": "acme.myshopify.com", "ce_via": via}
    driver.pipe(topics.ORDER_EVENTS, shopify_order(), key=KEY, headers=headers)

    assert (driver.calls, list(table(driver))) == ([], [KEY])


def test_retailers_with_webhooks_fetch_nothing() -> None:
    for known in ({}, {"acme": retailer()}):
        driver = AgentTestDriver(order_table(HASH_KEY), known)
        pipe(driver)
        hint(driver)
        assert (driver.calls, list(table(driver))) == ([], [KEY])


def test_an_order_that_the_shop_does_not_have_is_looked_for_a_few_times(driver: AgentTestDriver) -> None:
    hint(driver)
    for _ in range(3):
        [call] = driver.calls
        driver.answer(call, FetchedOrder())
        driver.advance(timedelta(seconds=POLICY.delay_s(call.attempt)))

    assert (driver.calls, left_over(driver)) == ([], {})
    assert driver.of(topics.RETURN_ALERTS, ReturnAlert) == []


def test_what_fails_for_a_day_calls_a_person_and_does_not_stand_in_the_way(driver: AgentTestDriver) -> None:
    pipe(driver)
    attempts = 0
    while driver.calls:
        [call] = driver.calls
        driver.answer(call, FetchedOrder(error="OrderById: HTTP 503"))
        attempts += 1
        driver.advance(timedelta(seconds=POLICY.delay_s(call.attempt)))

    [alert] = driver.of(topics.RETURN_ALERTS, ReturnAlert)
    assert (alert.kind, alert.order_key, alert.retailer) == (AlertKind.ORDER_NOT_FETCHED, KEY, "acme")
    assert "OrderById: HTTP 503" in alert.message
    assert "orders reconcile --retailer acme" in alert.message
    assert attempts >= len(POLICY.delays_s)
    assert left_over(driver) == {}
    pipe(driver, updated_at=ELEVEN)
    answer(driver, updated_at=ELEVEN)
    assert KEY in table(driver)


def test_a_retailer_that_went_back_to_webhooks_ends_what_is_owed(driver: AgentTestDriver) -> None:
    pipe(driver)
    [call] = driver.calls
    driver.answer(call, FetchedOrder(error="the retailer's orders are not fetched any more", final=True))

    assert (driver.calls, left_over(driver)) == ([], {})


def test_an_order_that_is_erased_while_it_is_fetched_does_not_come_back(driver: AgentTestDriver) -> None:
    pipe(driver)
    erase(driver, erasure("1"))

    answer(driver)

    assert table(driver) == {}


def test_an_order_without_a_name_has_no_place(driver: AgentTestDriver) -> None:
    hint(driver)

    answer(driver, name=" # ")

    assert (table(driver), driver.dead_letters, left_over(driver)) == ({}, [], {})


@given(st.lists(st.sampled_from(["hook", "hint", "answer"]), max_size=25), st.data())
def test_whatever_comes_in_between_the_shops_last_version_is_kept_in_the_end(steps: list[str], data: Any) -> None:
    """The shop's order moves on; its notifications come in any order; a fetch sees the shop as it is then."""
    driver = AgentTestDriver(order_table(HASH_KEY), {"acme": FETCHING})
    version, fetches = 0, 0

    def now(at: int) -> str:
        return f"2026-11-01T10:{at:02d}:00Z"

    for step in [*steps, "hook", *["answer"] * 4]:
        if step == "answer" and driver.calls:
            answer(driver, updated_at=now(version))
            fetches += 1
        elif step == "hint":
            version += 1
            hint(driver)
        elif step == "hook":
            version += 1
            pipe(driver, updated_at=now(data.draw(st.integers(1, version))))
    pipe(driver, updated_at=now(version))
    while driver.calls:
        answer(driver, updated_at=now(version))
        fetches += 1

    assert table(driver)[KEY].updated_at.minute == version
    assert fetches <= version + 3
    assert "order-fetches" not in left_over(driver)
