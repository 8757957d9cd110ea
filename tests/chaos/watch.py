"""Reads everything that is committed, and says whether anything is still on its way."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient

from contracts import topics
from streams.engine.agent import Agent
from streams.engine.kafka import Cluster
from streams.engine.records import Record

# A surplus record would be on its way by then: a batch ends within 0.2 s, a retry of a delivery comes after 1 s.
QUIET_S = 3.0
FETCH_MS = 200
START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 5.0


class Watcher:
    """All records of an installation that a read_committed reader can see, from the first on."""

    def __init__(self, cluster: Cluster, agents: Iterable[Agent], partitions: int) -> None:
        self.records: list[Record] = []
        self._cluster = cluster
        self._agents = list(agents)
        letters = [topics.dead_letters(agent.name) for agent in self._agents]
        counts = {topic.name: topics.partitions_of(topic, partitions) for topic in (*topics.CATALOGUE, *letters)}
        counts |= {agent.changelog: partitions for agent in self._agents}
        self._tps = [TopicPartition(cluster.name(name), p) for name, count in counts.items() for p in range(count)]
        self._next: dict[TopicPartition, int] = {}
        # What is owed to receivers stands in the changelog: a queue's rows, by partition and key.
        self._owed: set[tuple[int, bytes]] = set()
        self._last = time.monotonic()

    async def __aenter__(self) -> Self:
        self._committed = await self._consumer("read_committed")
        self._plain = await self._consumer("read_uncommitted")
        self._admin = AIOKafkaAdminClient(**self._cluster.options)
        await self._admin.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        stopping = [self._committed.stop(), self._plain.stop(), self._admin.close()]
        await asyncio.wait([asyncio.ensure_future(each) for each in stopping], timeout=STOP_TIMEOUT_S)

    async def until_quiet(self, timeout_s: float, hopeless: Callable[[], bool] = lambda: False) -> str:
        """Read on until nothing is on its way any more, for a while; or until time is up, or it never will be so.

        Returns what still was on its way, or "".
        """
        deadline = time.monotonic() + timeout_s
        why = "nothing looked at"
        while time.monotonic() < deadline and not hopeless():
            await self._read()
            why = await self._on_its_way()
            if not why and time.monotonic() - self._last > QUIET_S:
                return ""
        return why or "records still come"

    async def _consumer(self, isolation: str) -> AIOKafkaConsumer:
        consumer = AIOKafkaConsumer(
            **self._cluster.options,
            isolation_level=isolation,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
        )
        async with asyncio.timeout(START_TIMEOUT_S):
            await consumer.start()
        consumer.assign(self._tps)
        return consumer

    async def _read(self) -> None:
        found = await self._committed.getmany(timeout_ms=FETCH_MS)
        for tp, messages in found.items():
            self._last = time.monotonic()
            self._next[tp] = messages[-1].offset + 1
            for message in messages:
                self._take(tp, message)

    def _take(self, tp: TopicPartition, message: Any) -> None:
        topic = self._cluster.plain(tp.topic)
        record = Record(
            topic,
            tp.partition,
            message.offset,
            message.timestamp,
            message.key,
            message.value,
            tuple(message.headers),
        )
        self.records.append(record)
        if (record.key or b"").startswith(b"$outbox.hook/"):
            owed = record.partition, record.key or b""
            (self._owed.discard if record.value is None else self._owed.add)(owed)

    async def _on_its_way(self) -> str:
        visible = await self._committed.end_offsets(self._tps)
        written = await self._plain.end_offsets(self._tps)
        if hidden := [tp for tp in self._tps if visible[tp] < written[tp]]:
            return f"open transactions in {self._names(hidden)}"
        if unread := [tp for tp in self._tps if await self._committed.position(tp) < visible[tp]]:
            return f"unread records in {self._names(unread)}"
        if lagging := await self._lagging():
            return f"the groups lag: {lagging}"
        return f"{len(self._owed)} deliveries owed" if self._owed else ""

    async def _lagging(self) -> dict[str, int]:
        """By `agent topic[partition]`, how many records are not consumed. Control records count for nobody."""
        lag: dict[str, int] = {}
        for agent in self._agents:
            offsets = await self.group_offsets(agent)
            for tp, end in self._next.items():
                name = self._cluster.plain(tp.topic)
                if name in agent.inputs and offsets.get((name, tp.partition), 0) < end:
                    lag[f"{agent.name} {name}[{tp.partition}]"] = end - offsets.get((name, tp.partition), 0)
        return lag

    async def group_offsets(self, agent: Agent) -> Mapping[tuple[str, int], int]:
        """What an agent's group has committed."""
        found = await self._admin.list_consumer_group_offsets(self._cluster.name(agent.name))
        return {(self._cluster.plain(tp.topic), tp.partition): at.offset for tp, at in found.items()}

    def _names(self, tps: list[TopicPartition]) -> str:
        return ", ".join(f"{self._cluster.plain(tp.topic)}[{tp.partition}]" for tp in tps[:5])
