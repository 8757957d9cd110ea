"""Limits for bugs: how many records a task may lose to its handlers before it stands still until a person has looked.

The tally is a row of the task, written in the transaction of the dead letters it counts: so a process that is killed
and started again counts on, and drains nothing.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import orjson

from contracts import keys, topics
from contracts.controls import PauseLifted, TaskPaused
from contracts.envelope import Envelope
from streams.engine.overlay import Overlay, Rows
from streams.engine.records import OutRecord

STORE = "$limits"
ROW = "bugs"


@dataclass(frozen=True, slots=True)
class Limits:
    """When a task has failed too often.

    in_a_row: so many handler runs one after the other. share: more than this part (0-1) of the last `window` runs.
    """

    in_a_row: int = 10
    share: float = 0.1
    window: int = 100

    def exceeded(self, in_a_row: int, recent: int) -> str | None:
        """Why a task with so many bugs must stand still; None when it may go on."""
        if in_a_row >= self.in_a_row:
            return f"{in_a_row} failures in a row"
        if recent > self.share * self.window:
            return f"{recent} failures in the last {self.window} runs of its handlers"
        return None


@dataclass(slots=True)
class Tally:
    """The bugs of one task lately. Without any there is no row, and a run that goes well costs nothing.

    runs: of handlers since the oldest bug that is remembered, its own included. bugs: which of these runs they were.
    """

    limits: Limits
    runs: int = 0
    bugs: list[int] = field(default_factory=list)
    in_a_row: int = 0
    pause: TaskPaused | None = None

    @classmethod
    def read(cls, rows: Rows, limits: Limits) -> Tally:
        """As it is stored."""
        row = rows.get(STORE, ROW)
        if row is None:
            return cls(limits)
        stored = orjson.loads(row)
        pause = stored["pause"]
        return cls(
            limits,
            stored["runs"],
            stored["bugs"],
            stored["in_a_row"],
            None if pause is None else TaskPaused.model_validate(pause),
        )

    def good(self, rows: Overlay) -> None:
        """A handler ran, and all was well."""
        if not self.bugs:
            return
        self.in_a_row = 0
        self._ran(rows)

    def bug(self, rows: Overlay) -> str | None:
        """A handler failed. Why the task must stand still from here on; None when it may go on."""
        self.bugs.append(self.runs + 1)
        self.in_a_row += 1
        self._ran(rows)
        return self.limits.exceeded(self.in_a_row, len(self.bugs))

    def _ran(self, rows: Overlay) -> None:
        self.runs += 1
        self.bugs = [run for run in self.bugs if self.runs - run < self.limits.window]
        if not self.bugs:
            self.runs = self.in_a_row = 0
        self._write(rows)

    def stop(self, rows: Overlay, pause: TaskPaused) -> None:
        """Remember that the task stands still."""
        self.pause = pause
        self._write(rows)

    def _write(self, rows: Overlay) -> None:
        if not self.bugs and self.pause is None:
            rows.put(STORE, ROW, None)
            return
        pause = None if self.pause is None else self.pause.model_dump(mode="json")
        row = {"runs": self.runs, "bugs": self.bugs, "in_a_row": self.in_a_row, "pause": pause}
        rows.put(STORE, ROW, orjson.dumps(row))


def new_pause(agent: str, partition: int, now: datetime, reason: str, error: BaseException) -> TaskPaused:
    """A pause that no other has the id of: what lifts it lifts none that comes later."""
    name = type(error).__name__
    return TaskPaused(pause=uuid.uuid4().hex[:12], agent=agent, partition=partition, at=now, reason=reason, error=name)


def announced(pause: TaskPaused) -> OutRecord:
    """The pause as a record, for those who ask which tasks stand still: a changelog is long to read for one row."""
    event = topics.AGENT_PAUSES.event_for(TaskPaused)
    key = keys.task_key(pause.agent, pause.partition)
    envelope = Envelope(
        id=keys.fact_id("pause", pause.pause),
        source=f"returnstreams/{pause.agent}",
        type=event.type,
        time=pause.at,
        subject=key,
        dataschema=event.dataschema,
    )
    return OutRecord(topics.AGENT_PAUSES.name, key.encode(), pause.model_dump_json().encode(), envelope.to_headers())


def is_lifted(pause: TaskPaused, controls: Mapping[str, PauseLifted]) -> bool:
    """Whether somebody has said that this very pause is over."""
    said = controls.get(keys.task_key(pause.agent, pause.partition))
    return said is not None and said.pause == pause.pause


def lift(rows: Overlay, pause: TaskPaused) -> OutRecord:
    """Begin to count anew, and take the announcement back."""
    rows.put(STORE, ROW, None)
    return OutRecord(topics.AGENT_PAUSES.name, keys.task_key(pause.agent, pause.partition).encode(), None)
