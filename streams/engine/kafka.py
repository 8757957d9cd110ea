"""The one seam to the Kafka client: fetch, begin, send, send offsets, commit. Another client must fit behind it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.consumer.subscription_state import ConsumerRebalanceListener
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.errors import IllegalOperation, KafkaError, ProducerFenced
from aiokafka.partitioner import murmur2

from streams.engine.records import OutRecord, Record

log = structlog.get_logger()

Infrastructure = (KafkaError, OSError, TimeoutError)
"""What a broker or a connection can do to us; never a record's fault."""

Fenced = ProducerFenced

# An open transaction hides everyone's later records from read_committed readers: a frozen task may cost them this much.
TRANSACTION_TIMEOUT_MS = 10_000
# What we wait for a whole transaction. Longer than the brokers' own limit, so that theirs is the one that decides.
COMMIT_TIMEOUT_S = 15.0
# A third of the shortest session (6 s) at most, so that one lost heartbeat is not the end of a member.
HEARTBEAT_MS = 1_000
# A member that must let go gets a stop and a close of 5 s each, and some air; aiokafka's own default is the session.
REBALANCE_TIMEOUT_MS = 20_000
# aiokafka leaves the group when nothing was fetched for 5 min, as in a long restore. Whether we are alive, we say.
MAX_POLL_INTERVAL_MS = 24 * 60 * 60 * 1000
REQUEST_TIMEOUT_MS = 10_000
# The broker verifies each partition of a transaction, and answers the first batch that overtakes the verification with
# NOT_ENOUGH_REPLICAS (KIP-890). One hop at 200/s, 12 partitions, p50/p99: 40/188 ms with the default of 100, 7/58 so.
RETRY_BACKOFF_MS = 20
# 256 KB cost more than half of the throughput (docs/decisions); a fetch per partition of 1 MB is where it levels off.
FETCH_BYTES = 1_048_576
# Just below the brokers' usual 1 MB limit for a batch; a record larger than that travels alone.
BATCH_BYTES = 900_000
# Webhook bodies may be 10 MiB; key, headers and framing come on top.
REQUEST_BYTES = 12 * 1024 * 1024
# aiokafka's stop() can hang for ever when the brokers are away; after this we let go and let the process end.
CLOSE_TIMEOUT_S = 5.0
LAST_CLOSE_TIMEOUT_S = 1.0


@dataclass(frozen=True, slots=True)
class Cluster:
    """How to reach the brokers. options: keyword arguments of every client. prefix: before every name of ours."""

    options: Mapping[str, Any]
    prefix: str = ""

    def name(self, topic: str) -> str:
        """The topic's or group's name in this installation."""
        return f"{self.prefix}{topic}"

    def plain(self, topic: str) -> str:
        """The catalogue's name of one of this installation's topics."""
        return topic.removeprefix(self.prefix)


def partition_of(key: bytes, count: int) -> int:
    """The partition of a key, as the Java client chooses it."""
    return int((murmur2(key) & 0x7FFFFFFF) % count)


async def close_bounded(stop: Coroutine[Any, Any, None], client: AIOKafkaClient, what: str) -> None:
    """Run a stop() for CLOSE_TIMEOUT_S at most, in a task of its own: it may hang, or raise CancelledError.

    Its sockets are closed in any case.
    """
    task = asyncio.ensure_future(stop)
    _, pending = await asyncio.wait({task}, timeout=CLOSE_TIMEOUT_S)
    if pending:
        log.warning("client did not close in time", action="close_timeout", client=what)
        task.cancel()
        last = asyncio.ensure_future(client.close())
        await asyncio.wait({task, last}, timeout=LAST_CLOSE_TIMEOUT_S)
        _forgive(task)
        _forgive(last)
    elif task.cancelled() or task.exception() is not None:
        log.info("client closed with an error", action="close_error", client=what)


