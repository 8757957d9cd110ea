"""The first import of a retailer's orders: page by page in the order of creation, each page written before its cursor.

Whoever starts it again goes on behind the last page that was written. Beside live webhooks it does no harm: of two
versions of an order the newer one stays, whatever comes last.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from contracts.envelope import Envelope
from contracts.imports import OrderImport, OrderReconciliation
from contracts.keys import fact_id, import_key, reconciliation_key
from contracts.model import Model
from contracts.retailers import Retailer
from contracts.topics import ORDER_CURSORS
from producers.messages import Message, event
from producers.order_records import record_of
from producers.patience import publish_patiently
from producers.publisher import Publishes
from streams.shopify.bulk import BulkReader
from streams.shopify.client import AdminClient
from streams.shopify.options import BULK_ABOVE
from streams.shopify.orders import OrderReader, OrdersPage, created_since
from streams.shopify.throttle import Priority

DEFAULT_DAYS = 30
# Shopify shows an app no more than that, unless it has the scope read_all_orders.
READABLE_DAYS = 60

Told = Callable[[OrderImport], None]


@dataclass(frozen=True, slots=True)
class OrdersImport:
    """Imports one retailer's orders. told: hears of every step. bulk_above: orders from which on a bulk operation runs.

    now: UTC.
    """

    retailer: Retailer
    client: AdminClient
    publisher: Publishes
    told: Told = lambda _: None
    bulk_above: int = BULK_ABOVE
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    async def run(
        self, known: OrderImport | None, days: int = DEFAULT_DAYS, *, bulk: bool | None = None
    ) -> OrderImport:
        """Import the orders of the last `days`, or go on with `known` where that is not finished. Errors of
        streams.shopify, and Unavailable.

        bulk: whether by a bulk operation; by default when there are many orders.
        """
        if known is None or known.finished_at is not None:
            known = await self._begin(days)
        self.told(known)
        reader = OrderReader(self.client, Priority.BACKGROUND)
        in_bulk = known.bulk is not None or (bulk if bulk is not None else (known.total or 0) > self.bulk_above)
        if in_bulk and known.cursor is None:
            return await self._in_bulk(known, BulkReader(self.client, reader))
        return await self._write_all(known, reader.created(created_since(known.since), known.cursor))

    async def _begin(self, days: int) -> OrderImport:
        now = self.now()
        since = now - timedelta(days=days)
        total = await OrderReader(self.client, Priority.BACKGROUND).count(created_since(since))
        started = OrderImport(retailer=self.retailer.id, since=since, started_at=now, total=total)
        await self._note(started)
        return started

    async def _write_all(self, at: OrderImport, pages: AsyncIterator[OrdersPage]) -> OrderImport:
        async for page in pages:
            await self._write(page)
            finished = self.now() if page.cursor is None else None
            imported = at.imported + len(page.orders)
            at = at.model_copy(update={"imported": imported, "cursor": page.cursor, "finished_at": finished})
            await self._note(at)
            self.told(at)
        return at

    async def _in_bulk(self, at: OrderImport, reader: BulkReader) -> OrderImport:
        """The cursor of a bulk operation is how many of its orders were written."""
        if at.bulk is None or not await reader.is_there(at.bulk):
            at = at.model_copy(update={"bulk": await reader.start(created_since(at.since)), "imported": 0})
            await self._note(at)
        assert at.bulk is not None  # noqa: S101 - it has been set above
        async for orders in reader.orders(at.bulk, skip=at.imported):
            await self._write(OrdersPage(orders, None))
            at = at.model_copy(update={"imported": at.imported + len(orders)})
            await self._note(at)
            self.told(at)
        at = at.model_copy(update={"finished_at": self.now()})
        await self._note(at)
        self.told(at)
        return at

    async def _write(self, page: OrdersPage) -> None:
        records = (record_of(order, self.retailer, "import") for order in page.orders)
        await publish_patiently(self.publisher, [record for record in records if record is not None])

    async def _note(self, at: OrderImport) -> None:
        await publish_patiently(self.publisher, [cursor_record(import_key(at.retailer), at, self.now())])


def cursor_record(key: str, value: OrderImport | OrderReconciliation, now: datetime) -> Message:
    """The row that says how far something is."""
    model: type[Model] = type(value)
    envelope = Envelope(
        id=fact_id("order-cursors", key, now.isoformat()),
        source="returnstreams/orders",
        type=ORDER_CURSORS.event_for(model).type,
        time=now,
        subject=key,
    )
    return event(ORDER_CURSORS, key, value.to_json(), envelope)


def reconciliation_record(value: OrderReconciliation, now: datetime) -> Message:
    """The row that says how far a reconciliation is."""
    return cursor_record(reconciliation_key(value.retailer), value, now)
