"""The ceiling on another client: the same loop as `transactional`, on librdkafka (confluent-kafka).

python -m benchmarks.engine.sides.librdkafka SPEC [bare|contracts]     (in the venv of requirements/bench.txt)

Its own threads fetch, decode, build batches and talk to the brokers; one of ours for each partition waits for commits.
"""

from __future__ import annotations

import signal
import sys
from collections import defaultdict
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

from confluent_kafka import Consumer, Producer, TopicPartition  # type: ignore[import-not-found]

from benchmarks.engine.sides.wire import Bare, Contracts, Wire, Written
from benchmarks.engine.spec import BATCH, FETCH_BYTES, Mark, Spec, told

COMMIT_TIMEOUT_S = 30.0


class Taken(NamedTuple):
    """A message as the wire reads it."""

    key: bytes
    value: bytes
    headers: list[tuple[str, bytes]]
    offset: int


class Part:
    """One partition: its rows, its producer, and one checkpoint on its way while the next batch is computed."""

    def __init__(self, spec: Spec, partition: int, wire: Wire, commits: ThreadPoolExecutor, group: Any) -> None:
        self._spec = spec
        self._partition = partition
        self._wire = wire
        self._commits = commits
        self._group = group
        self._rows: dict[bytes, bytes] = {}
        self._flight: Future[None] | None = None
        self._producer = Producer(
            {
                "bootstrap.servers": spec.bootstrap,
                "transactional.id": f"{spec.name}-{partition}",
                "transaction.timeout.ms": 10_000,
                # The batch is whole before it is handed over; commit_transaction flushes.
                "linger.ms": 2,
                "batch.num.messages": 10_000,
                "queue.buffering.max.messages": 200_000,
            }
        )
        self._producer.init_transactions(COMMIT_TIMEOUT_S)

    def take(self, messages: list[Taken]) -> None:
        """Compute this batch while the last one is being committed, then begin to commit it."""
        wire, rows = self._wire, self._rows
        changed: list[tuple[bytes, bytes]] = []
        actions: list[tuple[bytes, Written]] = []
        for message in messages:
            key = message.key
            if wire.is_order(message):
                row = rows[key] = wire.row(message)
                changed.append((key, row))
            else:
                actions += [(key, written) for written in wire.actions(key.decode(), rows[key], message)]
        self.settled()
        producer, partition = self._producer, self._partition
        producer.begin_transaction()
        for key, row in changed:
            producer.produce(self._spec.rows, row, key, partition)
        for key, (value, headers) in actions:
            producer.produce(self._spec.actions, value, key, partition, headers=headers or None)
        after = TopicPartition(self._spec.given, partition, messages[-1].offset + 1)
        self._flight = self._commits.submit(self._commit, after)

    def settled(self) -> None:
        """The checkpoint on its way is through."""
        if self._flight is not None:
            self._flight.result(COMMIT_TIMEOUT_S)
            self._flight = None

    def _commit(self, after: Any) -> None:
        self._producer.send_offsets_to_transaction([after], self._group(), COMMIT_TIMEOUT_S)
        self._producer.commit_transaction(COMMIT_TIMEOUT_S)


def main(spec: Spec, wire: Wire) -> None:
    """Until SIGTERM."""
    stopping: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _: stopping.append(number))
    consumer = Consumer(
        {
            "bootstrap.servers": spec.bootstrap,
            "group.id": spec.name,
            "isolation.level": "read_committed",
            "enable.auto.commit": False,
            "enable.auto.offset.store": False,
            "auto.offset.reset": "earliest",
            "max.partition.fetch.bytes": FETCH_BYTES,
            "queued.max.messages.kbytes": 16_384,
        }
    )
    commits = ThreadPoolExecutor(spec.partitions)
    parts = [Part(spec, p, wire, commits, consumer.consumer_group_metadata) for p in range(spec.partitions)]
    mark = Mark(spec.mark)
    consumer.subscribe([spec.given])
    while not stopping:
        found = consumer.consume(BATCH, 0.02)
        if found and mark.waiting:
            mark.taken()
        by_partition: defaultdict[int, list[Taken]] = defaultdict(list)
        for m in found:
            if m.error() is not None:
                raise RuntimeError(str(m.error()))
            by_partition[m.partition()].append(Taken(m.key(), m.value(), m.headers() or [], m.offset()))
        for partition, messages in by_partition.items():
            parts[partition].take(messages)
    for part in parts:
        part.settled()
    commits.shutdown()
    consumer.close()


if __name__ == "__main__":
    main(told(), Bare() if sys.argv[2] == "bare" else Contracts("returnstreams/bench"))
