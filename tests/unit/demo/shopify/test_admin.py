"""The simulated Admin API: it refuses what Shopify refuses, and charges for what it does."""

from __future__ import annotations

import random
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from demo.shopify import bulk
from demo.shopify.admin import ShopSimulator
from demo.shopify.bucket import PointBucket
from demo.shopify.execution import Selected
from demo.shopify.notifying import Faults, deliveries
from demo.shopify.orders import changed, made
from demo.shopify.store import ShopStore
from demo.shopify.webhooks import signature
from streams.shopify.documents import document
from tests.waiting import wait_until

START = datetime(2026, 11, 1, tzinfo=UTC)


class Clock:
    """Moved by hand."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def shop(orders: int = 0, **options: Any) -> ShopSimulator:
    simulated = ShopSimulator(ShopStore("acme.myshopify.com"), **options)
    rng = random.Random(1)
    for number in range(orders):
        simulated.store.put(made(number, START + timedelta(minutes=number), rng))
    return simulated


def ask(simulated: ShopSimulator, name: str, **variables: Any) -> dict[str, Any]:
    asked = document(name)
    said = {"query": asked.text, "operationName": asked.name, "variables": variables}
    return simulated.answer(said, "http://127.0.0.1:1/acme.myshopify.com")


def test_a_field_that_the_schema_does_not_have_is_refused() -> None:
    answer = shop().answer({"query": "{ orders(first: 1) { nodes { paid } } }"}, "")

    assert "Cannot query field 'paid' on type 'Order'" in answer["errors"][0]["message"]


def test_a_search_that_is_not_simulated_is_refused() -> None:
    assert "not simulated" in ask(shop(), "orders_count", query="tag:vip")["errors"][0]["message"]


def test_points_are_charged_as_asked_and_given_back_as_not_used() -> None:
    clock = Clock()
    simulated = shop(3, bucket=PointBucket(maximum=1000, restore_rate=10, clock=clock))

    cost = ask(simulated, "orders_created", query="", first=5, lines=5)["extensions"]["cost"]
    assert cost["requestedQueryCost"] > cost["actualQueryCost"] > 3
    assert cost["throttleStatus"]["currentlyAvailable"] == 1000 - cost["actualQueryCost"]
    assert simulated.bucket.spent == cost["actualQueryCost"]

    simulated.bucket.charge(1000 - cost["actualQueryCost"])
    throttled = ask(simulated, "orders_count", query="")
    assert throttled["errors"][0]["extensions"]["code"] == "THROTTLED"
    assert throttled["extensions"]["cost"]["actualQueryCost"] is None
    clock.now += 1
    assert "errors" not in ask(simulated, "orders_count", query="")


def test_a_query_of_more_than_a_thousand_points_is_refused() -> None:
    answer = ask(shop(), "orders_created", query="", first=100, lines=5)

    assert answer["errors"][0]["extensions"]["code"] == "MAX_COST_EXCEEDED"


def test_pages_hold_every_order_in_its_order_and_one_that_changed_meanwhile_again() -> None:
    simulated = shop(30)
    rng = random.Random(2)
    seen: list[str] = []
    after, more = None, True
    while more:
        answer = ask(simulated, "order_versions", query="updated_at:>='2026-11-01T00:05:00Z'", first=7, after=after)
        page = answer["data"]["orders"]
        seen += [node["updatedAt"] for node in page["nodes"]]
        after, more = page["pageInfo"]["endCursor"], page["pageInfo"]["hasNextPage"]
        if len(seen) == 7:
            simulated.store.put(changed(simulated.store.bodies()[8], START + timedelta(days=2), rng))

    assert seen == sorted(seen)
    assert len(seen) == len(set(seen)) == 25 + 1


def test_a_bulk_operation_runs_completes_and_holds_parents_before_children() -> None:
    simulated = shop(4)
    query = document("bulk_orders").text.replace("FILTER", "created_at:>='2026-11-01T00:01:00Z'")

    started = ask(simulated, "bulk_run", query=query)["data"]["bulkOperationRunQuery"]
    ident = started["bulkOperation"]["id"]
    states = [ask(simulated, "bulk_status", id=ident)["data"]["bulkOperation"]["status"] for _ in range(3)]
    assert (started["userErrors"], states) == ([], ["RUNNING", "COMPLETED", "COMPLETED"])
    rows = [orjson.loads(line) for line in simulated.bulks[ident].lines]
    parents = [row["id"] for row in rows if "__parentId" not in row]
    assert len(parents) == 3
    for at, row in enumerate(rows):
        if "__parentId" in row:
            assert row["__parentId"] in [before["id"] for before in rows[:at]]


def test_nobody_waits_for_a_bulk_operation_but_by_looking(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes half a minute for 50,000 orders; no call to a shop may."""
    may, carried_out = threading.Event(), bulk.lines

    def when_it_may(store: ShopStore, root: Selected) -> list[bytes]:
        may.wait(10)
        return carried_out(store, root)

    monkeypatch.setattr(bulk, "lines", when_it_may)
    simulated = shop(4)
    query = document("bulk_orders").text.replace("FILTER", "")
    ident = ask(simulated, "bulk_run", query=query)["data"]["bulkOperationRunQuery"]["bulkOperation"]["id"]

    def status() -> str:
        return str(ask(simulated, "bulk_status", id=ident)["data"]["bulkOperation"]["status"])

    assert [status() for _ in range(3)] == ["RUNNING"] * 3
    may.set()
    wait_until(lambda: status() == "COMPLETED", "the operation has ended")
    assert sum(b"__parentId" not in line for line in simulated.bulks[ident].lines) == 4


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("{ orders { edges { node { refunds { refundLineItems { edges { node { id } } } } } } } }", "Cannot query"),
        ("{ orders { edges { node { refunds { refundLineItems { nodes { quantity } } } } } } }", "inside a list"),
        ("{ orders { nodes { id } } }", "ask orders for its edges"),
        ("{ ordersCount { count } }", "only one query over orders"),
    ],
)
def test_what_may_not_run_in_bulk_is_refused(query: str, why: str) -> None:
    answer = ask(shop(1), "bulk_run", query=query)["data"]["bulkOperationRunQuery"]

    assert why in answer["userErrors"][0]["message"]


