"""An order fetched from the Admin API is, slimmed, the order that its webhook brings: field by field, page by page."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.orders import Order, ShopifyOrder
from contracts.retailers import ShopifyAccess
from demo.shopify.orders import FIRST_ID, changed, made
from demo.shopify.simulator import ShopifySimulator
from streams.domain.orders import slim
from streams.secrets import Secret
from streams.shopify import ShopifyOptions, Shops
from streams.shopify.order_shape import id_of, webhook_body
from streams.shopify.orders import OrderReader, created_since

SHOP = "acme.myshopify.com"
ACCESS = ShopifyAccess(shop=SHOP, secret_ref="acme/shopify")
START = datetime(2026, 11, 1, 12, tzinfo=UTC)


class Files:
    """The shop's lasting token."""

    def get(self, ref: str) -> Secret | None:
        return Secret({"access_token": "token"})


def kept(body: dict[str, Any]) -> Order:
    return slim(ShopifyOrder.model_validate(body), retailer="acme", shop=SHOP, hash_key=b"a key for tests")


def history(rng: random.Random, number: int, versions: int) -> dict[str, Any]:
    """An order after so many changes."""
    body = made(number, START + timedelta(minutes=number), rng)
    for at in range(versions):
        body = changed(body, START + timedelta(days=1, minutes=at), rng)
    return body


@given(rng=st.randoms(use_true_random=False), versions=st.integers(0, 6), orders=st.integers(1, 4))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
async def test_what_is_fetched_is_what_the_webhook_brings(
    shopify: ShopifySimulator, rng: random.Random, versions: int, orders: int
) -> None:
    bodies = {str(body["id"]): body for body in (history(rng, number, versions) for number in range(orders))}
    shop = shopify.add(SHOP, access_token="token")
    for body in bodies.values():
        shop.store.put(body)
    async with Shops(Files(), ShopifyOptions(base_url=shopify.base_url)) as shops:
        reader = OrderReader(shops.of(ACCESS))
        walked = [order async for page in reader.created(created_since(START)) for order in page.orders]
        named = [order async for page in reader.some(list(bodies)) for order in page]
        one = await reader.one(next(iter(bodies)))

    assert one is not None
    for found in (walked, named):
        assert {id_of(order.id): kept(webhook_body(order)) for order in found} == {
            number: kept(body) for number, body in bodies.items()
        }
    assert kept(webhook_body(one)) == kept(bodies[id_of(one.id)])


async def test_an_order_of_many_pages_of_lines_is_whole(shopify: ShopifySimulator) -> None:
    rng = random.Random(7)
    body = made(1, START, rng)
    line = body["line_items"][0]
    body["line_items"] = [{**line, "id": FIRST_ID + at, "sku": f"S{at}"} for at in range(137)]
    ids = [each["id"] for each in body["line_items"]]
    body["refunds"] = [{"id": 5, "refund_line_items": [{"line_item_id": ident, "quantity": 1} for ident in ids[:60]]}]
    body["fulfillments"] = [{"id": 6, "status": "success", "line_items": [{"id": i, "quantity": 1} for i in ids]}]
    del body["total_line_items_price"]  # the sum of the lines that were there before
    shop = shopify.add(SHOP, access_token="token")
    shop.store.put(body)
    async with Shops(Files(), ShopifyOptions(base_url=shopify.base_url)) as shops:
        found = await OrderReader(shops.of(ACCESS)).one(str(body["id"]))

    assert found is not None
    assert kept(webhook_body(found)) == kept(body)
    assert shop.bucket.throttled == 0


async def test_parts_of_two_versions_are_never_put_together(
    shopify: ShopifySimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The order changes between its first page of lines and its second one: it is read again."""
    rng = random.Random(3)
    body = made(1, START, rng)
    body["line_items"] = [{**body["line_items"][0], "id": FIRST_ID + at} for at in range(20)]
    del body["total_line_items_price"]
    later = changed(body, START + timedelta(hours=1), rng)
    shop = shopify.add(SHOP, access_token="token")
    shop.store.put(body)
    answer = shop.answer

    def changing(said: Any, own_url: str) -> dict[str, Any]:
        answered = answer(said, own_url)
        if shop.store.body(body["id"]) is body:
            shop.store.put(later)
        return answered

    monkeypatch.setattr(type(shop), "answer", lambda _, *said: changing(*said))
    async with Shops(Files(), ShopifyOptions(base_url=shopify.base_url)) as shops:
        found = await OrderReader(shops.of(ACCESS)).one(str(body["id"]))

    assert found is not None
    assert kept(webhook_body(found)) == kept(later)


@pytest.mark.parametrize("gid", ["", "gid://shopify/Order/", "gid://shopify/Order/x", "kim@example.com"])
def test_what_is_no_id_is_refused(gid: str) -> None:
    with pytest.raises(ValueError, match="is no id of Shopify's"):
        id_of(gid)
