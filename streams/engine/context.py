"""What a handler may do: read and write its stores, emit records, set timers, queue calls. Nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypeVar

from contracts import keys
from contracts.envelope import Headers
from contracts.model import Model
from contracts.retailers import Retailer
from contracts.topics import Topic
from contracts.trace import Trace
from streams.engine import outbox as outboxes
from streams.engine import timers
from streams.engine.agent import Agent, Outbox, Store, TimerSpec
from streams.engine.errors import NotYet
from streams.engine.overlay import Overlay, Rows
from streams.engine.records import OutRecord, Record
from streams.engine.versions import refusal

M = TypeVar("M", bound=Model)
I = TypeVar("I", bound=Model)  # noqa: E741 - the intent


class Cause(NamedTuple):
    """What a handler runs for: gives emitted records stable ids and carries the trace on.

    record: None where it is none. step: in that case, what is done, in two words.
    """

    id: str
    trace: Trace | None = None
    record: Record | None = None
    step: str = ""


@dataclass(frozen=True, slots=True)
class View:
    """A task's stores, and the retailers as they are now, for who may only read."""

    rows: Rows
    retailers: Mapping[str, Retailer]

    def get(self, store: Store[M], key: str) -> M | None:
        """The row; None where there is none."""
        row = self.rows.get(store.name, key)
        return None if row is None else decode(store, row)


@dataclass(slots=True)
class Context:
    """One handler's view of its task. Dropped whole when the handler raises.

    now: the task's time, UTC; the only clock a handler has. partition: the task's.
    """

    agent: Agent
    partition: int
    now: datetime
    retailers: Mapping[str, Retailer]
    rows: Overlay
    cause: Cause
    emitted: list[OutRecord] = field(default_factory=list)

    def get(self, store: Store[M], key: str) -> M | None:
        """The row as the handler has left it so far; None where there is none."""
        row = self.rows.get(store.name, key)
        return None if row is None else decode(store, row)

    def scan(self, store: Store[M], prefix: str = "", after: str = "") -> Iterator[tuple[str, M]]:
        """The rows whose key begins with `prefix` and is greater than `after`, in the order of their keys."""
        for key, row in self.rows.scan(store.name, prefix, after):
            yield key, decode(store, row)

    def put(self, store: Store[M], key: str, row: M) -> None:
        """Write a row; with an output topic for a changelog it is emitted there too."""
        data = encode(store, row)
        self.rows.put(store.name, key, data)
        if store.changelog is not None:
            headers = self._headers(store.changelog, row, None, key)
            self._write(store.changelog, key, data, headers, None, self.partition)

    def delete(self, store: Store[M], key: str) -> None:
        """Delete a row; with an output topic for a changelog its tombstone is emitted."""
        self.rows.put(store.name, key, None)
        if store.changelog is not None:
            self.forget(store.changelog, key=key, partition=self.partition)

    def emit(
        self,
        topic: Topic,
        value: Model,
        *,
        key: str,
        partition_key: str | None = None,
        partition: int | None = None,
        id: str | None = None,
        subject: str | None = None,
    ) -> None:
        """Write a record in this checkpoint's transaction.

        partition_key: what decides the partition, when it is not the whole key. id: of the fact; by default made of
        what the handler runs for. KeyError when the topic does not take this model.
        """
        headers = self._headers(topic, value, id, subject or key)
        self._write(topic, key, value.to_json(), headers, partition_key, partition)

    def _headers(self, topic: Topic, value: Model, id: str | None, subject: str) -> Headers:
        event = topic.event_for(type(value))
        return self.agent.letterhead.headers(
            id or keys.fact_id(self.agent.name, self.cause.id, len(self.emitted)),
            event.type,
            event.dataschema,
            self.now,
            subject,
            self.cause.trace,
        )

    def forget(self, topic: Topic, *, key: str, partition_key: str | None = None, partition: int | None = None) -> None:
        """Write a tombstone to a compacted topic."""
        if not topic.compacted:
            raise ValueError(f"{topic.name} is not compacted: a tombstone means nothing there")
        trace = self.cause.trace
        self._write(topic, key, None, () if trace is None else trace.record_headers, partition_key, partition)

    def _write(
        self,
        topic: Topic,
        key: str,
        value: bytes | None,
        headers: Headers,
        partition_key: str | None,
        partition: int | None,
    ) -> None:
        deciding = (partition_key if partition_key is not None else key).encode()
        self.emitted.append(OutRecord(topic.name, key.encode(), value, headers, deciding, partition))

    def set_timer(
        self, timer: TimerSpec, key: str, due: datetime, payload: bytes = b"", slack: timedelta = timedelta(0)
    ) -> None:
        """Have `timer` fire for `key` at `due`, in place of an earlier one of the same key.

        slack: how much sooner will do, so that one that is set already need not be written anew.
        """
        timers.put(self.rows, timer.name, key, due, payload, slack)

    def cancel_timer(self, timer: TimerSpec, key: str) -> None:
        """Have it not fire. Nothing happens where none is set."""
        timers.cancel(self.rows, timer.name, key)

    def call(self, outbox: Outbox[I, Any], key: str, intent: I, *, id: str) -> None:
        """Queue a call to the outside, behind earlier ones of `key`. `id` is the same for all its attempts."""
        outboxes.append(self.rows, outbox.name, key, id, intent, self.now, self.cause.trace, outbox.lane_of(key))

    def owes(self, outbox: Outbox[Any, Any], key: str, id: str) -> bool:
        """Whether a call of `key` with this id is queued or under way."""
        return outboxes.owes(self.rows, outbox.name, key, id)

    def try_again(self, outbox: Outbox[I, Any], key: str, intent: I | None = None) -> None:
        """Let the call at the head of `key`, which waits until NEVER, be made now; see `outbox.try_again`."""
        outboxes.try_again(self.rows, outbox, key, self.now, intent)

    def retailer(self, retailer_id: str) -> Retailer:
        """The retailer as it is now. Raises NotYet where it is not known: the record then waits."""
        found = self.retailers.get(retailer_id)
        if found is None:
            raise NotYet(f"retailer {retailer_id!r} is not known: apply it with `returnstreams retailers apply`")
        return found


def encode(store: Store[Any], row: Model) -> bytes:
    """A row as stored: one byte of schema version before the JSON, unless an output topic holds the same row."""
    data = row.to_json()
    return data if store.changelog is not None else bytes((store.version,)) + data


def decode(store: Store[M], row: bytes) -> M:
    """A stored row. Rows that came from a topic are plain JSON; others say their version first.

    StateRefused for a row of a version that this release cannot read.
    """
    if store.changelog is not None or store.mirrors is not None:
        return store.model.model_validate_json(row)
    version = row[0]
    if version == store.version:
        return store.model.model_validate_json(row[1:])
    reader = store.reads.get(version)
    if reader is None:
        raise refusal(store, version)
    return reader(row[1:])
