"""One life of the agent in a process of its own: until it is ready, what it read, and how long its loop stood still."""

from __future__ import annotations

import asyncio
import resource
import time
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition

from benchmarks.restore.agent import agent
from benchmarks.state.steps import resident_mb, storage
from contracts import topics
from contracts.retailers import Retailer
from streams.engine.global_table import GlobalTable
from streams.engine.kafka import Cluster
from streams.engine.options import RunnerOptions
from streams.engine.runner import AgentRunner

PATIENCE_S = 600.0
# What is looked for are tens of milliseconds; a look costs a few microseconds.
PROBE_S = 0.001
FETCH_BYTES = 1_048_576
AT_ONCE = 1_000


@dataclass(frozen=True, slots=True)
class Spec:
    """Where the rows are, and where to put them. kind: of store. directory: for those on disk."""

    bootstrap: str
    prefix: str
    partitions: int
    kind: str
    directory: str

    @property
    def cluster(self) -> Cluster:
        """Where they are."""
        return Cluster({"bootstrap_servers": self.bootstrap}, self.prefix)

    def to_dict(self) -> dict[str, Any]:
        """For another process."""
        return asdict(self)


class Stalls:
    """How long the loop stood still at most, in seconds: by the wall clock, and how much of it it worked itself.

    The first counts what other processes took of the machine too, the second only this thread.
    """

    def __init__(self) -> None:
        self.longest = 0.0
        self.busiest = 0.0

    async def watch(self) -> None:
        """For ever."""
        while True:
            began, worked = time.perf_counter(), time.thread_time()
            await asyncio.sleep(PROBE_S)
            self.longest = max(self.longest, time.perf_counter() - began - PROBE_S)
            self.busiest = max(self.busiest, time.thread_time() - worked)


class Logs:
    """Keeps what is logged, with the time."""

    def __init__(self) -> None:
        self._lines: list[MutableMapping[str, Any]] = []
        structlog.configure(processors=[self._keep])

    def _keep(self, logger: object, method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        self._lines.append({**line, "at": time.perf_counter()})
        raise structlog.DropEvent

    def of(self, action: str) -> list[MutableMapping[str, Any]]:
        """The lines of this action."""
        return [line for line in self._lines if line.get("action") == action]


async def measured(life: Callable[[], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
    """What a life tells, with its memory, its CPU and the longest standstill."""
    before, cpu, stalls = resident_mb(), time.process_time(), Stalls()
    watching = asyncio.create_task(stalls.watch())
    try:
        told = await life()
        return told | {
            "longest_stall_ms": round(stalls.longest * 1e3, 1),
            "longest_busy_ms": round(stalls.busiest * 1e3, 1),
            "cpu_s": round(time.process_time() - cpu, 2),
            "resident_mb": round(resident_mb() - before, 1),
            "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3, 1),
        }
    finally:
        watching.cancel()


def restore(**spec: Any) -> dict[str, Any]:
    """Start the agent, wait until all of its tasks are ready, stop it."""
    return asyncio.run(measured(lambda: _restore(Spec(**spec))))


async def _restore(spec: Spec) -> dict[str, Any]:
    logs = Logs()  # first, for a logger keeps what it was bound with
    table = GlobalTable(spec.cluster, topics.RETAILERS, Retailer)
    following = asyncio.create_task(table.follow())
    stop = asyncio.Event()
    made = storage(spec.kind, Path(spec.directory))
    runner = AgentRunner(agent(), spec.cluster, table, RunnerOptions(storage=made, instance_id="bench"))
    began = time.perf_counter()
    running = asyncio.create_task(runner.run(stop))
    await _ready(runner, running, spec.partitions)
    ready = time.perf_counter()
    following.cancel()
    stop.set()
    await running
    left = time.perf_counter()
    records = sum(line["records"] for line in logs.of("restored"))
    seconds = ready - logs.of("assigned")[0]["at"]
    return {
        "records": records,
        "start_to_ready_s": round(ready - began, 3),
        "assigned_to_ready_s": round(seconds, 3),
        "rows_per_s": round(records / seconds),
        "leave_s": round(left - ready, 3),
    }


async def _ready(runner: AgentRunner, running: asyncio.Task[None], partitions: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not (runner.ready and len(runner.partitions) == partitions):
        if running.done():
            running.result()
        assert time.monotonic() < deadline, f"not restored in {PATIENCE_S} s"
        await asyncio.sleep(PROBE_S)


def bare(**spec: Any) -> dict[str, Any]:
    """Only read the same topic with the same client, and do nothing with it."""
    return asyncio.run(measured(lambda: _bare(Spec(**spec))))


async def _bare(spec: Spec) -> dict[str, Any]:
    places = [TopicPartition(f"{spec.prefix}{agent().changelog}", p) for p in range(spec.partitions)]
    consumer = AIOKafkaConsumer(
        bootstrap_servers=spec.bootstrap,
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=FETCH_BYTES,
        check_crcs=False,
    )
    began = time.perf_counter()
    records = 0
    async with consumer:
        consumer.assign(places)
        ends = await consumer.end_offsets(places)
        while any([await consumer.position(place) < end for place, end in ends.items()]):
            found = await consumer.getmany(timeout_ms=50, max_records=AT_ONCE)
            records += sum(map(len, found.values()))
    seconds = time.perf_counter() - began
    return {"records": records, "seconds": round(seconds, 3), "rows_per_s": round(records / seconds)}
