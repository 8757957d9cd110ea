"""When each record became visible to a reader with read_committed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

START_TIMEOUT_S = 15.0
STOP_TIMEOUT_S = 5.0
ASK_AGAIN_S = 0.02


class Watch:
    """Made by `watching`. seen: by topic and key, the time (perf_counter) of the first record of that key."""

    def __init__(self, topics: Iterable[str]) -> None:
        self.seen: dict[str, dict[str, float]] = {topic: {} for topic in topics}
        self.last = time.perf_counter()

    async def until(self, holds: Callable[[], bool], timeout_s: float, what: str) -> None:
        """Returns when it holds; TimeoutError that says what did not happen."""
        deadline = time.perf_counter() + timeout_s
        while not holds():
            if time.perf_counter() > deadline:
                counts = {topic: len(keys) for topic, keys in self.seen.items()}
                raise TimeoutError(f"not within {timeout_s:.0f} s: {what}; seen {counts}")
            await asyncio.sleep(ASK_AGAIN_S)

    async def all_of(self, topic: str, keys: Iterable[str], timeout_s: float = 120.0) -> None:
        """Returns when there is a record of each of these keys."""
        wanted, seen = set(keys), self.seen[topic]
        await self.until(lambda: len(seen) >= len(wanted) and wanted <= seen.keys(), timeout_s, f"all of {topic}")

    async def quiet(self, seconds: float, timeout_s: float = 120.0) -> None:
        """Returns when nothing has come for so long."""
        await self.until(lambda: time.perf_counter() - self.last > seconds, timeout_s, "quiet")

    async def read(self, consumer: AIOKafkaConsumer, names: Mapping[str, str]) -> None:
        """Note what comes, until cancelled."""
        while True:
            for part, records in (await consumer.getmany(timeout_ms=500)).items():
                self.last = time.perf_counter()
                seen = self.seen[names[part.topic]]
                for record in records:
                    seen.setdefault(record.key.decode(), self.last)


@asynccontextmanager
async def watching(
    options: Mapping[str, Any], prefix: str, topics: Iterable[str], partitions: int
) -> AsyncIterator[Watch]:
    """Watch these topics (named without the prefix) from their first record on."""
    names = {f"{prefix}{topic}": topic for topic in topics}
    consumer = AIOKafkaConsumer(
        **options, isolation_level="read_committed", enable_auto_commit=False, auto_offset_reset="earliest"
    )
    async with asyncio.timeout(START_TIMEOUT_S):
        await consumer.start()
    consumer.assign([TopicPartition(name, number) for name in names for number in range(partitions)])
    watch = Watch(names.values())
    reading = asyncio.create_task(watch.read(consumer, names))
    try:
        yield watch
    finally:
        reading.cancel()
        await asyncio.wait([reading])
        await asyncio.wait([asyncio.ensure_future(consumer.stop())], timeout=STOP_TIMEOUT_S)
