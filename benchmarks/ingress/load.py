"""Load on one side: as fast as so many connections go (wrk), or at a rate (a client that knows what became of each)."""

from __future__ import annotations

import asyncio
import gc
import json
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from benchmarks.ingress.sides import OTHERS, Side, pinned
from benchmarks.latency.client import Request
from benchmarks.latency.figures import percentiles
from demo.broker.ports import LOOPBACK
from demo.stack import PARTITIONS

SCRIPT = Path(__file__).with_name("load.lua")
ANSWER_TIMEOUT_S = 30.0


class NoLoadGenerator(RuntimeError):
    """wrk is not there."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One request of the client: when it was answered, from when it was due. status: 0 where the connection broke."""

    about: str
    status: int
    seconds: float


def wrk(side: Side, file: Path, connections: int, seconds: float, skip: int = 0) -> dict[str, Any]:
    """As fast as they go. cpu_us: of the server, for each answer, whichever it was."""
    program = shutil.which("wrk")
    if program is None:
        raise NoLoadGenerator("wrk is not installed: `apt-get install wrk` (Debian, Ubuntu) or `brew install wrk`")
    command = [program, "-t1", f"-c{connections}", f"-d{seconds:.0f}s", "--timeout", "10s", "-s", str(SCRIPT)]
    command += [f"http://{LOOPBACK}:{side.port}", "--", str(file), str(skip)]
    before = side.cpu_s()
    with pinned(OTHERS):
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    used = side.cpu_s() - before
    found: dict[str, Any] = json.loads(said.strip().splitlines()[-1])
    answered = max(1, found["requests"])
    return found | {
        "per_second": round(found["requests"] / found["seconds"], 1),
        "cpu_us": round(1e6 * used / answered, 1),
        "cpu_percent": round(100 * used / found["seconds"], 1),
    }


async def steady(side: Side, requests: Sequence[Request], rate: float, connections: int = 64) -> list[Sample]:
    """So many a second, whatever became of those before; what broke is tried on a new connection by the next one."""
    # The client's own pauses would be the server's: 30,000 tasks and samples are many to look through for cycles.
    gc.disable()
    try:
        return await _steady(side, requests, rate, connections)
    finally:
        gc.enable()


async def _steady(side: Side, requests: Sequence[Request], rate: float, connections: int) -> list[Sample]:
    free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter] | None] = asyncio.Queue()
    for _ in range(connections):
        free.put_nowait(None)
    begin = time.perf_counter() + 0.05

    async def one(number: int) -> Sample:
        about, raw = requests[number]
        due = begin + number / rate
        pair = await free.get()
        status = 0
        try:
            async with asyncio.timeout(ANSWER_TIMEOUT_S):
                pair = pair or await asyncio.open_connection(LOOPBACK, side.port)
                status, closes = await _ask(*pair, raw)
            if closes:
                pair[1].close()
                pair = None
        except (OSError, EOFError, TimeoutError):
            pair = None
        finally:
            free.put_nowait(pair)
        return Sample(about, status, time.perf_counter() - due)

    under_way: list[asyncio.Task[Sample]] = []
    for number in range(len(requests)):
        # One loop that starts what is due, not a timer and a waiting task for each from the beginning.
        await asyncio.sleep(max(0.0, begin + number / rate - time.perf_counter()))
        under_way.append(asyncio.create_task(one(number)))
    samples = await asyncio.gather(*under_way)
    while not free.empty():
        if (pair := free.get_nowait()) is not None:
            pair[1].close()
    return samples


async def _ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, raw: bytes) -> tuple[int, bool]:
    writer.write(raw)
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    length = head.partition(b"content-length:")[2].split(b"\r\n", 1)[0]
    await reader.readexactly(int(length or b"0"))
    return int(head.split(b" ", 2)[1]), b"connection: close" in head


def of(samples: Sequence[Sample], seconds: float) -> dict[str, Any]:
    """Percentiles of those that were accepted (ms), and how many answers of each status there were."""
    statuses = sorted({sample.status for sample in samples})
    counts = {str(status): sum(sample.status == status for sample in samples) for status in statuses}
    accepted = [sample.seconds for sample in samples if sample.status == 200]
    return {"asked_per_second": round(len(samples) / seconds, 1), "statuses": counts} | percentiles(accepted or [0.0])


def by_status(samples: Sequence[Sample]) -> dict[str, Any]:
    """Percentiles (ms) of those of each status."""
    found: dict[str, list[float]] = {}
    for sample in samples:
        found.setdefault(str(sample.status), []).append(sample.seconds)
    return {status: percentiles(seconds) for status, seconds in sorted(found.items())}


async def ends(bootstrap: str, topic: str) -> dict[int, int]:
    """Where each of its partitions ends."""
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap) as consumer:
        found = await consumer.end_offsets([TopicPartition(topic, number) for number in range(PARTITIONS)])
        return {part.partition: end for part, end in found.items()}


async def keys(bootstrap: str, topic: str, since: Mapping[int, int]) -> Counter[str]:
    """How many records of each key there are from these offsets on, by partition."""
    found: Counter[str] = Counter()
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap, max_partition_fetch_bytes=4 * 2**20) as consumer:
        parts = [TopicPartition(topic, number) for number in range(PARTITIONS)]
        consumer.assign(parts)
        until = await consumer.end_offsets(parts)
        for part in parts:
            consumer.seek(part, since.get(part.partition, 0))
        while any([await consumer.position(part) < end for part, end in until.items()]):
            for records in (await consumer.getmany(timeout_ms=200)).values():
                found.update(record.key.decode() for record in records)
    return found