class Transactions:
    """One task's transactional producer. Opening it fences whoever held the id before."""

    def __init__(self, cluster: Cluster, transactional_id: str) -> None:
        self._cluster = cluster
        self._id = transactional_id
        self._producer = AIOKafkaProducer(
            **cluster.options,
            transactional_id=cluster.name(transactional_id),
            transaction_timeout_ms=TRANSACTION_TIMEOUT_MS,
            acks="all",
            linger_ms=0,  # batches are built whole before they are sent
            max_batch_size=BATCH_BYTES,
            max_request_size=REQUEST_BYTES,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
            retry_backoff_ms=RETRY_BACKOFF_MS,
        )

    async def open(self) -> None:
        """Take the id over. From here on the last holder can commit nothing."""
        async with asyncio.timeout(COMMIT_TIMEOUT_S):
            await self._producer.start()

    async def commit(
        self, records: Iterable[OutRecord], offsets: Mapping[tuple[str, int], int], group: str
    ) -> dict[tuple[str, int], int]:
        """Write records and consumed offsets in one transaction; the offsets behind what was written come back.

        Raises one of Infrastructure: it may then have happened or not, and only a new producer can tell.
        """
        sent: list[_Sent] = []
        try:
            async with asyncio.timeout(COMMIT_TIMEOUT_S):
                await self._producer.begin_transaction()
                await self._send(records, sent)
                waits: list[Any] = [future for _, _, future in sent]
                if offsets:
                    positions = {TopicPartition(self._cluster.name(t), p): offset for (t, p), offset in offsets.items()}
                    name = self._cluster.name(group)
                    waits.append(asyncio.ensure_future(self._producer.send_offsets_to_transaction(positions, name)))
                await asyncio.gather(*waits)
                await self._producer.commit_transaction()
        except (AssertionError, IllegalOperation) as error:
            # How aiokafka's state machine says that its sender died of something earlier.
            raise KafkaError(f"producer {self._id} is beyond use: {error!r}") from error
        finally:
            for _, _, future in sent:
                _forgive(future)
        # A repeat that the broker knew already comes back without its offset: then we do not know how far we are.
        return {place: future.result().offset + count for place, count, future in sent if future.result().offset >= 0}

    async def _send(self, records: Iterable[OutRecord], sent: list[_Sent]) -> None:
        builders: dict[tuple[str, int], Any] = {}
        for record in records:
            place = record.topic, await self._partition(record)
            builder = builders.get(place)
            if builder is None or not _append(builder, record):
                if builder is not None:
                    sent.append(await self._submit(place, builder))
                builder = builders[place] = self._producer.create_batch()
                _append(builder, record)
        for place, builder in builders.items():
            sent.append(await self._submit(place, builder))

    async def _submit(self, place: tuple[str, int], builder: Any) -> _Sent:
        topic, partition = place
        future = await self._producer.send_batch(builder, self._cluster.name(topic), partition=partition)
        return place, builder.record_count(), future

    async def _partition(self, record: OutRecord) -> int:
        if record.partition is not None:
            return record.partition
        count = len(await self._producer.partitions_for(self._cluster.name(record.topic)))
        return partition_of(record.partition_key or record.key or b"", count)

    async def close(self) -> None:
        """Let go, within a bound."""
        await close_bounded(self._producer.stop(), self._producer.client, f"producer {self._id}")
        if (waiter := self._producer._txn_manager.wait_for_transaction_end()) is not None:
            _forgive(waiter)  # nobody waits for the end of a transaction that was given up


_Sent = tuple[tuple[str, int], int, Any]
"""One batch on its way: topic and partition, how many records, and the future of where it went."""


def _forgive(future: asyncio.Future[Any]) -> None:
    """Have nobody complain that this one's error was not looked at: another error has said enough."""
    future.add_done_callback(lambda done: done.cancelled() or done.exception())


def _append(builder: Any, record: OutRecord) -> bool:
    appended = builder.append(
        timestamp=record.timestamp_ms, key=record.key, value=record.value, headers=list(record.headers)
    )
    return appended is not None


async def append(cluster: Cluster, records: Iterable[OutRecord]) -> None:
    """Write a few records outside any task, for a command: idempotent, on all in-sync replicas when this returns."""
    producer = AIOKafkaProducer(
        **cluster.options, acks="all", enable_idempotence=True, request_timeout_ms=REQUEST_TIMEOUT_MS
    )
    try:
        async with asyncio.timeout(COMMIT_TIMEOUT_S):
            await producer.start()
            for record in records:
                topic = cluster.name(record.topic)
                count = len(await producer.partitions_for(topic))
                partition = partition_of(record.partition_key or record.key or b"", count)
                await producer.send_and_wait(
                    topic, record.value, record.key, partition=partition, headers=list(record.headers)
                )
    finally:
        await close_bounded(producer.stop(), producer.client, "producer of a command")


class GroupConsumer:
    """An agent's member of its consumer group. Each task fetches its own partitions."""

    def __init__(
        self, cluster: Cluster, group: str, topics: Iterable[str], instance_id: str | None, session_timeout_ms: int
    ) -> None:
        self._cluster = cluster
        self._topics = [cluster.name(topic) for topic in topics]
        self._consumer = AIOKafkaConsumer(
            **cluster.options,
            group_id=cluster.name(group),
            group_instance_id=instance_id,
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            partition_assignment_strategy=(RangePartitionAssignor,),  # the default tears co-partitioned topics apart
            session_timeout_ms=session_timeout_ms,
            rebalance_timeout_ms=REBALANCE_TIMEOUT_MS,
            heartbeat_interval_ms=HEARTBEAT_MS,
            max_poll_interval_ms=MAX_POLL_INTERVAL_MS,
            max_partition_fetch_bytes=FETCH_BYTES,
            request_timeout_ms=REQUEST_TIMEOUT_MS + REBALANCE_TIMEOUT_MS,  # a JoinGroup waits for the others
            check_crcs=False,  # TCP and the broker check already; 8 % of a fetch
        )

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
        return [_record(self._cluster, message) for messages in found.values() for message in messages]

    async def committed(self, partition: int) -> dict[str, int | None]:
        """The group's offsets, None where it has none."""
        async with asyncio.timeout(COMMIT_TIMEOUT_S):
            return {self._cluster.plain(tp.topic): await self._consumer.committed(tp) for tp in self._of(partition)}

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
        return [_record(self._cluster, message) for messages in found.values() for message in messages]

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


def _record(cluster: Cluster, message: Any) -> Record:
    topic = cluster.plain(message.topic)
    headers = tuple(message.headers)
    return Record(topic, message.partition, message.offset, message.timestamp, message.key, message.value, headers)
