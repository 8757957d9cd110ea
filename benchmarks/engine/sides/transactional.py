"""The ceiling: a loop written for this very job. A transactional producer for each partition, batches built whole.

python -m benchmarks.engine.sides.transactional SPEC [bare|contracts]

What it leaves out: restore, timers, outboxes, dead letters, rebalances, metrics.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from benchmarks.engine.sides import profiled
from benchmarks.engine.sides.wire import Bare, Contracts, Wire
from benchmarks.engine.spec import BATCH, FETCH_BYTES, Mark, Spec, told

BATCH_BYTES = 900_000


class Part:
    """One partition: its rows, its producer, and one checkpoint on its way while the next batch is computed."""

    def __init__(self, spec: Spec, partition: int, wire: Wire) -> None:
        self._spec = spec
        self._partition = partition
        self._wire = wire
        self._rows: dict[str, bytes] = {}
        self._flight: asyncio.Task[None] | None = None
        self.producer = AIOKafkaProducer(
            bootstrap_servers=spec.bootstrap,
            transactional_id=f"{spec.name}-{partition}",
            transaction_timeout_ms=10_000,
            acks="all",
            linger_ms=0,
            max_batch_size=BATCH_BYTES,
            retry_backoff_ms=20,
        )

    async def take(self, given: TopicPartition, messages: list[Any]) -> None:
        """Compute this batch while the last one is being committed, then begin to commit it."""
        batches: list[tuple[str, Any]] = []
        wire, rows = self._wire, self._rows
        changed = actions = None
        for message in messages:
            key = message.key.decode()
            if wire.is_order(message):
                row = rows[key] = wire.row(message)
                changed = self._append(batches, self._spec.rows, changed, message.key, row, [])
            else:
                for value, headers in wire.actions(key, rows[key], message):
                    actions = self._append(batches, self._spec.actions, actions, message.key, value, headers)
        await self.settled()
        self._flight = asyncio.create_task(self._commit(batches, {given: messages[-1].offset + 1}))

    def _append(
        self, batches: list[tuple[str, Any]], topic: str, builder: Any, key: bytes, value: bytes, headers: Any
    ) -> Any:
        if builder is None or builder.append(timestamp=None, key=key, value=value, headers=headers) is None:
            builder = self.producer.create_batch()
            builder.append(timestamp=None, key=key, value=value, headers=headers)
            batches.append((topic, builder))
        return builder

    async def settled(self) -> None:
        """The checkpoint on its way is through."""
        if self._flight is not None:
            await self._flight

    async def _commit(self, batches: list[tuple[str, Any]], offsets: dict[TopicPartition, int]) -> None:
        producer = self.producer
        await producer.begin_transaction()
        sent = [await producer.send_batch(batch, topic, partition=self._partition) for topic, batch in batches]
        await asyncio.gather(*sent, producer.send_offsets_to_transaction(offsets, self._spec.name))
        await producer.commit_transaction()


async def run(spec: Spec, wire: Wire) -> None:
    """Until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    parts = [Part(spec, partition, wire) for partition in range(spec.partitions)]
    for part in parts:
        await part.producer.start()
    mark = Mark(spec.mark)
    consumer = AIOKafkaConsumer(
        spec.given,
        bootstrap_servers=spec.bootstrap,
        group_id=spec.name,
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=FETCH_BYTES,
        check_crcs=False,
    )
    await consumer.start()
    while not stop.is_set():
        found = await consumer.getmany(timeout_ms=200, max_records=BATCH)
        if found and mark.waiting:
            mark.taken()
        for given, messages in found.items():
            await parts[given.partition].take(given, messages)
    for part in parts:
        await part.settled()
        await part.producer.stop()
    await consumer.stop()


if __name__ == "__main__":
    with profiled():
        asyncio.run(run(told(), Bare() if sys.argv[2] == "bare" else Contracts("returnstreams/bench")))
