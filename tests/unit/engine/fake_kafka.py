"""A broker made of lists, behind the same seam as the real one, that does what a test tells it to."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import nullcontext
from datetime import datetime
from typing import Any

import pytest

from streams.engine import restore, runner, running_task, starting
from streams.engine.clock import Clock, utc_now
from streams.engine.kafka import Committed, Standing
from streams.engine.records import OutRecord, Record
from tests.unit.engine.toys import ECHOES, Echo

Deal = Callable[[], Awaitable[list[Record]]]


async def nothing() -> list[Record]:
    """A fetch that finds nothing for as long as it may."""
    await asyncio.sleep(3600)
    return []


class FakeKafka:
    """One partition of every topic.

    inputs: of its agent. clock: the broker's, None for topics that bear their writers' time. deal: what a fetch brings.
    before_commit: awaited in each transaction.
    """

    def __init__(self) -> None:
        self.clock: Clock | None = utc_now
        self.inputs: tuple[str, ...] = ("numbers", "labels")
        self.deal: Deal = nothing
        self.before_commit: Callable[[], Awaitable[None]] = self._at_once
        self.committed: list[OutRecord] = []
        self.offsets: dict[str, int] = {}
        self.ends: dict[str, int] = {}
        self.opened = 0
        self.closed = 0
        self.listeners: tuple[Any, Any] = (None, None)
        self.while_closing: Callable[[], None] = lambda: None

    async def _at_once(self) -> None:
        await asyncio.sleep(0)

    def echoes(self) -> list[Echo]:
        """What the toy agent has said so far."""
        return [Echo.model_validate_json(o.value or b"") for o in self.committed if o.topic == ECHOES.name]

    def install(self, monkeypatch: pytest.MonkeyPatch) -> FakeKafka:
        """Put it in the place of the real one."""

        async def restored(*args: object) -> None:
            await asyncio.sleep(0)

        monkeypatch.setattr(running_task, "Transactions", lambda cluster, name: FakeTransactions(self))
        monkeypatch.setattr(runner, "GroupConsumer", lambda *args, **more: FakeConsumer(self))
        monkeypatch.setattr(starting, "reading", lambda cluster: nullcontext())
        monkeypatch.setattr(restore, "restore", restored)
        monkeypatch.setattr(restore, "restore_mirrors", restored)
        return self


class FakeTransactions:
    """See streams.engine.kafka.Transactions."""

    def __init__(self, kafka: FakeKafka) -> None:
        self._kafka = kafka
        self.appended: dict[tuple[str, int], datetime | None] = {}

    async def open(self) -> None:
        """Counts."""
        self._kafka.opened += 1

    async def commit(
        self, records: Iterable[OutRecord], offsets: Mapping[tuple[str, int], int], group: str
    ) -> dict[tuple[str, int], int]:
        """Takes what `before_commit` lets through."""
        records = list(records)
        await self._kafka.before_commit()
        self._kafka.committed += records
        self._kafka.offsets |= {topic: offset for (topic, _), offset in offsets.items()}
        now = self._kafka.clock() if self._kafka.clock else None
        self.appended = {(record.topic, 0): now for record in records}
        return {}

    async def close(self) -> None:
        """Nothing to let go."""


class FakeConsumer:
    """See streams.engine.kafka.GroupConsumer."""

    def __init__(self, kafka: FakeKafka) -> None:
        self._kafka = kafka

    async def start(self, on_revoked: Any, on_assigned: Any) -> None:
        """Assigns nothing by itself."""
        self._kafka.listeners = on_revoked, on_assigned

    def seek(self, partition: int, offsets: Mapping[str, int]) -> None:
        """Deals are what they are."""

    async def fetch(self, partition: int, max_records: int, timeout_s: float) -> list[Record]:
        """The next deal."""
        return await self._kafka.deal()

    async def committed(self, partition: int) -> dict[str, Committed | None]:
        """What transactions have committed."""
        known = {topic: Committed(offset, ours=True) for topic, offset in self._kafka.offsets.items()}
        return {topic: known.get(topic) for topic in self._kafka.inputs}

    async def bounds(self, partition: int) -> tuple[dict[str, int], dict[str, int]]:
        """All topics begin at 0."""
        ends = {topic: self._kafka.ends.get(topic, 0) for topic in self._kafka.inputs}
        return dict.fromkeys(ends, 0), ends

    async def positions(self, partition: int) -> dict[str, int]:
        """Everything before the ends has been read."""
        return (await self.bounds(partition))[1]

    async def standing(self, partitions: Iterable[int]) -> dict[int, dict[str, Standing]]:
        """As far as all that there is."""
        at = {topic: Standing(end, end) for topic, end in (await self.positions(0)).items()}
        return dict.fromkeys(partitions, at)

    def partition_counts(self) -> dict[str, int]:
        """One each."""
        return {"numbers": 1, "labels": 1}

    async def close(self) -> None:
        """Counts."""
        self._kafka.closed += 1
        self._kafka.while_closing()
        await asyncio.sleep(0)
