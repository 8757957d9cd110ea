"""The simulated Admin API: documents carried out against a shop's store, paid for from its bucket. ASGI, many shops.

POST /<shop>/admin/api/<version>/graphql.json   POST /<shop>/admin/oauth/access_token   GET /<shop>/bulk/<number>.jsonl
"""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import orjson
from graphql import GraphQLError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from demo.shopify import bulk
from demo.shopify.bucket import PointBucket
from demo.shopify.execution import MUTATION_POINTS, Arguments, Compiled, Pages, Walker, compiled, requested
from demo.shopify.nodes import gid, order_node
from demo.shopify.store import BadSearch, ShopStore

# What one query may cost, on every plan.
MOST_POINTS_A_QUERY = 1000
TOKEN_LIFE_S = 86_399


@dataclass(slots=True)
class ShopSimulator:
    """One shop. access_token: a lasting one. app: id and secret for the client credentials grant.

    failing: statuses that the next requests get instead of an answer. latency_s: what each answer takes at least.
    """

    store: ShopStore
    bucket: PointBucket = field(default_factory=PointBucket)
    access_token: str | None = None
    app: tuple[str, str] | None = None
    token_life_s: float = TOKEN_LIFE_S
    api_version: str = "2026-10"
    clock: Callable[[], float] = time.monotonic
    latency_s: float = 0.0
    failing: list[int] = field(default_factory=list)
    requests: int = 0
    granted: dict[str, float] = field(default_factory=dict, repr=False)
    bulks: dict[str, bulk.Operation] = field(default_factory=dict)
    _numbers: Any = field(default_factory=lambda: count(1))
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def grant(self, body: Any) -> tuple[int, dict[str, Any]]:
        """The token endpoint's answer."""
        asked = (body.get("client_id"), body.get("client_secret")) if isinstance(body, dict) else None
        if self.app is None or asked != self.app or body.get("grant_type") != "client_credentials":
            return 400, {"error": "invalid_client"}
        token = f"shpat_{secrets.token_hex(16)}"
        self.granted[token] = self.clock() + self.token_life_s
        return 200, {"access_token": token, "scope": "read_orders,write_orders", "expires_in": int(self.token_life_s)}

    def admits(self, token: str) -> bool:
        """Whether this token is valid now."""
        return token == self.access_token or self.clock() < self.granted.get(token, 0)

    def answer(self, said: Any, own_url: str) -> dict[str, Any]:
        """The answer to one document. own_url: where this shop is reached, for bulk results."""
        try:
            document = compiled(said["query"], said.get("operationName"))
            walker = Walker(document.variables(said.get("variables") or {}))
        except GraphQLError as error:
            return {"errors": [{"message": error.message}]}
        most = max(1, requested(document.fields, walker)) + (MUTATION_POINTS if document.mutation else 0)
        cost = {"requestedQueryCost": most, "actualQueryCost": None}
        if most > MOST_POINTS_A_QUERY:
            return self._refused("MAX_COST_EXCEEDED", cost)
        if not self.bucket.charge(most):
            return self._refused("THROTTLED", cost)
        try:
            data = self._carry_out(document, walker, own_url)
        except BadSearch as error:
            self.bucket.refund(most)
            return {"errors": [{"message": str(error)}]}
        actual = min(most, max(1, walker.points + (MUTATION_POINTS if document.mutation else 0)))
        self.bucket.refund(most - actual)
        cost["actualQueryCost"] = actual
        return {"data": data, "extensions": self._extensions(cost)}

    def _refused(self, code: str, cost: Mapping[str, Any]) -> dict[str, Any]:
        errors = [{"message": code.capitalize(), "extensions": {"code": code}}]
        return {"errors": errors, "extensions": self._extensions(cost)}

    def _extensions(self, cost: Mapping[str, Any]) -> dict[str, Any]:
        return {"cost": {**cost, "throttleStatus": self.bucket.status()}}

    def _carry_out(self, document: Compiled, walker: Walker, own_url: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for selected in document.fields:
            resolve = getattr(self, f"_{selected.name}", None)
            if resolve is None:
                raise BadSearch(f"{selected.name} is not simulated")
            value = resolve(walker.arguments(selected), own_url)
            found[selected.key] = walker.project(value, selected)
        return found

    def _orders(self, asked: Arguments, _: str) -> Pages:
        first = asked.get("first") or 50
        page = self.store.page(
            asked.get("query") or "", asked.get("sortKey") or "CREATED_AT", asked.get("after"), first
        )
        bodies, cursors, more = page
        return Pages([order_node(body) for body in bodies], cursors, more)

    def _ordersCount(self, asked: Arguments, _: str) -> dict[str, Any]:
        found, limit = self.store.count(asked.get("query") or ""), asked.get("limit")
        if limit is not None and found > limit:
            return {"count": limit, "precision": "AT_LEAST"}
        return {"count": found, "precision": "EXACT"}

    def _order(self, asked: Arguments, _: str) -> dict[str, Any] | None:
        return self.store.node(asked["id"])

    _refund = _fulfillment = _order

    def _nodes(self, asked: Arguments, _: str) -> list[dict[str, Any] | None]:
        return [self.store.node(ident) for ident in asked["ids"]]

    def _bulkOperationRunQuery(self, asked: Arguments, own_url: str) -> dict[str, Any]:
        with self._lock:
            ident = gid("BulkOperation", next(self._numbers))
        try:
            operation = bulk.Operation.started(ident, self.store, asked["query"], own_url)
        except (bulk.NotAllowed, GraphQLError) as error:
            problem = {"code": "INVALID", "field": ["query"], "message": str(error)}
            return {"bulkOperation": None, "userErrors": [problem]}
        self.bulks[ident] = operation
        return {"bulkOperation": operation.node(), "userErrors": []}

    def _bulkOperation(self, asked: Arguments, _: str) -> dict[str, Any] | None:
        operation = self.bulks.get(asked["id"])
        return None if operation is None else operation.seen()

    def _webhookSubscriptions(self, asked: Arguments, _: str) -> list[dict[str, Any]]:
        return list(self.store.subscriptions.values())

    def _webhookSubscriptionCreate(self, asked: Arguments, _: str) -> dict[str, Any]:
        wanted = asked["webhookSubscription"]
        same = [
            s for s in self.store.subscriptions.values() if (s["topic"], s["uri"]) == (asked["topic"], wanted["uri"])
        ]
        if same:
            return _invalid(["webhookSubscription", "uri"], "Address for this topic has already been taken")
        with self._lock:
            ident = gid("WebhookSubscription", next(self._numbers))
        self.store.subscriptions[ident] = {
            "__typename": "WebhookSubscription",
            "id": ident,
            "topic": asked["topic"],
            "apiVersion": {"handle": self.api_version},
            **_subscribed(wanted),
        }
        return {"webhookSubscription": self.store.subscriptions[ident], "userErrors": []}

    def _webhookSubscriptionUpdate(self, asked: Arguments, _: str) -> dict[str, Any]:
        known = self.store.subscriptions.get(asked["id"])
        if known is None:
            return _invalid(["id"], "Webhook subscription does not exist")
        known.update(_subscribed({**known, **asked["webhookSubscription"]}))
        return {"webhookSubscription": known, "userErrors": []}

    def _webhookSubscriptionDelete(self, asked: Arguments, _: str) -> dict[str, Any]:
        if self.store.subscriptions.pop(asked["id"], None) is None:
            return _invalid(["id"], "Webhook subscription does not exist")
        return {"deletedWebhookSubscriptionId": asked["id"], "userErrors": []}


def _invalid(path: list[str], message: str) -> dict[str, Any]:
    return {"webhookSubscription": None, "userErrors": [{"field": path, "message": message}]}


def _subscribed(wanted: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "uri": wanted["uri"],
        "format": wanted.get("format") or "JSON",
        "name": wanted.get("name"),
        "filter": wanted.get("filter"),
        "includeFields": list(wanted.get("includeFields") or ()),
    }


def app_of(shops: Mapping[str, ShopSimulator]) -> Starlette:
    """All shops behind one port, each under its domain. A shop that is added later is there too."""

    def shop_of(request: Request) -> ShopSimulator | None:
        return shops.get(request.path_params["shop"])

    async def graphql(request: Request) -> Response:
        shop = shop_of(request)
        if shop is None or request.path_params["version"] != shop.api_version:
            return Response(status_code=404)
        shop.requests += 1
        if shop.latency_s:
            await asyncio.sleep(shop.latency_s)
        if shop.failing:
            return Response(status_code=shop.failing.pop(0), headers={"retry-after": "0.1"})
        if not shop.admits(request.headers.get("x-shopify-access-token", "")):
            return _json(401, {"errors": "[API] Invalid API key or access token"})
        own_url = f"http://{request.headers['host']}/{request.path_params['shop']}"
        return _json(200, shop.answer(orjson.loads(await request.body()), own_url))

    async def token(request: Request) -> Response:
        shop = shop_of(request)
        return Response(status_code=404) if shop is None else _json(*shop.grant(orjson.loads(await request.body())))

    async def results(request: Request) -> Response:
        shop = shop_of(request)
        operation = None if shop is None else shop.bulks.get(gid("BulkOperation", request.path_params["number"]))
        if operation is None:
            return Response(status_code=404)
        return Response(b"\n".join(operation.lines) + b"\n", media_type="application/jsonl")

    return Starlette(
        routes=[
            Route("/{shop}/admin/api/{version}/graphql.json", graphql, methods=["POST"]),
            Route("/{shop}/admin/oauth/access_token", token, methods=["POST"]),
            Route("/{shop}/bulk/{number}.jsonl", results, methods=["GET"]),
        ]
    )


def _json(status: int, body: Mapping[str, Any]) -> Response:
    return Response(orjson.dumps(body), status, media_type="application/json")