def test_a_granted_token_expires() -> None:
    clock = Clock()
    simulated = shop(app=("id", "secret"), token_life_s=60, clock=clock)
    asked = {"client_id": "id", "client_secret": "secret", "grant_type": "client_credentials"}

    status, body = simulated.grant(asked)
    assert (status, simulated.admits(body["access_token"])) == (200, True)
    assert simulated.grant({**asked, "client_secret": "other"})[0] == 400
    clock.now = 60
    assert not simulated.admits(body["access_token"])


def test_webhook_subscriptions_are_stored_once_an_address() -> None:
    simulated = shop()
    wanted = {"topic": "ORDERS_UPDATED", "subscription": {"uri": "https://a.example/hook", "format": "JSON"}}

    created = ask(simulated, "webhook_create", **wanted)["data"]["webhookSubscriptionCreate"]["webhookSubscription"]
    again = ask(simulated, "webhook_create", **wanted)["data"]["webhookSubscriptionCreate"]
    assert again["userErrors"][0]["field"] == ["webhookSubscription", "uri"]
    moved = {"id": created["id"], "subscription": {"uri": "https://b.example/hook"}}
    assert ask(simulated, "webhook_update", **moved)["data"]["webhookSubscriptionUpdate"]["userErrors"] == []
    [listed] = ask(simulated, "webhooks", first=10)["data"]["webhookSubscriptions"]["nodes"]
    assert (listed["uri"], listed["topic"], listed["format"]) == ("https://b.example/hook", "ORDERS_UPDATED", "JSON")
    assert "errors" not in ask(simulated, "webhook_delete", id=created["id"])
    assert simulated.store.subscriptions == {}


def test_webhooks_are_lost_repeated_and_late_by_a_seed_and_signed() -> None:
    rng = random.Random(5)
    changes = [("orders/updated", made(number, START, rng)) for number in range(400)]

    arriving = deliveries(changes, shop="acme.myshopify.com", secret="s", seed=3)
    same = deliveries(changes, shop="acme.myshopify.com", secret="s", seed=3)

    assert [each.raw for each in arriving] == [each.raw for each in same]
    numbers = [orjson.loads(each.raw)["name"] for each in arriving]
    lost, repeated = 400 - len(set(numbers)), len(numbers) - len(set(numbers))
    assert 20 < lost < 60
    assert 20 < repeated < 60
    assert numbers != sorted(numbers, key=lambda name: int(name[1:]))
    assert all(each.headers["x-shopify-hmac-sha256"] == signature(each.raw, "s") for each in arriving)
    calm = deliveries(changes, shop="acme.myshopify.com", secret="s", seed=3, faults=Faults(0, 0, 0))
    assert [orjson.loads(each.raw) for each in calm] == [body for _, body in changes]
