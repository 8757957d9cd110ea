"""An installation of order-table on a broker that compacts and deletes as soon as it may, and what lies on its disk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from aiokafka import AIOKafkaProducer
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from contracts import topics
from contracts.model import Model
from contracts.orders import Order
from contracts.retailers import Retailer
from contracts.topics import dead_letters
from streams.agents.order_table import NAME, order_table
from streams.engine.agent import changelog_of
from streams.engine.global_table import GlobalTable
from streams.engine.kafka import Cluster, partition_of, read_topic
from streams.engine.options import RunnerOptions
from streams.engine.runner import AgentRunner
from streams.topics_admin import Replication, TopicsAdmin, wanted
from streams.wiring import AGENTS
from tests.builders import HASH_KEY, uncalled
from tests.integration.administration import admin
from tests.integration.engine.toy import Running

PARTITIONS = 2
# Days become tenths of a second: the same settings as the catalogue's, with other values.
SWIFT_COMPACTED = {
    "segment.ms": "100",
    "max.compaction.lag.ms": "200",
    "delete.retention.ms": "100",
    "min.cleanable.dirty.ratio": "0.0",
    "file.delete.delay.ms": "0",
}
SWIFT_DELETED = {"segment.ms": "100", "retention.ms": "2000", "file.delete.delay.ms": "0"}


@dataclass(frozen=True, slots=True)
class OrderTables:
    """One installation. data: the directory of the broker's one node."""

    bootstrap: str
    prefix: str
    data: Path

    @property
    def cluster(self) -> Cluster:
        """Where it is."""
        return Cluster({"bootstrap_servers": self.bootstrap}, self.prefix)

    async def create(self) -> None:
        """Make the topics, and hurry those that orders pass through."""
        copies = Replication(1, 1)
        async with TopicsAdmin(self.cluster) as making:
            await making.apply(await making.plan(wanted(AGENTS, self.prefix, PARTITIONS, copies)), copies)
        letters = dead_letters(NAME)
        hurried = {  # whole, for what an alteration does not name falls back to the broker's own
            topics.ORDERS.name: topics.ORDERS.config | SWIFT_COMPACTED,
            changelog_of(NAME): topics.CHANGELOG | SWIFT_COMPACTED,
            topics.ORDER_EVENTS.name: topics.ORDER_EVENTS.config | SWIFT_DELETED,
            letters.name: letters.config | SWIFT_DELETED,
        }
        changes = [
            ConfigResource(ConfigResourceType.TOPIC, self.cluster.name(name), configs=configs)
            for name, configs in hurried.items()
        ]
        async with admin(self.bootstrap) as client:
            await client.alter_configs(changes)

    @asynccontextmanager
    async def running(self, options: RunnerOptions | None = None, months: int = 3) -> AsyncIterator[None]:
        """The agent in this process, ready; it leaves in order at the end."""
        table = GlobalTable(self.cluster, topics.RETAILERS, Retailer)
        following = asyncio.create_task(table.follow())
        stop = asyncio.Event()
        options = replace(options or RunnerOptions(), callers={"order": uncalled})
        runner = AgentRunner(order_table(HASH_KEY, months), self.cluster, table, options)
        running = Running(runner, stop, asyncio.create_task(runner.run(stop)))
        try:
            await running.ready(PARTITIONS)
            yield
            await running.leave()
        finally:
            stop.set()
            following.cancel()
            await asyncio.wait({running.task, following})

    async def send(self, values: Iterable[tuple[str, Model | bytes]], everywhere: bool = False) -> None:
        """Write these to order-events; one copy to each partition where nobody knows in which one it matters."""
        async with AIOKafkaProducer(bootstrap_servers=self.bootstrap, enable_idempotence=True, linger_ms=5) as producer:
            sent = []
            for key, value in values:
                raw = value if isinstance(value, bytes) else value.to_json()
                headers = [("ce_shop", b"acme.myshopify.com")]
                if isinstance(value, Model):
                    headers.append(("ce_type", topics.ORDER_EVENTS.event_for(type(value)).type.encode()))
                places = range(PARTITIONS) if everywhere else [partition_of(key.encode(), PARTITIONS)]
                for place in places:
                    name = self.cluster.name(topics.ORDER_EVENTS.name)
                    sent.append(await producer.send(name, raw, key.encode(), partition=place, headers=headers))
            await asyncio.gather(*sent)

    async def rows(self) -> dict[str, Order]:
        """What a reader of `orders` knows."""
        return await orders_of(self.cluster)

    def segments(self, topic: str) -> list[Path]:
        """The log files of a topic on the broker's disk."""
        return sorted(self.data.rglob(f"{self.cluster.name(topic)}-[0-9]*/*.log*"))

    def size(self, topic: str) -> int:
        """How many bytes they have."""
        return sum(map(_size, self.segments(topic)))

    def where(self, marker: bytes) -> list[str]:
        """The files on the broker's disk, of whatever topic of ours, in which these bytes stand."""
        files = sorted(self.data.rglob(f"{self.prefix}*/*"))
        return [str(file.relative_to(self.data)) for file in files if marker in _content(file)]


async def orders_of(cluster: Cluster) -> dict[str, Order]:
    """What a reader of `orders` knows."""
    found: dict[str, Order] = {}
    async for record in read_topic(cluster, topics.ORDERS.name):
        key = (record.key or b"").decode()
        if record.value is None:
            found.pop(key, None)
        else:
            found[key] = Order.model_validate_json(record.value)
    return found


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except (FileNotFoundError, IsADirectoryError):  # gone between the listing and the look
        return b""


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0
