"""Reading outside any group: to restore a store, to follow a global table, to look inside."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.engine.kafka.cluster import (
    COMMIT_TIMEOUT_S,
    FETCH_BYTES,
    REQUEST_TIMEOUT_MS,
    Cluster,
    close_bounded,
    record_of,
)
from streams.engine.records import Record


class Reader:
    """Reads topics outside any group: to restore a store, to follow a global table, to look inside."""

    def __init__(self, cluster: Cluster, **options: Any) -> None:
        self._cluster = cluster
        self._consumer = AIOKafkaConsumer(
            **cluster.options,
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=FETCH_BYTES,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
            **options,
        )

    async def open(self) -> None:
        """Connect."""
        async with asyncio.timeout(COMMIT_TIMEOUT_S):
            await self._consumer.start()

    async def partitions(self, topic: str) -> list[int]:
        """The partitions of a topic; empty where there is no such topic."""
        # The public partitions_for_topic knows only topics that are read already.
        metadata = await self._consumer._client.fetch_all_metadata()
        return sorted(metadata.partitions_for_topic(self._cluster.name(topic)) or ())

    async def assign(self, start: Mapping[tuple[str, int], int | None]) -> dict[tuple[str, int], int]:
        """Read these partitions from these offsets (None: from the first), and return their end offsets."""
        tps = {TopicPartition(self._cluster.name(topic), p): offset for (topic, p), offset in start.items()}
        self._consumer.assign(list(tps))
        async with asyncio.timeout(COMMIT_TIMEOUT_S):
            first = await self._consumer.beginning_offsets(list(tps))
            end = await self._consumer.end_offsets(list(tps))
        for tp, offset in tps.items():
            self._consumer.seek(tp, first[tp] if offset is None else offset)
        return {(self._cluster.plain(tp.topic), tp.partition): offset for tp, offset in end.items()}

    async def fetch(self, timeout_s: float, max_records: int | None = None) -> list[Record]:
        """The next records of everything assigned."""
        found = await self._consumer.getmany(timeout_ms=int(timeout_s * 1000), max_records=max_records)
        return [record_of(self._cluster, message) for messages in found.values() for message in messages]

    async def position(self, topic: str, partition: int) -> int:
        """How far a partition has been read, past control records and compacted gaps too."""
        return int(await self._consumer.position(TopicPartition(self._cluster.name(topic), partition)))

    async def close(self) -> None:
        """Let go, within a bound."""
        await close_bounded(self._consumer.stop(), self._consumer._client, "reader")


@contextlib.asynccontextmanager
async def reading(cluster: Cluster, **options: Any) -> AsyncIterator[Reader]:
    """A connected reader that is closed whatever happens."""
    reader = Reader(cluster, **options)
    try:
        await reader.open()
        yield reader
    finally:
        await reader.close()
