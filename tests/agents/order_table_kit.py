"""What the tests of order-table share: records in, and what a reader of `orders` knows."""

from __future__ import annotations

from typing import Any

from contracts import topics
from contracts.keys import order_key
from contracts.orders import Order, OrderErasure
from streams.engine.driver import AgentTestDriver, Written
from tests.builders import shopify_order

KEY = "acme/1001"
TEN = "2026-11-01T10:00:00Z"


def pipe(
    driver: AgentTestDriver, retailer: str = "acme", triggered: str | None = None, **changes: Any
) -> list[Written]:
    body = shopify_order(**changes)
    headers = {"ce_shop": f"{retailer}.myshopify.com"} | ({"ce_triggeredat": triggered} if triggered else {})
    return driver.pipe(topics.ORDER_EVENTS, body, key=order_key(retailer, body.name), headers=headers)


def erase(driver: AgentTestDriver, what: OrderErasure) -> list[Written]:
    return driver.pipe(topics.ORDER_EVENTS, what, key=f"{what.retailer}/?*")


def table(driver: AgentTestDriver) -> dict[str, Order]:
    """What a reader of `orders` knows after all records so far; it must be what the store holds."""
    rows: dict[str, Order] = {}
    for written in driver.written:
        if written.topic == topics.ORDERS.name and written.value is None:
            rows.pop(written.key, None)
        elif written.topic == topics.ORDERS.name:
            rows[written.key] = written.read(Order)
    assert rows == driver.store(driver.agent.stores["orders"])
    return rows


def left_over(driver: AgentTestDriver) -> dict[str, int]:
    """How many rows the agent's own stores hold, empty ones left out."""
    counts = {name: len(driver.store(store)) for name, store in driver.agent.stores.items()}
    return {name: count for name, count in counts.items() if count}
