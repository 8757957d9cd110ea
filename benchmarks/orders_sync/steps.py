"""What the benchmark does itself: webhooks, the retailer, a look at the table, and the points of an ideal import."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from contracts import topics
from contracts.orders import Order
from contracts.retailers import Retailer
from demo.shopify.admin import ShopSimulator
from demo.shopify.live import Live
from producers.messages import Message
from producers.metrics import Metrics
from producers.orders_import import OrdersImport
from producers.patience import publish_patiently
from producers.publisher import Publisher
from producers.settings import KafkaSettings
from streams.engine.kafka import Cluster, read_topic
from streams.retailers_topic import differences, write
from streams.secrets import Secret
from streams.shopify import ShopifyOptions, Shops

EVERY_S = 0.5


async def applied(cluster: Cluster, retailer: Retailer) -> None:
    """The retailer is in force."""
    await write(cluster, differences([retailer], {}))


async def table_of(cluster: Cluster) -> dict[str, Order]:
    """What a reader of `orders` knows."""
    rows: dict[str, bytes | None] = {}
    async for record in read_topic(cluster, topics.ORDERS.name):
        rows[(record.key or b"").decode()] = record.value
    return {key: Order.model_validate_json(row) for key, row in rows.items() if row is not None}


class Webhooks:
    """The shop goes on in a thread of its own, and what arrives of its webhooks is published."""

    def __init__(self, cluster: Cluster, live: Live, changes_a_second: float) -> None:
        self._kafka = KafkaSettings(bootstrap_servers=cluster.options["bootstrap_servers"], topic_prefix=cluster.prefix)
        self._live = live
        self._at_once = max(1, round(changes_a_second * EVERY_S))
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._go_on()), daemon=True)

    def stop(self) -> None:
        """No more changes; returns when the last webhook is written."""
        self._stopping.set()
        self._thread.join()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    async def _go_on(self) -> None:
        publisher = Publisher(self._kafka, Metrics(), 64 * 1024 * 1024)
        await publisher.start()
        try:
            while not self._stopping.is_set():
                await publish_patiently(publisher, self._live.goes_on(self._at_once))
                await asyncio.sleep(EVERY_S)
        finally:
            await publisher.stop()


class _Nowhere:
    ready = True

    async def publish(self, messages: Sequence[Message], until: float | None = None) -> None:
        """Nothing is kept."""


class _Token:
    def get(self, ref: str) -> Secret | None:
        return Secret({"access_token": "token"})


async def imported_without_harm(
    shop: ShopSimulator, base_url: str, retailer: Retailer, *, bulk: bool, days: int
) -> float:
    """The points of one import of the same orders that nothing disturbs."""
    before = shop.bucket.spent
    async with Shops(_Token(), ShopifyOptions(base_url=base_url)) as shops:
        await OrdersImport(retailer, shops.of(retailer.shopify), _Nowhere()).run(None, days, bulk=bulk)
    return shop.bucket.spent - before
