"""What work on a shop needs at hand: its client, a publisher, and where the last time ended."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from contracts.imports import OrderImport, OrderReconciliation
from contracts.retailers import Retailer
from producers.metrics import Metrics
from producers.orders_import import DEFAULT_DAYS, OrdersImport
from producers.orders_reconcile import OVERLAP, Reconciler, Tally
from producers.publisher import Publisher
from streams.order_cursors import import_of, known_versions, reconciliation_of
from streams.secrets import secrets_in
from streams.settings import Settings
from streams.shopify import Shops


@dataclass(frozen=True, slots=True)
class ShopWork:
    """Imports and reconciles the orders of any retailer."""

    settings: Settings
    shops: Shops
    publisher: Publisher

    async def import_orders(
        self, retailer: Retailer, days: int, bulk: bool | None, told: Callable[[OrderImport], None] = lambda _: None
    ) -> OrderImport:
        """Begin an import, or go on with the one that was broken off."""
        work = OrdersImport(
            retailer=retailer,
            client=self.shops.of(retailer.shopify),
            publisher=self.publisher,
            told=told,
            bulk_above=self.settings.orders.bulk_above,
        )
        return await work.run(await import_of(self.settings.cluster, retailer.id), days, bulk=bulk)

    async def reconcile(
        self, retailer: Retailer, days: float | None = None, told: Callable[[Tally], None] = lambda _: None
    ) -> tuple[OrderReconciliation, Tally]:
        """Compare what has changed since the last run. Before the first one: since the import began, else 30 days.

        days: compare the changes of so many days, whatever was compared before.
        """
        cluster, now = self.settings.cluster, datetime.now(UTC)
        last = None if days is not None else await reconciliation_of(cluster, retailer.id)
        since = now - timedelta(days=DEFAULT_DAYS if days is None else days)
        if last is None and days is None:
            imported = await import_of(cluster, retailer.id)
            since = since if imported is None else imported.started_at - OVERLAP
        work = Reconciler(
            retailer=retailer,
            client=self.shops.of(retailer.shopify),
            publisher=self.publisher,
            table=partial(known_versions, cluster),
            kept_months=self.settings.orders.kept_months,
            told=told,
        )
        return await work.run(last, since)

    def spent(self, retailer: Retailer) -> float:
        """Points of the shop's bucket that this process has spent."""
        return self.shops.of(retailer.shopify).throttle.spent


@asynccontextmanager
async def shop_work(settings: Settings, shops: Shops | None = None) -> AsyncIterator[ShopWork]:
    """All of it, connected; closed whatever happens. shops: of the process, whose points are shared; left open."""
    publisher = Publisher(settings.kafka, Metrics(), settings.ingress.max_in_flight_bytes)
    await publisher.start()
    try:
        if shops is not None:
            yield ShopWork(settings, shops, publisher)
            return
        async with shops_of(settings) as own:
            yield ShopWork(settings, own, publisher)
    finally:
        await publisher.stop()


def shops_of(settings: Settings) -> Shops:
    """The shops that a process calls."""
    return Shops(secrets_in(settings.secrets_dir), settings.shopify.options)
