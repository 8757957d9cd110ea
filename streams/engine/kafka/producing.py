"""Writing: one task's transactions, and the few records of a command."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import IllegalOperation, KafkaError, MessageSizeTooLargeError

from contracts.topics import MAX_MESSAGE_BYTES
from streams.engine.kafka.cluster import (
    COMMIT_TIMEOUT_S,
    OURS,
    REQUEST_TIMEOUT_MS,
    Cluster,
    TakesTooLittle,
    close_bounded,
    forgive,
    partition_of,
)
from streams.engine.kafka.offsets import send_behind_batches
from streams.engine.kafka.patience import ask_again_soon
from streams.engine.records import OutRecord

# An open transaction hides everyone's later records from read_committed readers: a frozen task may cost them this much.
TRANSACTION_TIMEOUT_MS = 10_000
# What a transaction is refused for a moment (KIP-890's verification: NOT_ENOUGH_REPLICAS, COORDINATOR_NOT_AVAILABLE) is
# repeated after this. One hop at 200/s, 12 partitions, p50/p99: 40/188 ms with the default of 100, 7/58 so.
RETRY_BACKOFF_MS = 20
# Just below the brokers' usual 1 MB limit for a batch; a record larger than that travels alone.
BATCH_BYTES = 900_000

# Of a record's timestamp: the broker's own time (LogAppendTime), not the writer's.
_BY_BROKER = 1

_Sent = tuple[tuple[str, int], int, Any]
"""One batch on its way: topic and partition, how many records, and the future of where it went."""


class Transactions:
    """One task's transactional producer. Opening it fences whoever held the id before.

    appended: by topic and partition, when the brokers appended what the last commit wrote there, by their clock; None
    where the topic's records bear their writer's time.
    """

    def __init__(self, cluster: Cluster, transactional_id: str) -> None:
        self._cluster = cluster
        self._id = transactional_id
        self.appended: dict[tuple[str, int], datetime | None] = {}
        self._producer = AIOKafkaProducer(
            **cluster.options,
            transactional_id=cluster.name(transactional_id),
            transaction_timeout_ms=TRANSACTION_TIMEOUT_MS,
            acks="all",
            linger_ms=0,  # batches are built whole before they are sent
            max_batch_size=BATCH_BYTES,
            max_request_size=MAX_MESSAGE_BYTES,
            request_timeout_ms=REQUEST_TIMEOUT_MS,
            retry_backoff_ms=RETRY_BACKOFF_MS,
        )
        ask_again_soon(self._producer)
        send_behind_batches(self._producer.client)

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
        consumed: list[asyncio.Future[None]] = []
        try:
            async with asyncio.timeout(COMMIT_TIMEOUT_S):
                await self._producer.begin_transaction()
                await self._send(records, sent)
                if offsets:
                    consumed.append(self._send_offsets(offsets, group))
                await asyncio.gather(*(future for _, _, future in sent), *consumed)
                await self._producer.commit_transaction()
        except (AssertionError, IllegalOperation) as error:
            # How aiokafka's state machine says that its sender died of something earlier.
            raise KafkaError(f"producer {self._id} is beyond use: {error!r}") from error
        except MessageSizeTooLargeError as error:
            refused = (place for place, _, future in sent if future.done() and future.exception() is error)
            raise TakesTooLittle(", ".join(self._cluster.name(topic) for topic, _ in refused)) from error
        finally:
            self._let_go(sent, consumed)
        # A repeat that the broker knew already comes back without its offset: then we do not know how far we are.
        done = [(place, count, future.result()) for place, count, future in sent if future.result().offset >= 0]
        self.appended = {place: _appended(went) for place, _, went in done}
        return {place: went.offset + count for place, count, went in done}

    async def _send(self, records: Iterable[OutRecord], sent: list[_Sent]) -> None:
        builders: dict[tuple[str, int], Any] = {}
        counts: dict[str, int] = {}
        for record in records:
            topic, partition = record.topic, record.partition
            if partition is None:
                if topic not in counts:
                    counts[topic] = len(await self._producer.partitions_for(self._cluster.name(topic)))
                partition = partition_of(record.partition_key or record.key or b"", counts[topic])
            place = topic, partition
            builder = builders.get(place)
            if builder is None or not _append(builder, record):
                if builder is not None:
                    sent.append(await self._submit(place, builder))
                builder = builders[place] = self._producer.create_batch()
                _append(builder, record)
        for place, builder in builders.items():
            sent.append(await self._submit(place, builder))

    def _send_offsets(self, offsets: Mapping[tuple[str, int], int], group: str) -> asyncio.Future[None]:
        name = self._cluster.name
        marked = {TopicPartition(name(t), p): (offset, OURS) for (t, p), offset in offsets.items()}
        sending: asyncio.Future[None] = asyncio.ensure_future(
            self._producer.send_offsets_to_transaction(marked, name(group))
        )
        return sending

    def _let_go(self, sent: Iterable[_Sent], consumed: Iterable[asyncio.Future[None]]) -> None:
        """Of a commit, whatever became of it: the first error that it met has said enough."""
        for _, _, future in sent:
            forgive(future)
        for waiting in consumed:
            waiting.cancel()
            forgive(waiting)
        for _, _, future in self._producer._txn_manager._pending_txn_offsets:
            forgive(future)

    async def _submit(self, place: tuple[str, int], builder: Any) -> _Sent:
        topic, partition = place
        at = TopicPartition(self._cluster.name(topic), partition)
        future = await self._producer.send_batch(builder, at.topic, partition=partition)
        # Nobody waits for a batch to be taken up: where the producer is shut out before, its own future has said so.
        for batch in self._producer._message_accumulator._batches.get(at, ()):
            forgive(batch._drain_waiter)
        return place, builder.record_count(), future

    async def close(self) -> None:
        """Let go, within a bound."""
        await close_bounded(self._producer.stop(), self._producer.client, f"producer {self._id}")
        if (waiter := self._producer._txn_manager.wait_for_transaction_end()) is not None:
            forgive(waiter)  # nobody waits for the end of a transaction that was given up


def _appended(went: Any) -> datetime | None:
    return datetime.fromtimestamp(went.timestamp / 1000, UTC) if went.timestamp_type == _BY_BROKER else None


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
                by_key = partition_of(record.partition_key or record.key or b"", count)
                partition = by_key if record.partition is None else record.partition
                await producer.send_and_wait(
                    topic, record.value, record.key, partition=partition, headers=list(record.headers)
                )
    finally:
        await close_bounded(producer.stop(), producer.client, "producer of a command")
