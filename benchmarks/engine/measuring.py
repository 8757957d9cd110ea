"""One run of one side: fresh topics, a process of its own, watched from outside."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from aiokafka import AIOKafkaProducer

from benchmarks.engine import observe, traffic
from benchmarks.engine.spec import Spec
from contracts import topics
from streams.engine.kafka import Cluster, partition_of
from streams.topics_admin import Replication, TopicsAdmin, Wanted, wanted

INPUT = "bench-events"
ONE_COPY = Replication(1, 1)
STOP_TIMEOUT_S = 15.0
# As many records are on their way to the broker at once while the input is written.
AT_ONCE = 2000


@dataclass(frozen=True, slots=True)
class Side:
    """One way to do the job. wire: what each record carries and what is checked of it."""

    module: str
    argument: str | None
    peer: bool
    guarantee: str
    wire: str


CHECKED = "9 CloudEvents headers read and written, every record validated (pydantic)"
HEADERS = "9 CloudEvents headers read and written, values not validated (orjson)"
UNCHECKED = "no headers written, nothing validated (orjson)"
ONCE = "exactly once, changelogged table"
SIDES: Mapping[str, Side] = {
    "native": Side("native", "memory", False, ONCE, CHECKED),
    "native-unchecked": Side("native", "unchecked", False, ONCE, HEADERS),
    "native-rocksdb": Side("native", "rocksdb", False, ONCE, CHECKED),
    "transactional-contracts": Side("transactional", "contracts", False, "exactly once, no restore", CHECKED),
    "transactional-bare": Side("transactional", "bare", False, "exactly once, no restore", UNCHECKED),
    "librdkafka-contracts": Side("librdkafka", "contracts", True, "exactly once, no restore", CHECKED),
    "librdkafka-bare": Side("librdkafka", "bare", True, "exactly once, no restore", UNCHECKED),
    "bare": Side("bare", None, False, "at least once, rows lost with the process", UNCHECKED),
    "quix": Side("quix_side", None, True, "exactly once, changelogged RocksDB", UNCHECKED),
    "faust": Side("faust_side", None, True, "at least once, changelogged table in memory", UNCHECKED),
}


@dataclass(frozen=True, slots=True)
class Given:
    """How much there is to do."""

    orders: int
    returns: int

    @property
    def events(self) -> int:
        """Input records."""
        return self.orders + self.returns


@dataclass(frozen=True, slots=True)
class Result:
    """What one run found, and how many actions had to come."""

    found: observe.Found
    actions: int


@dataclass(frozen=True, slots=True)
class Bench:
    """A broker with the input, for any number of runs. peers: the venv of Faust and Quix."""

    bootstrap: str
    partitions: int
    peers: Path
    state: Path

    @property
    def cluster(self) -> Cluster:
        """Where the brokers are."""
        return Cluster({"bootstrap_servers": self.bootstrap})

    async def prefill(self, given: Given) -> dict[str, str]:
        """Write the input; what must come of it comes back."""
        await self._create([*wanted([], "", 1, ONE_COPY), Wanted(INPUT, self.partitions, {})])
        producer = AIOKafkaProducer(
            bootstrap_servers=self.bootstrap, linger_ms=20, max_batch_size=500_000, enable_idempotence=True
        )
        async with producer:
            sent = []
            for record in traffic.inputs(given.orders, given.returns):
                key = record.key.encode()
                place = partition_of(key, self.partitions)
                sent.append(
                    await producer.send(INPUT, record.value, key, partition=place, headers=list(record.headers))
                )
                if len(sent) >= AT_ONCE:
                    await asyncio.gather(*sent)
                    sent.clear()
            await asyncio.gather(*sent)
        return traffic.expected(traffic.inputs(given.orders, given.returns))

    async def run(self, side: str, name: str, given: Given, expected: Mapping[str, str]) -> Result:
        """One side, once."""
        name = f"bench-{name}"
        mark = self.state / f"{name}.mark"
        state = self.state / name
        state.mkdir()
        spec = Spec(
            self.bootstrap, name, INPUT, f"{name}-actions", f"{name}-rows", self.partitions, str(mark), str(state)
        )
        # Those that a side makes itself (Faust, Quix) are compacted as well.
        own = [(spec.actions, {}), (spec.rows, topics.COMPACTED), (f"{name}-changelog", topics.CHANGELOG)]
        letters = Wanted(f"dead-letters.{name}", 1, {})
        await self._create([letters, *(Wanted(topic, self.partitions, config) for topic, config in own)])
        child = await self._start(SIDES[side], spec)
        try:
            looks = await observe.watch(self.cluster, spec.actions, self.partitions, child, len(expected))
            found = await observe.judge(self.cluster, spec.actions, looks, mark, expected, child.pid)
        except RuntimeError as error:
            raise RuntimeError(f"{side}: {error}; it said:\n{self._log(spec).read_text()[-3000:]}") from error
        finally:
            await _end(child)
        return Result(found, len(expected))

    def _log(self, spec: Spec) -> Path:
        return self.state / f"{spec.name}.log"

    async def _create(self, wanted: list[Wanted]) -> None:
        async with TopicsAdmin(self.cluster) as admin:
            await admin.apply(await admin.plan(wanted), ONE_COPY)

    async def _start(self, side: Side, spec: Spec) -> asyncio.subprocess.Process:
        python = str(self.peers / "bin" / "python") if side.peer else sys.executable
        command = [python, "-m", f"benchmarks.engine.sides.{side.module}", spec.to_json()]
        command += [side.argument] if side.argument else []
        with self._log(spec).open("wb") as log:
            return await asyncio.create_subprocess_exec(*command, stdout=log, stderr=log, env=dict(os.environ))


async def _end(child: asyncio.subprocess.Process) -> None:
    """Ask it to stop, and see to it that it does."""
    if child.returncode is not None:
        return
    child.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(STOP_TIMEOUT_S):
            await child.wait()
    except TimeoutError:
        child.kill()
        await child.wait()
