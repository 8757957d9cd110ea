"""The steps that `python -m benchmarks.state` measures, each in a process of its own."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import resource
import threading
import time
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from streams.engine.keyvalue import KeyValue, MemoryKeyValue
from streams.engine.overlay import Writes
from streams.engine.rocks import RocksStorage

# As restore reads them, and as a full checkpoint writes them.
RESTORE_BATCH, APPLY_BATCH = 5_000, 2_000
APPLIES, GETS = 200, 20_000
ROW_BYTES = 500
CHANGELOG = "bench-changelog"

Storage = Callable[[str, int], KeyValue]


def row(number: int) -> bytes:
    """JSON that compresses about as orders do: names that repeat, values that do not."""
    noise = b"".join(hashlib.sha512(b"%d/%d" % (number, part)).digest() for part in range(2)).hex()
    fields = {f"field_name_{n}": noise[n * 16 : n * 16 + 16] for n in range(12)}
    return json.dumps(fields).encode()[:ROW_BYTES].ljust(ROW_BYTES, b" ")


def key(number: int) -> str:
    """In no order, as keys that are hashed to partitions come."""
    return f"acme/{number * 2654435761 % 2**32:010}"


def writes(numbers: range) -> Writes:
    """One batch."""
    return {"orders": {key(n): row(n) for n in numbers}}


def storage(kind: str, directory: Path) -> Storage:
    """The same as a process makes it."""
    return RocksStorage(directory) if kind == "rocksdb" else lambda agent, partition: MemoryKeyValue()


def percentiles(seconds: list[float], unit: float) -> dict[str, float]:
    """p50, p99 and the largest."""
    ordered = sorted(seconds)
    picked = {"p50": ordered[len(ordered) // 2], "p99": ordered[len(ordered) * 99 // 100], "max": ordered[-1]}
    return {name: round(value * unit, 3) for name, value in picked.items()}


def resident_mb() -> float:
    """Of this process, now."""
    return round(int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6, 1)


def timed(step: Callable[..., object], *arguments: object) -> float:
    """Seconds that a step took."""
    began = time.perf_counter()
    step(*arguments)
    return time.perf_counter() - began


def batches(rows: int) -> Iterator[tuple[Writes, int]]:
    """The changelog, and the offset behind each part."""
    for start in range(0, rows, RESTORE_BATCH):
        end = min(rows, start + RESTORE_BATCH)
        yield writes(range(start, end)), end


def use(kind: str, directory: Path, rows: int) -> dict[str, Any]:
    """Restore everything, then read and write as a task does."""
    before = resident_mb()
    kept = storage(kind, directory)("bench", 0)
    restoring = [timed(kept.apply, batch, {CHANGELOG: end}, False) for batch, end in batches(rows)]
    grown = round(resident_mb() - before, 1)
    chosen = random.Random(7)
    gets = [timed(kept.get, "orders", key(chosen.randrange(rows))) for _ in range(GETS)]
    misses = [timed(kept.get, "orders", f"none/{n}") for n in range(GETS)]
    applies = []
    for n in range(APPLIES):
        start = chosen.randrange(rows)
        applies.append(timed(kept.apply, writes(range(start, start + APPLY_BATCH)), {CHANGELOG: rows + n}))
    scanning = timed(lambda: sum(1 for _ in kept.scan("orders", "acme/00")))
    return {
        "restore_rows_per_s": round(rows / sum(restoring)),
        "restore_s": round(sum(restoring), 2),
        "apply_5000_restoring_ms": percentiles(restoring, 1e3),
        "apply_2000_ms": percentiles(applies, 1e3),
        "get_us": percentiles(gets, 1e6),
        "get_missing_us": percentiles(misses, 1e6),
        "scan_of_a_prefix_ms": round(scanning * 1e3, 2),
        "resident_after_restore_mb": grown,
        "resident_at_end_mb": round(resident_mb() - before, 1),
        "close_ms": round(timed(kept.close) * 1e3, 1),
    }


def crash(kind: str, directory: Path, rows: int) -> dict[str, Any]:
    """Write some more and end without closing: the worst that a restart finds."""
    kept = storage(kind, directory)("bench", 0)
    for start in range(0, rows, RESTORE_BATCH):
        kept.apply(writes(range(start, start + RESTORE_BATCH)), {CHANGELOG: rows + start})
    return {}


def restart(kind: str, directory: Path, rows: int) -> dict[str, Any]:
    """Until the first row can be read."""
    kept = storage(kind, directory)("bench", 0)
    opening = timed(kept.positions)
    found = kept.get("orders", key(rows // 2))
    assert found == row(rows // 2)
    return {"open_ms": round(opening * 1e3, 1)}


def threads(kind: str, directory: Path, rows: int) -> dict[str, Any]:
    """The longest that a loop stands still while another thread applies: whether a thread would help."""
    kept = storage(kind, directory)("bench", 0)
    kept.positions()  # what opening takes is measured elsewhere
    given = [writes(range(n * APPLY_BATCH, (n + 1) * APPLY_BATCH)) for n in range(20)]

    async def stands_still(apply: Callable[[Writes], Any]) -> float:
        longest, done = 0.0, threading.Event()

        async def all_of_them() -> None:
            for batch in given:
                result = apply(batch)
                if result is not None:
                    await result
                await asyncio.sleep(0)
            done.set()

        running = asyncio.create_task(all_of_them())
        while not done.is_set():
            began = time.perf_counter()
            await asyncio.sleep(0)
            longest = max(longest, time.perf_counter() - began)
        await running
        return round(longest * 1e3, 2)

    return {
        "longest_standstill_ms": {
            "on_the_loop": asyncio.run(stands_still(lambda b: kept.apply(b, {}))),
            "in_a_thread": asyncio.run(stands_still(lambda b: asyncio.to_thread(kept.apply, b, {}))),
        }
    }


def answering(step: Callable[[str, Path, int], object], kind: str, directory: Path, rows: int, to: Connection) -> None:
    """Run a step in this process, and send what it found to the one that asked."""
    to.send(step(kind, directory, rows))
