"""The simulated shops send webhooks to who subscribed: signed, as the seed says, again while nobody takes them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from demo.shopify.admin import ShopSimulator
from demo.shopify.notifying import Faults
from demo.shopify.orders import changed, made
from demo.shopify.sending import ATTEMPTS, Sent, WebhookSender
from demo.shopify.store import ShopStore
from demo.shopify.webhooks import Change, signature
from tests.unit.callers.receiver import Answering, Received, Receiver, receiver, status

SHOP = "acme.myshopify.com"
START = datetime(2026, 11, 1, tzinfo=UTC)
CALM = Faults(lost=0, repeated=0, reordered=0)


def subscribed(uri: str, *topics: str, fields: tuple[str, ...] = ()) -> ShopSimulator:
    """A shop whose webhooks of these topics go there."""
    simulated = ShopSimulator(ShopStore(SHOP))
    simulated.store.subscriptions.update(
        {topic: {"id": topic, "topic": topic, "uri": uri, "includeFields": fields} for topic in topics}
    )
    return simulated


@asynccontextmanager
async def sending(
    answering: Answering, *topics: str, fields: tuple[str, ...] = (), faults: Faults = CALM, seed: int = 1
) -> AsyncIterator[tuple[WebhookSender, Receiver]]:
    """A receiver, and a shop that sends to it."""
    async with receiver(answering) as got:
        shop = subscribed(got.url, *(topics or ("ORDERS_CREATE", "ORDERS_UPDATED")), fields=fields)
        async with WebhookSender({SHOP: shop}, "hush", faults, seed, retry_s=0.001) as sender:
            yield sender, got


def created(number: int, **how: Any) -> Change:
    return Change(SHOP, "orders/create", made(number, START, random.Random(number)), **how)


def names(received: list[Received]) -> list[str]:
    return [orjson.loads(request.body)["name"] for request in received]


async def sent_all(sender: WebhookSender, *changes: Change) -> list[Sent]:
    sent = [each for change in changes for each in await sender.changed(change)]
    return sent + await sender.rest()


async def test_a_change_is_in_the_shop_and_its_webhook_is_signed_over_its_bytes() -> None:
    change = created(1)
    async with sending(status("200 OK")) as (sender, got):
        [sent] = await sender.changed(change)

        assert (sent.status, sent.arrival.change) == (200, change)
        [request] = got.received
        assert orjson.loads(request.body) == change.body
        assert request.headers["x-shopify-topic"] == "orders/create"
        assert request.headers["x-shopify-shop-domain"] == SHOP
        assert request.headers["x-shopify-hmac-sha256"] == signature(request.body, "hush")
        assert sender.shops[SHOP].store.bodies() == [change.body]


async def test_only_the_fields_that_were_subscribed_to_are_sent_and_nothing_to_whom_nobody_subscribed() -> None:
    async with sending(status("200 OK"), "ORDERS_CREATE", fields=("id", "name")) as (sender, got):
        await sender.changed(created(1))
        assert await sender.changed(Change(SHOP, "orders/cancelled", created(2).body)) == []

        assert [sorted(orjson.loads(request.body)) for request in got.received] == [["id", "name"]]


async def test_an_older_version_is_told_late_and_does_not_overwrite_the_shops() -> None:
    older = created(1)
    newer = changed(older.body, START + timedelta(hours=1), random.Random(1))
    async with sending(status("200 OK")) as (sender, got):
        await sent_all(sender, Change(SHOP, "orders/updated", newer), older)

        assert len(got.received) == 2
        assert sender.shops[SHOP].store.bodies() == [newer]


async def test_some_are_lost_some_come_twice_some_late_and_the_same_ones_by_the_same_seed() -> None:
    changes = [created(number) for number in range(60)]
    faults = Faults(lost=0.2, repeated=0.2, reordered=0.3, late_by=5)
    runs = []
    for seed in (3, 3, 4):
        async with sending(status("200 OK"), faults=faults, seed=seed) as (sender, got):
            sent = await sent_all(sender, *changes)
            assert len(sent) == len(got.received)
            runs.append(names(got.received))

    first, same, other = runs
    assert first == same != other
    assert 40 < len(set(first)) < 60
    assert len(first) > len(set(first))
    assert first != sorted(first, key=lambda name: int(name[1:]))


async def test_what_is_sure_comes_at_once_and_what_is_lost_never() -> None:
    everything = Faults(lost=0.9, repeated=0, reordered=1.0)
    async with sending(status("200 OK"), faults=everything) as (sender, got):
        for number in range(10):
            await sender.changed(created(number, sure=True))
        await sent_all(sender, created(10, lost=True))

        assert names(got.received) == [f"#{number}" for number in range(10)]


async def test_what_is_not_taken_is_sent_again() -> None:
    answers = iter(["503 Service Unavailable", "429 Too Many Requests", "200 OK"])

    async def answering(request: Received, writer: asyncio.StreamWriter) -> None:
        await status(next(answers))(request, writer)

    async with sending(answering) as (sender, got):
        [sent] = await sender.changed(created(1))

        assert (sent.status, len(got.received)) == (200, 3)
        assert len({request.headers["x-shopify-webhook-id"] for request in got.received}) == 1


async def test_after_eight_failures_the_subscription_is_gone() -> None:
    async with sending(status("500 Internal Server Error")) as (sender, got):
        [sent] = await sender.changed(created(1))
        assert await sender.changed(created(2)) == []

        assert (sent.status, len(got.received)) == (500, ATTEMPTS)
        assert list(sender.shops[SHOP].store.subscriptions) == ["ORDERS_UPDATED"]
