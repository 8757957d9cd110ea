"""Orders of one shop: whole ones in the order of creation or by their ids, their versions, and how many there are."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from streams.shopify.client import AdminClient
from streams.shopify.documents import document
from streams.shopify.errors import TooCostly
from streams.shopify.inner_pages import LINES_WITH_ORDER, whole
from streams.shopify.order_shape import order_gid
from streams.shopify.results import Counted, OneOrder, Order, Orders, OrderVersion, OrderVersions, Page, SomeOrders
from streams.shopify.throttle import Priority

# The first page tells what an order costs; those after it are as large as the bucket is good for.
FIRST_PAGE = 4
LARGEST_PAGE = 100
# Shopify's largest page; of versions it costs a point an order.
VERSIONS_A_PAGE = 250
# A query may cost 1000 points; more than this share of the bucket would leave nothing for others.
MOST_POINTS = 900.0
MOST_OF_BUCKET = 0.4


def created_since(at: datetime) -> str:
    """The search for orders created at this instant or later."""
    return f"created_at:>='{_written(at)}'"


def updated_between(at: datetime, until: datetime) -> str:
    """The search for orders changed at `at` or later, and not after `until`."""
    return f"updated_at:>='{_written(at)}' AND updated_at:<='{_written(until)}'"


def _written(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass(frozen=True, slots=True)
class OrdersPage:
    """Whole orders, and where the next page begins (None after the last)."""

    orders: tuple[Order, ...]
    cursor: str | None


@dataclass(slots=True)
class OrderReader:
    """Reads the orders of one shop. page: whole orders asked for at once, found out on the way."""

    client: AdminClient
    priority: Priority = Priority.FOREGROUND
    page: int = FIRST_PAGE

    async def count(self, query: str, limit: int | None = None) -> int:
        """How many orders there are, at most `limit` (None: all are counted)."""
        variables = {"query": query, "limit": limit}
        counted = await self.client.execute(document("orders_count"), variables, Counted, priority=self.priority)
        return counted.orders_count.count if counted.orders_count else 0

    async def created(self, query: str, after: str | None = None) -> AsyncIterator[OrdersPage]:
        """All orders of a search in the order of their creation, whole, from behind a cursor on."""
        while True:
            found = await self._page(query, after)
            orders = [await self._whole(order) for order in found.nodes]
            after = found.page_info.end_cursor if found.page_info.has_next_page else None
            yield OrdersPage(tuple(order for order in orders if order is not None), after)
            if after is None:
                return

    async def versions(self, query: str, after: str | None = None) -> AsyncIterator[tuple[OrderVersion, ...]]:
        """Which orders of a search the shop has, in the order of their last change, page by page."""
        asked = document("order_versions")
        while True:
            variables = {"query": query, "after": after, "first": VERSIONS_A_PAGE}
            found = (await self.client.execute(asked, variables, OrderVersions, priority=self.priority)).orders
            yield found.nodes
            if not found.page_info.has_next_page:
                return
            after = found.page_info.end_cursor

    async def one(self, order_id: str) -> Order | None:
        """One order by its number; None where the shop has none, or does not show it (60 days without
        `read_all_orders`)."""
        variables = {"id": order_gid(order_id), "lines": LINES_WITH_ORDER}
        found = await self.client.execute(document("order_by_id"), variables, OneOrder, priority=self.priority)
        return None if found.order is None else await self._whole(found.order)

    async def some(self, order_ids: Sequence[str]) -> AsyncIterator[tuple[Order, ...]]:
        """Those of these orders that the shop has, whole, page by page."""
        asked, left = document("orders_by_id"), list(order_ids)
        while left:
            ids = [order_gid(number) for number in left[: self.page]]
            variables = {"ids": ids, "lines": LINES_WITH_ORDER}
            try:
                found = await self.client.execute(asked, variables, SomeOrders, priority=self.priority)
            except TooCostly:
                self._smaller()
                continue
            self._learn(self.client.requested(asked, variables), len(ids))
            del left[: len(ids)]
            orders = [await self._whole(order) for order in found.nodes if order is not None]
            yield tuple(order for order in orders if order is not None)

    async def _page(self, query: str, after: str | None) -> Page[Order]:
        asked = document("orders_created")
        while True:
            variables = {"query": query, "after": after, "first": self.page, "lines": LINES_WITH_ORDER}
            try:
                found = await self.client.execute(asked, variables, Orders, priority=self.priority)
            except TooCostly:
                self._smaller()
                continue
            self._learn(self.client.requested(asked, variables), self.page)
            return found.orders

    async def _whole(self, order: Order) -> Order | None:
        return await whole(self.client, order, self.priority)

    def _smaller(self) -> None:
        if self.page == 1:
            raise TooCostly("one order costs more than a query may: nothing can be asked for less")
        self.page = max(1, self.page // 2)

    def _learn(self, cost: float | None, asked: int) -> None:
        """Ask for as many as fit into the points that one query should cost. cost: of the last one."""
        if cost:
            points = min(MOST_POINTS, MOST_OF_BUCKET * self.client.throttle.bucket.maximum)
            self.page = max(1, min(LARGEST_PAGE, int(points / (cost / asked))))
