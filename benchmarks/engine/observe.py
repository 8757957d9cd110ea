"""From outside: when the last action was visible, what the process used, and whether the right actions came."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition

from benchmarks.engine.traffic import outcome
from streams.engine.kafka import Cluster, reading

# How exactly the end is known. A look costs 0.5 ms.
LOOK_EVERY_S = 0.01
# Nothing more came for so long: all of it is there, or never will be.
QUIET_S = 1.0
PATIENCE_S = 600.0
_TICKS = os.sysconf("SC_CLK_TCK")


class Look(NamedTuple):
    """The end of the output, partition by partition, as a read_committed reader sees it, and the CPU used so far."""

    at: float
    ends: tuple[int, ...]
    cpu: float


class First(NamedTuple):
    """When the first record was taken, and the CPU used until then."""

    at: float
    cpu: float


@dataclass(frozen=True, slots=True)
class Found:
    """One run.

    seconds: from the first record taken to the last action visible. cpu_s: of the process in that time. load: how many
    processes of the machine wanted to run in the last minute (our broker and side are two of them).
    """

    seconds: float
    cpu_s: float
    peak_mb: float
    missing: int
    twice: int
    wrong: int
    load: float


async def watch(
    cluster: Cluster, topic: str, partitions: int, child: asyncio.subprocess.Process, enough: int
) -> list[Look]:
    """Look until so many records are visible and no more come, or nothing comes any more at all."""
    looks: list[Look] = []
    began = changed = time.monotonic()
    places = [TopicPartition(topic, p) for p in range(partitions)]
    async with AIOKafkaConsumer(**cluster.options, isolation_level="read_committed") as consumer:
        while child.returncode is None and time.monotonic() - began < PATIENCE_S:
            ends = await consumer.end_offsets(places)
            now = time.monotonic()
            look = Look(now, tuple(ends[place] for place in places), cpu_s(child.pid))
            if not looks or look.ends != looks[-1].ends:
                changed = now
                looks.append(look)
            if sum(look.ends) >= enough and now - changed > QUIET_S:
                return looks
            await asyncio.sleep(LOOK_EVERY_S)
    raise RuntimeError(f"only {sum(looks[-1].ends)} records; the side ended with {child.returncode}")


async def judge(
    cluster: Cluster, topic: str, looks: list[Look], mark: Path, expected: Mapping[str, str], pid: int
) -> Found:
    """Read everything that came, and say when the last of it could be read."""
    peak = peak_mb(pid)
    first = _first(mark)
    seen: Counter[str] = Counter()
    wrong = 0
    last = [0] * len(looks[0].ends)
    async with reading(cluster) as reader:
        ends = await reader.assign({(topic, p): None for p in range(len(last))})
        while any([await reader.position(*place) < end for place, end in ends.items()]):
            for record in await reader.fetch(0.1):
                action = orjson.loads(record.value or b"")
                seen[action["action_id"]] += 1
                wrong += expected.get(action["action_id"]) != outcome(action)
                last[record.partition] = max(last[record.partition], record.offset)
    end = next(look for look in looks if all(e > o for e, o in zip(look.ends, last, strict=True)))
    return Found(
        seconds=round(end.at - first.at, 3),
        cpu_s=round(end.cpu - first.cpu, 2),
        peak_mb=peak,
        missing=len(expected.keys() - seen.keys()),
        twice=sum(count - 1 for count in seen.values()),
        wrong=wrong,
        load=round(os.getloadavg()[0], 1),
    )


def _first(mark: Path) -> First:
    said = json.loads(mark.read_text())
    return First(said["at"], said["cpu"])


def cpu_s(pid: int | None) -> float:
    """User and system time of a process so far, in steps of 10 ms."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS


def peak_mb(pid: int) -> float:
    """The most memory it has had at once."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return round(next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024, 1)
