"""Reading as a member of a group: each task fetches its own partitions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.consumer.subscription_state import ConsumerRebalanceListener

from streams.engine.kafka.cluster import (
    COMMIT_TIMEOUT_S,
    FETCH_BYTES,
    OURS,
    REQUEST_TIMEOUT_MS,
    Cluster,
    close_bounded,
    record_of,
)
from streams.engine.kafka.members import name_instance
from streams.engine.kafka.owners import range_assignor
from streams.engine.records import Record
from streams.header_names import read_leniently

# A third of the shortest session (6 s) at most, so that one lost heartbeat is not the end of a member.
HEARTBEAT_MS = 1_000
# A member that must let go gets a stop and a close of 5 s each, and some air; aiokafka's own default is the session.
REBALANCE_TIMEOUT_MS = 20_000
# aiokafka leaves the group when nothing was fetched for 5 min, as in a long restore. Whether we are alive, we say.
MAX_POLL_INTERVAL_MS = 24 * 60 * 60 * 1000


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a member is in one partition of one input.

    position: next offset to fetch, past control records too. end: behind the last record that is committed.
    unstable: offsets beyond `end` that an open transaction hides, as of the last fetch.
    """

    position: int
    end: int
    unstable: int = 0


class Committed(NamedTuple):
    """A group's offset. ours: from a task's transaction, with its rows; else somebody has set it by hand."""

    offset: int
    ours: bool


class GroupConsumer:
    """An agent's member of its consumer group. Each task fetches its own partitions."""

    def __init__(
        self,
        cluster: Cluster,
        group: str,
        topics: Iterable[str],
        instance_id: str | None,
        session_timeout_ms: int,
        fenced: Callable[[], None],
        address: str | None = None,
    ) -> None:
        """fenced: told when another process has joined with our instance id; this one gets nothing any more.

        address: where this process answers who asks for rows, as the group is told.
        """
        read_leniently()
        self._cluster = cluster
        self._topics = [cluster.name(topic) for topic in topics]
        self._consumer = AIOKafkaConsumer(
            **cluster.options,
            group_id=cluster.name(group),
            group_instance_id=instance_id,
            isolation_level="read_committed",
            enable_auto_commit=False,
            # A position that the log no longer has ends the task's life, and its next start says what was lost, or
            # refuses; any other value would jump in silence. Where to begin, tasks say themselves.
            auto_offset_reset="none",
            partition_assignment_strategy=(range_assignor(address),),  # the default tears co-partitioned topics apart
            session_timeout_ms=session_timeout_ms,
            rebalance_timeout_ms=REBALANCE_TIMEOUT_MS,
            heartbeat_interval_ms=HEARTBEAT_MS,
            max_poll_interval_ms=MAX_POLL_INTERVAL_MS,
            max_partition_fetch_bytes=FETCH_BYTES,
            request_timeout_ms=REQUEST_TIMEOUT_MS + REBALANCE_TIMEOUT_MS,  # a JoinGroup waits for the others
            check_crcs=False,  # TCP and the broker check already; 8 % of a fetch
        )
        if instance_id is not None:
            name_instance(self._consumer._client, instance_id, fenced)

    async def start(
        self,
        on_revoked: Callable[[], Coroutine[Any, Any, None]],
        on_assigned: Callable[[set[int]], None],
    ) -> None:
        """Join. `on_assigned` gets the partition numbers, already paused, and must not block."""
        self._consumer.subscribe(self._topics, listener=_Listener(self._consumer, on_revoked, on_assigned))
        await self._consumer.start()

    def _of(self, partition: int) -> list[TopicPartition]:
        return [TopicPartition(topic, partition) for topic in self._topics]

    def seek(self, partition: int, offsets: Mapping[str, int]) -> None:
        """Go on reading from these offsets (by topic), and begin to fetch."""
        for tp in self._of(partition):
            self._consumer.seek(tp, offsets[self._cluster.plain(tp.topic)])
        self._consumer.resume(*self._of(partition))

    async def fetch(self, partition: int, max_records: int, timeout_s: float) -> list[Record]:
        """The next records of one partition of all inputs; empty after the timeout."""
        tps = self._of(partition)
        found = await self._consumer.getmany(*tps, timeout_ms=int(timeout_s * 1000), max_records=max_records)
        return [record_of(self._cluster, message) for messages in found.values() for message in messages]

    async def committed(self, partition: int) -> dict[str, Committed | None]:
        """The group's offsets, None where it has none."""
        tps = self._of(partition)
        async with asyncio.timeout(COMMIT_TIMEOUT_S):
            # The public committed() tells no metadata, and asks for one partition at a time.
            found = await self._consumer._coordinator.fetch_committed_offsets(tps)
        known = {tp: Committed(at.offset, at.metadata == OURS) for tp, at in found.items()}
        return {self._cluster.plain(tp.topic): known.get(tp) for tp in tps}

    async def bounds(self, partition: int) -> tuple[dict[str, int], dict[str, int]]:
        """First and end offsets of one partition of all inputs (the end as read_committed sees it)."""
        tps = self._of(partition)
        async with asyncio.timeout(COMMIT_TIMEOUT_S):
            first = await self._consumer.beginning_offsets(tps)
            end = await self._consumer.end_offsets(tps)
        plain = self._cluster.plain
        return {plain(t.topic): o for t, o in first.items()}, {plain(t.topic): o for t, o in end.items()}

    async def positions(self, partition: int) -> dict[str, int]:
        """How far it has read, past control records too."""
        tps = self._of(partition)
        return {self._cluster.plain(tp.topic): await self._consumer.position(tp) for tp in tps}

    async def standing(self, partitions: Iterable[int]) -> dict[int, dict[str, Standing]]:
        """How far it is in each of these partitions that it has, by input; asks each broker once."""
        mine = self._consumer.assignment()
        tps = [tp for partition in partitions for tp in self._of(partition) if tp in mine]
        found: dict[int, dict[str, Standing]] = {}
        async with asyncio.timeout(COMMIT_TIMEOUT_S):
            ends = await self._consumer.end_offsets(tps) if tps else {}
            for tp, end in ends.items():
                position = await self._consumer.position(tp)
                known = found.setdefault(tp.partition, {})
                known[self._cluster.plain(tp.topic)] = Standing(position, end, self._unstable(tp))
        return found

    def _unstable(self, tp: TopicPartition) -> int:
        if tp not in self._consumer.assignment():  # a rebalance came between
            return 0
        high, stable = self._consumer.highwater(tp), self._consumer.last_stable_offset(tp)
        return max(0, high - stable) if high is not None and stable is not None and stable >= 0 else 0

    def partition_counts(self) -> dict[str, int]:
        """How many partitions each input has."""
        counts: dict[str, int] = {}
        for topic in self._topics:
            found = self._consumer.partitions_for_topic(topic)
            counts[self._cluster.plain(topic)] = len(found or ())
        return counts

    async def close(self) -> None:
        """Leave the group, within a bound."""
        await close_bounded(self._consumer.stop(), self._consumer._client, "consumer")


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    """Pauses what is new before anything else can run, and swallows nothing: aiokafka would."""

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        on_revoked: Callable[[], Coroutine[Any, Any, None]],
        on_assigned: Callable[[set[int]], None],
    ) -> None:
        self._consumer = consumer
        self._on_revoked = on_revoked
        self._on_assigned = on_assigned

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        await self._on_revoked()

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        # Before the first await: the fetcher runs already, from offsets that nobody has checked yet.
        self._consumer.pause(*assigned)
        self._on_assigned({tp.partition for tp in assigned})
