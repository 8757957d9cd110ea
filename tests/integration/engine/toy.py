"""The toy agent on a real Kafka: its topics, its input, what came out, and itself as a process that can be killed."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import psutil
from aiokafka import AIOKafkaProducer

from contracts import topics
from contracts.model import Model
from contracts.retailers import Retailer
from contracts.topics import Topic
from streams.engine.global_table import GlobalTable
from streams.engine.kafka import Cluster, Reader, partition_of, reading
from streams.engine.options import RunnerOptions
from streams.engine.outbox import Call
from streams.engine.records import Record
from streams.engine.runner import AgentRunner
from streams.topics_admin import Replication, TopicsAdmin, Wanted, wanted
from tests.unit.engine.toys import ECHOES, LABELS, NUMBERS, TOTALS, Echo, Number, Reply, toy_agent
from tests.waiting import PATIENCE_S, eventually

ONE_COPY = Replication(1, 1)


async def reply(call: Call[Any]) -> Model:
    """A world outside that always says yes."""
    return Reply(text=call.id)


@dataclass(slots=True)
class Running:
    """One runner in this process."""

    runner: AgentRunner
    stop: asyncio.Event
    task: asyncio.Task[None]

    async def ready(self, partitions: int) -> None:
        """Until it has so many partitions, all restored."""
        await eventually(
            lambda: self.task.done() or (self.runner.ready and len(self.runner.partitions) == partitions),
            f"{partitions} partitions ready",
        )
        if self.task.done():
            self.task.result()

    async def leave(self) -> float:
        """Stop in order; the seconds it took."""
        began = time.monotonic()
        self.stop.set()
        await self.task
        return time.monotonic() - began


@dataclass(slots=True)
class Toy:
    """One installation of the toy agent on a broker."""

    bootstrap: str
    prefix: str
    partitions: int = 3
    copies: Replication = ONE_COPY
    produced: Counter[str] = field(default_factory=Counter)

    @property
    def cluster(self) -> Cluster:
        """Where it is."""
        return Cluster({"bootstrap_servers": self.bootstrap}, self.prefix)

    def topics(self) -> list[Wanted]:
        """All its topics: those of the catalogue with one partition, since nobody here reads them."""
        own = [
            Wanted(f"{self.prefix}{topic.name}", self.partitions, topic.config)
            for topic in (NUMBERS, LABELS, ECHOES, TOTALS)
        ]
        rest = [w for w in wanted(["toy"], self.prefix, 1, self.copies) if not w.name.endswith("toy-changelog")]
        return [*own, *rest, Wanted(f"{self.prefix}toy-changelog", self.partitions, topics.CHANGELOG)]

    async def create(self) -> None:
        """Make the topics."""
        async with TopicsAdmin(self.cluster) as admin:
            await admin.apply(await admin.plan(self.topics()), self.copies)

    async def pipe(self, records: Iterable[tuple[Topic, str, Model | bytes | None]]) -> None:
        """Write inputs, each acknowledged by the broker before this returns."""
        producer = AIOKafkaProducer(
            bootstrap_servers=self.bootstrap,
            enable_idempotence=True,  # what is written twice would be counted twice, and rightly so
            linger_ms=5,
            max_request_size=topics.MAX_MESSAGE_BYTES,
        )
        async with producer:
            sent = []
            for topic, key, value in records:
                self.produced[key] += topic is NUMBERS
                raw = value.model_dump_json().encode() if isinstance(value, Model) else value
                kind = [("ce_type", topic.event_for(type(value)).type.encode())] if isinstance(value, Model) else []
                place = partition_of(key.encode(), self.partitions)
                name = self.cluster.name(topic.name)
                sent.append(await producer.send(name, raw, key.encode(), partition=place, headers=kind))
            await asyncio.gather(*sent)

    async def number(self, numbers: Iterable[int], keys: int = 20, **more: Any) -> None:
        """Write these numbers, spread over so many keys."""
        await self.pipe((NUMBERS, f"key{n % keys}", Number(n=n, **more)) for n in numbers)

    async def read(
        self, topic: str, enough: Callable[[list[Record]], bool], timeout_s: float = PATIENCE_S
    ) -> list[Record]:
        """Everything in a topic, committed, as soon as it is enough: to the end, and a moment longer."""
        found: list[Record] = []
        async with reading(self.cluster) as reader:
            ends = await reader.assign({(topic, p): None for p in await reader.partitions(topic)})
            deadline = time.monotonic() + timeout_s
            while not enough(found) or not await _reached(reader, ends):
                assert time.monotonic() < deadline, f"only {len(found)} records in {topic} after {timeout_s} s"
                found += await reader.fetch(0.2)
            return found + await reader.fetch(0.2)

    async def echoes(self, count: int, what: str = "counted", timeout_s: float = PATIENCE_S) -> Counter[int]:
        """How often each number was echoed, as soon as there are so many echoes."""

        def numbers(records: list[Record]) -> list[int]:
            found = [Echo.model_validate_json(r.value or b"") for r in records]
            return [echo.n for echo in found if echo.what == what]

        return Counter(numbers(await self.read(ECHOES.name, lambda r: len(numbers(r)) >= count, timeout_s)))

    async def totals(self) -> dict[str, int]:
        """The last total of each key."""
        records = await self.read(TOTALS.name, bool)
        last = {(r.key or b"").decode(): r.value for r in sorted(records, key=lambda r: r.offset)}
        return {key: json.loads(raw)["n"] for key, raw in last.items() if raw is not None}

    async def exactly_once(self, count: int, timeout_s: float = PATIENCE_S) -> None:
        """Every number from 0 on was echoed once, and every total counts what was written under its key."""
        found = await self.echoes(count, timeout_s=timeout_s)
        lost, twice = set(range(count)) - set(found), {n: times for n, times in found.items() if times > 1}
        some = f"{sorted(lost)[:10]}, {dict(sorted(twice.items())[:10])}"
        assert (lost, twice) == (set(), {}), f"lost {len(lost)}, twice {len(twice)} of {count}; some: {some}"
        totals = await self.totals()
        wrong = {k: (totals.get(k), n) for k, n in self.produced.items() if totals.get(k) != n}
        assert not wrong, f"totals (counted, produced): {wrong}"

    @asynccontextmanager
    async def running(self, options: RunnerOptions | None = None) -> AsyncIterator[Running]:
        """A runner in this process; stopped at the end, whatever happened."""
        table = GlobalTable(self.cluster, topics.RETAILERS, Retailer)
        following = asyncio.create_task(table.follow())
        stop = asyncio.Event()
        runner = AgentRunner(toy_agent(), self.cluster, table, options or RunnerOptions(callers={"box": reply}))
        task = asyncio.create_task(runner.run(stop))
        try:
            yield Running(runner, stop, task)
        finally:
            stop.set()
            following.cancel()
            await asyncio.wait({task, following})

    def process(self, directory: Path, name: str, session_ms: int = 6000, **role: Any) -> Process:
        """The same in a process of its own; role: further fields of its Role, or others than ours."""
        return Process(directory / name, replace(Role(self.bootstrap, self.prefix, session_ms), **role))


@dataclass(frozen=True, slots=True)
class Role:
    """What a process of the toy agent is told.

    session_ms: of its member. stop_timeout_s: for the batch in flight of a partition that goes.
    own_ids: a mutant, whose transactional ids no other process takes over, and whose transactions last for a minute.
    freeze_at: where it stops itself when it is told to: before `begin`, or before `commit`, of a transaction.
    state_dir: for rows on disk; in memory without it.
    """

    bootstrap: str
    prefix: str
    session_ms: int = 6000
    stop_timeout_s: float = 5.0
    instance_id: str | None = None
    own_ids: bool = False
    freeze_at: str | None = None
    state_dir: str | None = None


class Process:
    """The toy agent as a process. As a context: killed at the end, if it still lives."""

    def __init__(self, place: Path, role: Role) -> None:
        self._command = [sys.executable, "-m", "tests.integration.engine.toy_process", str(place)]
        self._command.append(json.dumps(asdict(role)))
        self._status = place.with_suffix(".json")
        self._freeze = place.with_suffix(".freeze")
        self._log = place.with_suffix(".log")
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Process:
        self.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGKILL)

    def start(self) -> None:
        """Begin, after an end as well."""
        self._status.unlink(missing_ok=True)
        with self._log.open("ab") as log:
            self._child = subprocess.Popen(self._command, stdout=log, stderr=log)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, and after one that ends it wait for the end."""
        child = self._child
        if child is None or child.poll() is not None:
            return
        child.send_signal(number)
        if number in (signal.SIGKILL, signal.SIGTERM):
            child.wait(PATIENCE_S)

    def freeze_next(self) -> None:
        """Have its next transaction stop the process, at the point that its role says."""
        self._freeze.touch()

    def limit_files(self, size: int) -> None:
        """Let no file of its grow beyond so many bytes, -1 for no limit: to it, a disk that is full."""
        process = psutil.Process(self.pid)
        process.rlimit(psutil.RLIMIT_FSIZE, (size, process.rlimit(psutil.RLIMIT_FSIZE)[1]))

    @property
    def pid(self) -> int:
        """Of the process that was started last."""
        assert self._child is not None
        return self._child.pid

    @property
    def frozen(self) -> bool:
        """Whether it is stopped by SIGSTOP."""
        return self._child is not None and psutil.Process(self._child.pid).status() == psutil.STATUS_STOPPED

    @property
    def partitions(self) -> list[int]:
        """Which it has, once all of them are restored."""
        try:
            found: list[int] = json.loads(self._status.read_text())
        except OSError:
            return []
        return found

    @property
    def exit_code(self) -> int | None:
        """None while it lives."""
        return None if self._child is None else self._child.poll()

    @property
    def log(self) -> str:
        """What it said."""
        return self._log.read_text()


async def _reached(reader: Reader, ends: Mapping[tuple[str, int], int]) -> bool:
    return all([await reader.position(topic, partition) >= end for (topic, partition), end in ends.items()])
