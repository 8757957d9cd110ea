"""One task of an agent whose outbox has lanes, driven batch by batch."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from streams.engine import outbox
from streams.engine.agent import Outbox
from streams.engine.keyvalue import MemoryKeyValue
from streams.engine.outbox import Answer, Call, Policy
from streams.engine.overlay import Overlay, Rows
from streams.engine.task import Batch, TaskCore
from tests.unit.engine.toys import POLICY, START, Ask, Number, Reply, lane_of, record, toy_agent


class Task:
    """A core, driven batch by batch. room: by lane; as many as asked for in any other."""

    def __init__(self, stored: MemoryKeyValue | None = None, policy: Policy = POLICY) -> None:
        self.core = TaskCore(toy_agent(policy, lanes=True), 0, stored or MemoryKeyValue(), {})
        self.core.calls.look(self.core.stored)
        self.box: Outbox[Any, Any] = self.core.agent.outboxes["box"]
        self.room: dict[str, int] = {}

    def owe(self, *keys: str, now: datetime = START, lane: bool = True) -> None:
        rows = Overlay(self.core.stored)
        for n, key in enumerate(keys):
            name = lane_of(key) if lane else ""
            outbox.append(rows, "box", key, f"{key}#{n}", Ask(text=key), now, lane=name)
        self.apply(rows)

    def begin(self, limit: int = 10, now: datetime = START) -> list[Call[Any]]:
        batch = self.core.begin()
        self.core.start_calls(batch, now, {"box": limit}, room=lambda _, lane: self.room.get(lane, limit))
        self.apply(batch.rows)
        return batch.starts

    def settle(self, call: Call[Any], reply: Reply, now: datetime = START) -> None:
        batch = self.core.begin()
        self.core.answer(batch, [Answer(call, reply)], now)
        self.apply(batch.rows)

    def next_due(self) -> datetime | None:
        return self.core.next_due(["box"], lambda _, lane: self.room.get(lane, 10))

    def apply(self, rows: Overlay) -> None:
        """Commit."""
        self.core.stored.apply(rows.writes, {})
        self.core.calls.applied(rows.writes)

    def settle_and_begin(self, call: Call[Any], reply: Reply, limit: int = 10) -> list[Call[Any]]:
        """As a running task does it: both in one batch. A second after START, of a clock that knows microseconds."""
        batch, now = self.core.begin(), START + timedelta(seconds=1, microseconds=1)
        self.core.answer(batch, [Answer(call, reply)], now)
        return self._rest(batch, now, limit)

    def take_and_begin(self, *keys: str, limit: int = 10) -> list[Call[Any]]:
        """An event for each key, whose handler queues a call."""
        batch, now = self.core.begin(), START + timedelta(seconds=1, microseconds=1)
        for offset, key in enumerate(keys):
            self.core.handle(batch, record(Number(ask=f"{key}#{offset}"), key=key.encode(), offset=offset), now)
        return self._rest(batch, now, limit)

    def _rest(self, batch: Batch, now: datetime, limit: int) -> list[Call[Any]]:
        self.core.start_calls(batch, now, {"box": limit}, room=lambda _, lane: self.room.get(lane, limit))
        self.apply(batch.rows)
        return batch.starts


def left(rows: Rows, *stores: str) -> list[tuple[str, bytes]]:
    return [row for store in stores for row in rows.scan(f"$outbox.box.{store}")]


def lanes(calls: list[Call[Any]]) -> list[str]:
    return [call.lane for call in calls]
