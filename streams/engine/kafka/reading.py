"""Reading outside any group: to restore a store, to follow a global table, to look inside."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.engine.errors import ConfigError
from streams.engine.kafka.cluster import (
    COMMIT_TIMEOUT_S,
    FETCH_BYTES,
    REQUEST_TIMEOUT_MS,
    Cluster,
    close_bounded,
    record_of,
)
from streams.engine.records import Record
from streams.header_names import read_leniently

# A fetch returns as soon as there is something; this is what a tail of control records may cost.
_WHOLE_TOPIC_FETCH_S = 0.2

ROWS_AT_ONCE = 2_000

Place = tuple[str, int]
"""Topic and partition."""

Progress = Callable[[str, int, int], None]
"""Told how far a topic was read: its name, offsets read, offsets in all."""


class Row(Protocol):
    """What of a record is needed to restore a row from it."""

    offset: int
    key: bytes | None
    value: bytes | None


class Reader:
    """Reads topics outside any group: to restore a store, to follow a global table, to look inside."""

    def __init__(self, cluster: Cluster, **options: Any) -> None:
        read_leniently()
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

    async def missing(self, topics: Iterable[str]) -> list[str]:
        """Which of these topics are not there; asks once for all, since the answer names every topic of the cluster."""
        there = (await self._consumer._client.fetch_all_metadata()).topics()
        return [topic for topic in topics if self._cluster.name(topic) not in there]

    async def assign(self, start: Mapping[Place, int | None]) -> dict[Place, int]:
        """Read these partitions from these offsets (None: from the first), and return their end offsets."""
        first, end = await self.bounds(start)
        for place, offset in start.items():
            tp = self._tp(place)
            self._consumer.seek(tp, first[place] if offset is None else offset)
            self._consumer.resume(tp)
        return end

    async def skip_to(self, at: datetime, ends: Mapping[Place, int]) -> None:
        """Go on with what was written at this time or later, or behind the last record of a place where nothing was."""
        asked = {self._tp(place): int(at.timestamp() * 1000) for place in ends}
        async with asyncio.timeout(COMMIT_TIMEOUT_S):
            found = await self._consumer.offsets_for_times(asked)
        for place, end in ends.items():
            first = found[self._tp(place)]
            self._consumer.seek(self._tp(place), end if first is None else first.offset)

    async def bounds(self, places: Iterable[Place]) -> tuple[dict[Place, int], dict[Place, int]]:
        """First and end offsets of these partitions (the end as read_committed sees it). Nothing is read now."""
        tps = [self._tp(place) for place in places]
        self._consumer.assign(tps)
        self._consumer.pause(*tps)
        async with asyncio.timeout(COMMIT_TIMEOUT_S):
            first = await self._consumer.beginning_offsets(tps)
            end = await self._consumer.end_offsets(tps)
        return {self._place(tp): o for tp, o in first.items()}, {self._place(tp): o for tp, o in end.items()}

    def _tp(self, place: Place) -> TopicPartition:
        return TopicPartition(self._cluster.name(place[0]), place[1])

    def _place(self, tp: TopicPartition) -> Place:
        return self._cluster.plain(tp.topic), tp.partition

    async def fetch(self, timeout_s: float, max_records: int | None = None) -> list[Record]:
        """The next records of everything assigned."""
        found = await self._consumer.getmany(timeout_ms=int(timeout_s * 1000), max_records=max_records)
        return [record_of(self._cluster, message) for messages in found.values() for message in messages]

    async def rows(self, timeout_s: float, max_records: int) -> dict[Place, Sequence[Row]]:
        """The same without anything that a row does not need: a third of what a record costs."""
        found = await self._consumer.getmany(timeout_ms=int(timeout_s * 1000), max_records=max_records)
        return {self._place(tp): messages for tp, messages in found.items()}

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


async def read_topic(cluster: Cluster, topic: str, partition: int | None = None) -> AsyncIterator[Record]:
    """A topic's committed records, from the first to what is the last one now; in order within a partition.

    partition: only that one. ConfigError where there is no such topic.
    """
    async with reading(cluster) as reader:
        ends = await _whole(reader, cluster, topic, partition)
        while any([await reader.position(*place) < end for place, end in ends.items()]):
            for record in await reader.fetch(_WHOLE_TOPIC_FETCH_S):
                yield record


async def read_rows(
    cluster: Cluster,
    topic: str,
    partition: int | None = None,
    progress: Progress | None = None,
    since: datetime | None = None,
) -> AsyncIterator[Sequence[Row]]:
    """The same for millions of them: some at a time, without anything that a row does not need.

    progress: told how many offsets were read, and of how many. since: only what was written then or later.
    """
    async with reading(cluster) as reader:
        ends = await _whole(reader, cluster, topic, partition)
        if since is not None:
            await reader.skip_to(since, ends)
        first = {place: await reader.position(*place) for place in ends}
        total = sum(ends.values()) - sum(first.values())
        while True:
            at = {place: await reader.position(*place) for place in ends}
            if progress is not None:
                progress(topic, min(total, sum(at.values()) - sum(first.values())), total)
            if all(at[place] >= end for place, end in ends.items()):
                return
            for rows in (await reader.rows(_WHOLE_TOPIC_FETCH_S, ROWS_AT_ONCE)).values():
                yield rows


async def _whole(reader: Reader, cluster: Cluster, topic: str, partition: int | None) -> dict[Place, int]:
    partitions = await reader.partitions(topic)
    if not partitions:
        raise ConfigError(f"there is no topic {cluster.name(topic)!r}: run `returnstreams topics apply` first")
    wanted = partitions if partition is None else [partition]
    return await reader.assign({(topic, number): None for number in wanted})
