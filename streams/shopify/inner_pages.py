"""The rest of an order that has more lines than come with it, and of its refunds and fulfilments."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from streams.shopify.client import AdminClient
from streams.shopify.documents import document
from streams.shopify.errors import Unreachable
from streams.shopify.results import (
    Line,
    LinesOfFulfillment,
    LinesOfOrder,
    LinesOfRefund,
    MovedLine,
    OneOrder,
    Order,
    Page,
    PageInfo,
)
from streams.shopify.throttle import Priority

N = TypeVar("N", Line, MovedLine)

# Nine of ten orders have no more lines than these; each line that is asked for costs some 13 points, there or not.
LINES_WITH_ORDER = 5
# The next lines of a longer one: 50 of them stay below the 1000 points that a query may cost.
LINES_A_PAGE = 50
# An order that changes while its inner pages are read is read again, so often.
READ_AGAIN = 3


async def whole(client: AdminClient, order: Order, priority: Priority) -> Order | None:
    """The same order with all its inner pages; None where it is gone meanwhile."""
    for _ in range(READ_AGAIN):
        try:
            return await _Rest(client, priority, order.updated_at).of(order)
        except _AnotherVersion:
            pass
        variables = {"id": order.id, "lines": LINES_WITH_ORDER}
        again = await client.execute(document("order_by_id"), variables, OneOrder, priority=priority)
        if again.order is None:
            return None
        order = again.order
    raise Unreachable("an order changes faster than its lines can be read: later it will not", sent=False)


class _AnotherVersion(Exception):
    """The page belongs to another version: parts of two versions are no order."""


@dataclass(frozen=True, slots=True)
class _Rest:
    """Reads on where first pages end. version: `updatedAt` of the order that they came with."""

    client: AdminClient
    priority: Priority
    version: str

    async def of(self, order: Order) -> Order:
        changes: dict[str, Any] = {"line_items": await self._all(order.line_items, order.id, self._lines)}
        changes["refunds"] = [
            r.model_copy(update={"refund_line_items": await self._all(r.refund_line_items, r.id, self._refunded)})
            for r in order.refunds
        ]
        changes["fulfillments"] = [
            f.model_copy(update={"fulfillment_line_items": await self._all(f.fulfillment_line_items, f.id, self._sent)})
            for f in order.fulfillments
        ]
        return order.model_copy(update=changes)

    async def _all(
        self, first: Page[N], owner: str, read: Callable[[dict[str, Any]], Awaitable[tuple[str, Page[N]] | None]]
    ) -> Page[N]:
        nodes, info = list(first.nodes), first.page_info
        while info.has_next_page:
            found = await read({"id": owner, "after": info.end_cursor, "first": LINES_A_PAGE})
            if found is None or found[0] != self.version:
                raise _AnotherVersion
            nodes += found[1].nodes
            info = found[1].page_info
        return first.model_copy(update={"nodes": tuple(nodes), "page_info": PageInfo(has_next_page=False)})

    async def _lines(self, variables: dict[str, Any]) -> tuple[str, Page[Line]] | None:
        asked = document("order_lines")
        found = (await self.client.execute(asked, variables, LinesOfOrder, priority=self.priority)).order
        return None if found is None else (found.updated_at, found.line_items)

    async def _refunded(self, variables: dict[str, Any]) -> tuple[str, Page[MovedLine]] | None:
        asked = document("refund_lines")
        found = (await self.client.execute(asked, variables, LinesOfRefund, priority=self.priority)).refund
        return None if found is None else (found.order.updated_at, found.refund_line_items)

    async def _sent(self, variables: dict[str, Any]) -> tuple[str, Page[MovedLine]] | None:
        asked = document("fulfillment_lines")
        found = (await self.client.execute(asked, variables, LinesOfFulfillment, priority=self.priority)).fulfillment
        return None if found is None else (found.order.updated_at, found.fulfillment_line_items)
