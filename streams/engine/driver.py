"""Run agents in memory, to the record, without a broker: pipe records in, move the clock, read what came out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from contracts.envelope import BadEnvelope, Envelope, from_headers
from contracts.model import Model
from contracts.retailers import Retailer
from contracts.topics import Topic
from streams.engine import tracing
from streams.engine.agent import Agent, Store
from streams.engine.context import decode
from streams.engine.keyvalue import MemoryKeyValue
from streams.engine.outbox import Answer, Call
from streams.engine.records import OutRecord, Record
from streams.engine.task import Batch, TaskCore
from streams.engine.timers import millis

M = TypeVar("M", bound=Model)

START = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)

# More rounds than any handler has business setting timers that are due at once.
_ROUNDS = 10_000


@dataclass(frozen=True, slots=True)
class Written:
    """One record that the agent wrote. value: the JSON bytes, None for a tombstone."""

    topic: str
    key: str
    value: bytes | None
    envelope: Envelope
    record: OutRecord

    def read(self, model: type[M]) -> M:
        """The value as a model."""
        if self.value is None:
            raise ValueError(f"{self.topic} {self.key}: a tombstone has no value")
        return model.model_validate_json(self.value)


@dataclass(slots=True)
class AgentTestDriver:
    """One agent with one partition, in memory.

    Each pipe, advance and answer is one batch, committed before it returns. `now` moves only by `advance`.
    """

    agent: Agent
    retailers: dict[str, Retailer] = field(default_factory=dict)
    now: datetime = START
    written: list[Written] = field(default_factory=list)
    calls: list[Call[Any]] = field(default_factory=list)
    _offsets: dict[str, int] = field(default_factory=dict)
    _core: TaskCore = field(init=False)

    def __post_init__(self) -> None:
        self._core = TaskCore(self.agent, 0, MemoryKeyValue(), self.retailers)

    def pipe(
        self,
        topic: Topic,
        value: Model | bytes | None,
        *,
        key: str,
        type: str | None = None,
        at: datetime | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> list[Written]:
        """Hand in one record and return what came of it. `type`: `ce_type`, by default the model's on this topic."""
        if type is None and isinstance(value, Model):
            type = topic.event_for(value.__class__).type
        pairs = [("ce_type", type)] if type else []
        pairs += [(name, text) for name, text in (headers or {}).items()]
        raw = value.model_dump_json().encode() if isinstance(value, Model) else value
        encoded = tuple((name, text.encode()) for name, text in pairs)
        return self.pipe_record(topic, key.encode(), raw, encoded, at)

    def pipe_record(
        self,
        topic: Topic,
        key: bytes | None,
        value: bytes | None,
        headers: tuple[tuple[str, bytes], ...] = (),
        at: datetime | None = None,
    ) -> list[Written]:
        """Hand in one record as bytes."""
        offset = self._offsets.get(topic.name, 0)
        self._offsets[topic.name] = offset + 1
        record = Record(topic.name, 0, offset, millis(at or self.now), key, value, headers)
        batch = self._core.begin()
        self._core.handle(batch, record, self.now)
        return self._commit(batch)

    def advance(self, by: timedelta) -> list[Written]:
        """Move the clock and fire, each at its own time, what becomes due on the way."""
        end = self.now + by
        written: list[Written] = []
        for _ in range(_ROUNDS):
            due = self._core.next_due(self.agent.outboxes)
            if due is None or due > end:
                break
            self.now = max(self.now, due)
            written += self._settle()
        self.now = end
        return written + self._settle()

    def answer(self, call: Call[Any], value: Model) -> list[Written]:
        """Answer a call that is under way."""
        self.calls.remove(call)
        batch = self._core.begin()
        self._core.answer(batch, [Answer(call, value)], self.now)
        return self._commit(batch)

    def of(self, topic: Topic, model: type[M]) -> list[M]:
        """All values written to a topic so far, tombstones left out."""
        return [w.read(model) for w in self.written if w.topic == topic.name and w.value is not None]

    def store(self, store: Store[M]) -> dict[str, M]:
        """A copy of all rows of a store."""
        return {key: decode(store, row) for key, row in self._core.stored.scan(store.name)}

    @property
    def dead_letters(self) -> list[Written]:
        """What could not be processed."""
        return [w for w in self.written if w.topic == f"dead-letters.{self.agent.name}"]

    def _settle(self) -> list[Written]:
        batch = self._core.begin()
        self._core.fire(batch, self.now, limit=1000)
        return self._commit(batch)

    def _commit(self, batch: Batch) -> list[Written]:
        self._apply(batch)
        tracing.end(batch.spans)
        written = list(_read(batch.emitted))
        self.written += written
        starting = self._core.begin()
        free = {name: 1_000_000 for name in self.agent.outboxes}
        self._core.start_calls(starting, self.now, free)
        self._apply(starting)
        self.calls = [c for c in self.calls if not _same(c, starting.starts)] + starting.starts
        return written

    def _apply(self, batch: Batch) -> None:
        self._core.stored.apply(batch.rows.writes, {})
        self._core.calls.applied(batch.rows.writes)


def _same(call: Call[Any], others: list[Call[Any]]) -> bool:
    return any((call.outbox, call.key, call.id) == (o.outbox, o.key, o.id) for o in others)


def _read(emitted: list[OutRecord]) -> Iterator[Written]:
    for out in emitted:
        try:
            envelope = from_headers(out.headers)
        except BadEnvelope:  # a dead letter's headers are what they were, and may be why it is one
            envelope = Envelope(id="", source="", type="")
        yield Written(out.topic, (out.key or b"").decode(errors="replace"), out.value, envelope, out)
