"""Reads all topics of an installation as they grow, with read_committed, outside of any group."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Self

from aiokafka import AIOKafkaConsumer, TopicPartition

from contracts import topics
from contracts.topics import Topic
from demo.observed import Observed

START_TIMEOUT_S = 15.0
# aiokafka's stop() can hang when the brokers are away.
STOP_TIMEOUT_S = 5.0
FETCH_MS = 200
# The retailers are what we wrote ourselves.
WATCHED: tuple[Topic, ...] = tuple(topic for topic in topics.CATALOGUE if topic is not topics.RETAILERS)


class TopicReader:
    """Keeps `seen` up to date from the first record on, until it is left.

        async with TopicReader(options, prefix="demo.", partitions=4, agents=AGENTS) as reader:
            await reader.until(lambda: len(reader.seen.actions) == 12, timeout_s=30)

    options: how to reach the brokers, as aiokafka's clients take it. agents: those whose dead letters are read too.
    """

    def __init__(self, options: Mapping[str, Any], *, prefix: str, partitions: int, agents: Iterable[str]) -> None:
        self.seen = Observed()
        self.last_record_at = time.monotonic()
        self._prefix = prefix
        letters = [topics.dead_letters(name) for name in (*agents, "ingress")]
        self._parts = [
            TopicPartition(f"{prefix}{topic.name}", number)
            for topic in (*WATCHED, *letters)
            for number in range(topics.partitions_of(topic, partitions))
        ]
        self._options = options
        self._reading: asyncio.Task[None] | None = None
        self._changed = asyncio.Event()

    @property
    def quiet_s(self) -> float:
        """For how long nothing has come."""
        return time.monotonic() - self.last_record_at

    async def until(self, holds: Callable[[], bool], timeout_s: float) -> bool:
        """Wait until it holds, looking after each record; False when it does not in time. Raises what ended reading."""
        deadline = time.monotonic() + timeout_s
        while not holds():
            if self._reading is not None and self._reading.done():
                self._reading.result()
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            self._changed.clear()
            # Some conditions look at more than records, so we look again every now and then.
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), timeout=min(left, 0.1))
        return True

    async def quiet(self, seconds: float, timeout_s: float) -> None:
        """Wait until nothing has come for so long."""
        await self.until(lambda: self.quiet_s >= seconds, timeout_s)

    async def __aenter__(self) -> Self:
        consumer = AIOKafkaConsumer(
            **self._options, isolation_level="read_committed", enable_auto_commit=False, auto_offset_reset="earliest"
        )
        async with asyncio.timeout(START_TIMEOUT_S):
            await consumer.start()
        consumer.assign(self._parts)
        self._reading = asyncio.create_task(self._read(consumer), name="topic-reader")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._reading is not None:
            self._reading.cancel()
            await asyncio.wait([self._reading])

    async def _read(self, consumer: AIOKafkaConsumer) -> None:
        try:
            while True:
                for part, records in (await consumer.getmany(timeout_ms=FETCH_MS)).items():
                    for record in records:
                        self._take(part.topic.removeprefix(self._prefix), record)
        finally:
            await asyncio.wait([asyncio.ensure_future(consumer.stop())], timeout=STOP_TIMEOUT_S)

    def _take(self, topic: str, record: Any) -> None:
        headers = {name: value.decode(errors="replace") for name, value in record.headers}
        key = record.key.decode(errors="replace") if record.key is not None else None
        self.seen.take(topic, key, record.value, headers)
        self.last_record_at = time.monotonic()
        self._changed.set()
