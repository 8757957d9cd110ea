"""The client against a server that answers as it is told: what is repeated, what is not, what each answer means."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from contracts.retailers import ShopifyAccess
from streams.secrets import Secret
from streams.shopify import (
    AccessDenied,
    AdminClient,
    BadDocument,
    NotConfigured,
    Refused,
    Retries,
    ShopifyError,
    ShopifyOptions,
    Shops,
    Throttled,
    Timeouts,
    TooCostly,
    Unreachable,
    UserError,
    UserErrors,
    document,
)
from streams.shopify.results import Counted, WebhookDeleted
from tests.unit.callers.receiver import Answering, Received, Receiver, receiver, status

COUNT, DELETE = document("orders_count"), document("webhook_delete")
COST = {
    "cost": {
        "requestedQueryCost": 10,
        "actualQueryCost": 4,
        "throttleStatus": {"maximumAvailable": 2000.0, "currentlyAvailable": 1996, "restoreRate": 100.0},
    }
}
COUNTED = {"data": {"ordersCount": {"count": 3, "precision": "EXACT"}}, "extensions": COST}
QUICK = ShopifyOptions(timeouts=Timeouts(1, 1), retries=Retries(attempts=3, pauses_s=(0.01,), throttled=3))


class Files:
    """One secret of both kinds."""

    def __init__(self, **fields: Any) -> None:
        self.fields = fields or {"access_token": "shpat_secret"}

    def get(self, ref: str) -> Secret | None:
        return Secret(self.fields)


def answer(body: Any, line: str = "200 OK", *headers: str) -> Answering:
    return status(line, *headers, body=json.dumps(body).encode())


def in_turn(*answers: Answering) -> Answering:
    """Answers one request each, the last one all that follow."""
    left = list(answers)

    async def next_one(request: Received, writer: asyncio.StreamWriter) -> None:
        await (left.pop(0) if len(left) > 1 else left[0])(request, writer)

    return next_one


async def closing(_: Received, writer: asyncio.StreamWriter) -> None:
    writer.close()


@asynccontextmanager
async def shop(*answers: Answering, files: Files | None = None) -> AsyncIterator[tuple[AdminClient, Receiver]]:
    async with receiver(in_turn(*answers)) as it:
        options = replace(QUICK, base_url=f"http://127.0.0.1:{it.port}/{{shop}}")
        async with Shops(files or Files(), options) as shops:
            yield shops.of(ShopifyAccess(shop="acme.myshopify.com", secret_ref="acme/shopify")), it


async def count(client: AdminClient) -> int:
    counted = await client.execute(COUNT, {"query": "created_at:>=2026", "limit": None}, Counted)
    assert counted.orders_count is not None
    return counted.orders_count.count


async def delete(client: AdminClient, repeatable: bool | None = None) -> str:
    done = await client.execute(DELETE, {"id": "gid://1"}, WebhookDeleted, repeatable=repeatable)
    return done.webhook_subscription_delete.deleted_webhook_subscription_id


async def test_a_document_goes_to_the_shop_and_its_answer_comes_back_typed() -> None:
    async with shop(answer(COUNTED)) as (client, it):
        assert await count(client) == 3
        [request] = it.received

    assert request.line == "POST /acme.myshopify.com/admin/api/2026-10/graphql.json HTTP/1.1"
    assert request.headers["x-shopify-access-token"] == "shpat_secret"
    sent = json.loads(request.body)
    assert (sent["operationName"], sent["variables"]["limit"]) == ("OrdersCount", None)
    assert sent["query"] == COUNT.text
    assert (client.throttle.spent, client.throttle.bucket.maximum) == (4, 2000)


async def test_one_connection_serves_call_after_call() -> None:
    async with shop(answer(COUNTED)) as (client, it):
        for _ in range(3):
            await count(client)

    assert len({request.connection for request in it.received}) == 1


@pytest.mark.parametrize(
    "trouble",
    [
        answer({}, "503 Service Unavailable"),
        answer({"errors": [{"message": "x", "extensions": {"code": "INTERNAL_SERVER_ERROR"}}]}),
        status("200 OK", body=b"<html>"),
        closing,
    ],
)
async def test_a_query_is_repeated_and_a_mutation_is_not(trouble: Answering) -> None:
    deleted = answer({"data": {"webhookSubscriptionDelete": {"deletedWebhookSubscriptionId": "gid://1"}}})
    async with shop(trouble, answer(COUNTED)) as (client, it):
        assert await count(client) == 3
        assert len(it.received) == 2
    async with shop(trouble, deleted) as (client, it):
        with pytest.raises(Unreachable) as raised:
            await delete(client)
        assert raised.value.sent, "it may have been carried out"
        assert len(it.received) == 1
    async with shop(trouble, deleted) as (client, it):
        assert await delete(client, repeatable=True) == "gid://1"


async def test_what_never_left_is_known_not_to_have_been_carried_out() -> None:
    async with shop(answer(COUNTED)) as (client, _):
        client.base = "http://127.0.0.1:1"
        with pytest.raises(Unreachable) as raised:
            await delete(client)

    assert not raised.value.sent


async def test_repeats_end() -> None:
    async with shop(answer({}, "502 Bad Gateway")) as (client, it):
        with pytest.raises(Unreachable, match="OrdersCount: HTTP 502"):
            await count(client)

    assert len(it.received) == QUICK.retries.attempts


async def test_a_shop_that_says_nothing_is_given_up_in_time() -> None:
    async def silent(_: Received, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    async with shop(silent) as (client, _):
        client.timeouts = Timeouts(1, 0.05)
        with pytest.raises(Unreachable, match="no answer within"):
            await delete(client)


THROTTLED = {
    "errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}],
    "extensions": {
        "cost": {
            "requestedQueryCost": 10,
            "actualQueryCost": None,
            "throttleStatus": {"maximumAvailable": 2000.0, "currentlyAvailable": 5, "restoreRate": 1000.0},
        }
    },
}


@pytest.mark.parametrize(
    "throttled", [answer(THROTTLED), answer({"errors": "Exceeded"}, "429 Too Many Requests", "retry-after: 0.01")]
)
async def test_a_throttled_call_waits_and_goes_on_even_a_mutation(throttled: Answering) -> None:
    deleted = answer({"data": {"webhookSubscriptionDelete": {"deletedWebhookSubscriptionId": "gid://1"}}})
    async with shop(throttled, deleted) as (client, it):
        assert await delete(client) == "gid://1"
        assert (len(it.received), client.throttle.throttled) == (2, 1)
    async with shop(throttled) as (client, it):
        with pytest.raises(Throttled):
            await count(client)
        assert len(it.received) == 1 + QUICK.retries.throttled


@pytest.mark.parametrize(
    ("said", "kind", "told"),
    [
        (answer({}, "402 Payment Required"), Refused, "HTTP 402: the shop is frozen"),
        (answer({}, "404 Not Found"), Refused, "no such shop"),
        (answer({}, "302 Found", "location: https://elsewhere.example"), Refused, "HTTP 302"),
        (answer({"errors": [{"extensions": {"code": "MAX_COST_EXCEEDED"}}]}), TooCostly, "MAX_COST_EXCEEDED"),
        (
            answer({"errors": [{"path": ["order", "email"], "extensions": {"code": "ACCESS_DENIED"}}]}),
            AccessDenied,
            "at order.email",
        ),
        (answer({"errors": [{"message": "Field 'kim@example.com' doesn't exist"}]}), BadDocument, "not valid"),
    ],
)
async def test_what_the_shop_refuses_is_not_repeated(said: Answering, kind: type[ShopifyError], told: str) -> None:
    async with shop(said) as (client, it):
        with pytest.raises(kind, match=told) as raised:
            await count(client)

    assert "kim@example.com" not in str(raised.value)
    assert len(it.received) == 1


async def test_a_mutation_that_refuses_its_input_says_why() -> None:
    refused = {
        "webhookSubscriptionDelete": {
            "deletedWebhookSubscriptionId": None,
            "userErrors": [{"field": ["id"], "message": "Webhook subscription does not exist"}],
        }
    }
    async with shop(answer({"data": refused})) as (client, _):
        with pytest.raises(UserErrors, match="id: Webhook subscription does not exist") as raised:
            await delete(client)

    assert raised.value.errors == (UserError("Webhook subscription does not exist", "id"),)


async def test_an_expired_token_is_renewed_once_and_the_call_repeated() -> None:
    granted = [answer({"access_token": f"granted-{number}", "expires_in": 86_399}) for number in (1, 2)]
    answers = (granted[0], answer({}, "401 Unauthorized"), granted[1], answer(COUNTED))
    async with shop(*answers, files=Files(client_id="app", client_secret="secret")) as (client, it):
        assert await count(client) == 3

    grants = [json.loads(r.body) for r in it.received if "/admin/oauth/access_token" in r.line]
    assert grants == [{"client_id": "app", "client_secret": "secret", "grant_type": "client_credentials"}] * 2
    tokens = [r.headers.get("x-shopify-access-token") for r in it.received]
    assert tokens == [None, "granted-1", None, "granted-2"]


@pytest.mark.parametrize("files", [Files(), Files(client_id="app", client_secret="secret")])
async def test_a_token_that_is_refused_for_good_is_told(files: Files) -> None:
    async def refusing(request: Received, writer: asyncio.StreamWriter) -> None:
        granting = "oauth" in request.line
        await (answer({"access_token": "t", "expires_in": 9}) if granting else answer({}, "401 No"))(request, writer)

    async with shop(refusing, files=files) as (client, it):
        with pytest.raises(AccessDenied, match="put a valid one into its secret"):
            await count(client)

    assert len(it.received) <= 4


async def test_a_client_that_may_have_no_token_is_told_what_to_check() -> None:
    async with shop(answer({}, "400 Bad Request"), files=Files(client_id="a", client_secret="b")) as (client, _):
        with pytest.raises(AccessDenied, match="check client_id and client_secret"):
            await count(client)


async def test_users_of_one_shop_share_its_client() -> None:
    async with Shops(Files(), QUICK) as shops:
        one = shops.of(ShopifyAccess(shop="ACME.myshopify.com", secret_ref="acme/shopify"))
        same = shops.of(ShopifyAccess(shop="acme.myshopify.com", secret_ref="acme/shopify"))
        moved = shops.of(ShopifyAccess(shop="acme.myshopify.com", secret_ref="acme/other"))

        assert one is same
        assert one is not moved
        assert one.throttle is moved.throttle
        assert one.base == "https://acme.myshopify.com"
        assert "shpat" not in repr(one)


@pytest.mark.parametrize("name", ["acme.myshopify.com/evil", "user@evil.example", "acme", "", "a b.com", "1.2.3.4:80"])
async def test_only_a_host_is_called(name: str) -> None:
    async with Shops(Files(), QUICK) as shops:
        with pytest.raises(NotConfigured, match="is no host name"):
            shops.of(ShopifyAccess(shop=name))
