"""Fetching one order: what comes is the webhook's body; every failure is an answer that says why."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from contracts.orders import ShopifyOrder
from contracts.retailers import OrderSource, Retailer, ShopifyAccess
from demo.shopify.admin import ShopSimulator
from demo.shopify.orders import made
from demo.shopify.simulator import ShopifySimulator
from streams.agents.order_fetching import FetchedOrder, OrderFetch
from streams.callers.orders import NOT_WANTED, OrderFetcher
from streams.domain.orders import slim
from streams.engine.outbox import Call
from streams.secrets import NoSecrets, Secret, Secrets
from streams.shopify import Retries, ShopifyOptions, Shops, Timeouts
from tests.builders import HASH_KEY, retailer

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
ACCESS = ShopifyAccess(shop="acme.myshopify.com", order_source=OrderSource.ADMIN_API, secret_ref="acme/shopify")
ACME = retailer(shopify=ACCESS)
QUICK = ShopifyOptions(timeouts=Timeouts(1, 2), retries=Retries(attempts=2, pauses_s=(0.01,)))


class Files:
    """The app of the shop."""

    def get(self, ref: str) -> Secret | None:
        return Secret({"client_id": "app", "client_secret": "secret"})


@pytest.fixture
def shop(shopify: ShopifySimulator) -> ShopSimulator:
    return shopify.add("acme.myshopify.com", app=("app", "secret"))


async def fetch(
    shopify: ShopifySimulator, order_id: object, known: Retailer | None = ACME, secrets: Secrets | None = None
) -> FetchedOrder:
    options = replace(QUICK, base_url=shopify.base_url)
    wanted = OrderFetch(retailer="acme", order_id=str(order_id), order_key="acme/1")
    call = Call("order", "acme|1", 1, "id", wanted, 1, NOW, NOW + timedelta(minutes=1))
    async with Shops(secrets or Files(), options) as shops:
        return await OrderFetcher({"acme": known} if known else {}, shops)(call)


async def test_the_order_comes_as_its_webhook_has_it(shopify: ShopifySimulator, shop: ShopSimulator) -> None:
    body = made(1, NOW, random.Random(1))
    shop.store.put(body)

    answer = await fetch(shopify, body["id"])

    assert answer.error is None
    assert answer.order is not None
    found, brought = (
        slim(order, retailer="acme", shop="acme.myshopify.com", hash_key=HASH_KEY)
        for order in (answer.order, ShopifyOrder.model_validate(body))
    )
    assert found == brought


async def test_an_order_that_is_not_there_is_no_error(shopify: ShopifySimulator, shop: ShopSimulator) -> None:
    assert await fetch(shopify, 404) == FetchedOrder()


@pytest.mark.parametrize("known", [None, retailer()])
async def test_who_does_not_want_it_any_more_is_left_alone(
    shopify: ShopifySimulator, shop: ShopSimulator, known: Retailer | None
) -> None:
    assert await fetch(shopify, 1, known) == FetchedOrder(error=NOT_WANTED, final=True)
    assert shop.requests == 0


async def test_a_shop_that_fails_is_an_answer(shopify: ShopifySimulator, shop: ShopSimulator) -> None:
    shop.failing = [503] * 5

    answer = await fetch(shopify, 1)

    assert (answer.error, answer.final) == ("OrderById: HTTP 503", False)


async def test_a_shop_without_a_secret_is_an_answer(shopify: ShopifySimulator, shop: ShopSimulator) -> None:
    answer = await fetch(shopify, 1, secrets=NoSecrets())

    assert answer.error is not None
    assert "there is no secret 'acme/shopify'" in answer.error
