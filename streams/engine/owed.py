"""How many calls an outbox owes and since when, kept from what is written: a million of them cost a look no scan."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from streams.engine import outbox
from streams.engine.overlay import Rows, Writes

# Calls may be owed for a week and more: so that not each needs an entry of its own, times are kept in steps of these.
STEP_S = 10


class Owed:
    """The calls of one outbox that are queued or under way. Read from any thread, written from the task's."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._queue = outbox.queue_of(name)
        self._since: Counter[int | None] = Counter()

    def depth(self) -> int:
        """How many."""
        return sum(list(self._since.values()))

    def oldest_s(self, now: datetime) -> float:
        """Seconds since the first queued of them was, to STEP_S; 0 with none. Without those that do not say when."""
        steps = [step for step in list(self._since) if step is not None]  # a copy, for the task may write meanwhile
        return max(0.0, now.timestamp() - min(steps) * STEP_S) if steps else 0.0

    def count(self, rows: Rows) -> None:
        """Begin anew from what is stored, by one look through all of it."""
        since = Counter(_step(row) for _, row in rows.scan(self._queue))
        self._since = since

    def follow(self, writes: Writes, stored: Rows) -> None:
        """Take over a batch that is about to be applied to what is `stored`."""
        for key, row in writes.get(self._queue, {}).items():
            before = stored.get(self._queue, key)
            if before is not None and row is None:
                self._remove(_step(before))
            elif before is None and row is not None:
                self._since[_step(row)] += 1

    def _remove(self, step: int | None) -> None:
        self._since[step] -= 1
        if self._since[step] <= 0:
            del self._since[step]


def _step(row: bytes) -> int | None:
    at = outbox.queued_at(row)
    return None if at is None else int(at.timestamp()) // STEP_S
