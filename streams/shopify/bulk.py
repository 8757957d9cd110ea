"""Orders by a bulk operation: the shop writes them into one file, for no points; what cannot stand in it is asked for.

A connection inside a list is not allowed there. So orders come with their lines, and those that have refunds or
fulfilments are asked for these afterwards, many at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import orjson

from streams.shopify.bulk_results import (
    BulkOperation,
    BulkSeen,
    BulkStarted,
    BulkStatus,
    MovedParts,
    SomeMovedParts,
)
from streams.shopify.client import AdminClient
from streams.shopify.documents import document
from streams.shopify.errors import Refused, Unreachable
from streams.shopify.inner_pages import LINES_WITH_ORDER
from streams.shopify.order_shape import id_of
from streams.shopify.orders import OrderReader
from streams.shopify.results import Order

# A bulk operation over a month of orders takes minutes.
POLL_PAUSES_S = (1.0, 2.0, 5.0, 10.0)
# Orders that are written, and asked for their moved lines, at once: some 25 points each.
BATCH = 30
_RUNNING = frozenset({BulkStatus.CREATED, BulkStatus.RUNNING})


@dataclass(frozen=True, slots=True)
class BulkReader:
    """Runs and reads bulk operations of one shop."""

    client: AdminClient
    reader: OrderReader
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def start(self, query: str) -> str:
        """Start one over the orders of this search; its id. UserErrors where another one is running."""
        text = document("bulk_orders").text.replace("FILTER", query)
        started = await self.client.execute(
            document("bulk_run"), {"query": text}, BulkStarted, priority=self.reader.priority
        )
        return started.bulk_operation_run_query.bulk_operation.id

    async def is_there(self, operation: str) -> bool:
        """Whether its result can still be had."""
        seen = await self._look(operation)
        return seen is not None and (seen.status in _RUNNING or seen.status is BulkStatus.COMPLETED)

    async def orders(self, operation: str, skip: int = 0) -> AsyncIterator[tuple[Order, ...]]:
        """Its orders, whole, a batch at a time, without the first `skip`. Refused where it failed."""
        done = await self._completed(operation)
        if done.url is None:
            return
        batch: list[dict[str, Any]] = []
        passed = 0
        async with aclosing(self.client.download(done.url)) as lines:
            async for node in _grouped(lines):
                passed += 1
                if passed <= skip:
                    continue
                batch.append(node)
                if len(batch) == BATCH:
                    yield await self._whole(batch)
                    batch = []
        if batch:
            yield await self._whole(batch)

    async def _completed(self, operation: str) -> BulkOperation:
        looks = 0
        while True:
            seen = await self._look(operation)
            if seen is None or seen.status not in _RUNNING:
                break
            await self.sleep(POLL_PAUSES_S[min(looks, len(POLL_PAUSES_S) - 1)])
            looks += 1
        if seen is None or seen.status is not BulkStatus.COMPLETED:
            why = "it is not there" if seen is None else f"{seen.status} {seen.error_code or ''}".strip()
            raise Refused(f"bulk operation {operation} brought nothing: {why}")
        return seen

    async def _look(self, operation: str) -> BulkOperation | None:
        asked = document("bulk_status")
        seen = await self.client.execute(asked, {"id": operation}, BulkSeen, priority=self.reader.priority)
        return seen.bulk_operation

    async def _whole(self, nodes: list[dict[str, Any]]) -> tuple[Order, ...]:
        moving = [node["id"] for node in nodes if node["refunds"] or node["fulfillments"]]
        parts = await self._moved(moving) if moving else {}
        orders: list[Order] = []
        changed: list[str] = []
        for node in nodes:
            found = parts.get(node["id"])
            if node["id"] not in moving:
                orders.append(Order.model_validate(node))
            elif found is not None and found.updated_at == node["updatedAt"] and found.complete:
                bare = Order.model_validate({**node, "refunds": (), "fulfillments": ()})
                orders.append(bare.model_copy(update={"refunds": found.refunds, "fulfillments": found.fulfillments}))
            else:  # it has changed since the operation saw it, or has more lines than a page
                changed.append(id_of(node["id"]))
        async for some in self.reader.some(changed):
            orders += some
        return tuple(orders)

    async def _moved(self, ids: list[str]) -> dict[str, MovedParts]:
        variables = {"ids": ids, "lines": LINES_WITH_ORDER}
        found = await self.client.execute(
            document("moved_lines"), variables, SomeMovedParts, priority=self.reader.priority
        )
        return {part.id: part for part in found.nodes if part is not None}


async def _grouped(lines: AsyncIterator[bytes]) -> AsyncIterator[dict[str, Any]]:
    """Orders with their lines: an order's children stand below it."""
    node: dict[str, Any] | None = None
    async for line in lines:
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError:
            raise Unreachable("a bulk operation's result is not JSON in lines", sent=False) from None
        parent = row.pop("__parentId", None)
        if parent is None:
            if node is not None:
                yield node
            node = {**row, "lineItems": {"pageInfo": {"hasNextPage": False}, "nodes": []}}
        elif node is None or node["id"] != parent:
            raise Unreachable("a bulk operation's result is not grouped by its orders", sent=False)
        else:
            node["lineItems"]["nodes"].append(row)
    if node is not None:
        yield node
