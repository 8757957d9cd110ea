"""What the engine itself costs an event, step by step and without a broker: for before and after a change.

python -m benchmarks.engine.hot_path [--events 20000] [--repeat 5]

One task, the same agent and input as the whole benchmark, in batches of 2,000. µs of CPU an input event, the least of
all repeats: what else the machine does can only add.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.structs import ConsumerRecord

from benchmarks.engine import traffic
from benchmarks.engine.sides.native import agent
from benchmarks.engine.spec import BATCH, Mark, Spec
from streams.engine import positions
from streams.engine.clock import utc_now
from streams.engine.kafka import Cluster, Transactions
from streams.engine.kafka.cluster import record_of
from streams.engine.keyvalue import MemoryKeyValue
from streams.engine.task import TaskCore
from streams.garbage import collect_rarely

# Any time that the engine takes for one: the 28th of November 2026.
WRITTEN_MS = 1_795_824_000_000
SPEC = Spec("localhost:1", "bench", "given", "actions", "rows", 4, "", "")


class NoBroker:
    """The producer of a task, as far as building batches goes."""

    def __init__(self) -> None:
        self.real = AIOKafkaProducer(bootstrap_servers=SPEC.bootstrap, max_batch_size=900_000, linger_ms=0)
        self.create_batch = self.real.create_batch
        self._message_accumulator = self.real._message_accumulator
        self.records = 0

    async def partitions_for(self, topic: str) -> set[int]:
        """Of every topic."""
        return set(range(SPEC.partitions))

    async def send_batch(self, builder: Any, topic: str, partition: int) -> asyncio.Future[None]:
        """Count it."""
        self.records += builder.record_count()
        sent: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        sent.set_result(None)
        return sent


@dataclass(slots=True)
class Steps:
    """Seconds of CPU by step."""

    spent: defaultdict[str, float] = field(default_factory=lambda: defaultdict(float))

    @contextlib.contextmanager
    def time(self, name: str) -> Iterator[None]:
        """Count what is done meanwhile."""
        began = time.process_time()
        yield
        self.spent[name] += time.process_time() - began


def messages(events: int) -> list[Any]:
    """As the client hands them over."""
    given = enumerate(traffic.inputs(events // 2, events // 2))
    return [
        ConsumerRecord("given", 0, offset, WRITTEN_MS, 0, r.key.encode(), r.value, None, 0, 0, r.headers)
        for offset, r in given
    ]


async def once(given: list[Any], sink: NoBroker) -> dict[str, float]:
    """All batches; µs an event by step."""
    steps, mark = Steps(), Mark("")
    mark.waiting = False
    made, cluster, stored = agent(SPEC, mark), Cluster({"bootstrap_servers": SPEC.bootstrap}), MemoryKeyValue()
    core = TaskCore(made, 0, stored, {})
    producer = Transactions(cluster, "bench-0")
    await producer.close()
    producer._producer = sink
    for start in range(0, len(given), BATCH):
        with steps.time("records from messages"):
            records = [record_of(cluster, message) for message in given[start : start + BATCH]]
        now = utc_now()
        with steps.time("handlers"):
            batch = core.begin()
            for record in records:
                core.handle(batch, record, now)
        with steps.time("rows to changelog records"):
            writes = batch.rows.net()
            positions.note_consumed(stored, writes, batch.offsets, SPEC.partitions)
            rows = positions.changelog_records(made, 0, writes)
        with steps.time("records to batches"):
            await producer._send([*batch.emitted, *rows], [])
        with steps.time("apply"):
            stored.apply(writes, {})
        assert not batch.dead
    assert sink.records > len(given)
    return {name: seconds / len(given) * 1e6 for name, seconds in steps.spent.items()}


async def measure(events: int, repeat: int) -> dict[str, float]:
    """The least of each step."""
    given = messages(events)
    sink = NoBroker()
    collect_rarely()
    runs = [await once(given, sink) for _ in range(repeat)]
    await sink.real.stop()
    return {name: min(run[name] for run in runs) for name in runs[0]}


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.engine.hot_path")
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--repeat", type=int, default=5)
    asked = parser.parse_args()
    least = asyncio.run(measure(asked.events, asked.repeat))
    for name, spent in [*least.items(), ("in all", sum(least.values()))]:
        print(f"{name:28} {spent:7.2f} us")


if __name__ == "__main__":
    main()
