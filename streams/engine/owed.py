"""How many calls an outbox owes and since when, kept from what is written: a million of them cost a look no scan.

What was there before is counted once, some at a time beside the work: a task is ready at once, whatever it owes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime
from itertools import islice

from streams.engine import outbox
from streams.engine.overlay import Rows, Writes

# Calls may be owed for a week and more: so that not each needs an entry of its own, times are kept in steps of these.
STEP_S = 10


class Owed:
    """The calls of one outbox that are queued or under way. Read from any thread, written from the task's.

    lane_of: the lane of a key, where the outbox has lanes.
    """

    def __init__(self, name: str, lane_of: Callable[[str], str] | None = None) -> None:
        self.name = name
        self._lane_of = lane_of
        self._queue = outbox.queue_of(name)
        self._since: dict[str, Counter[int | None]] = {}
        # Up to which row the count has come; None once it is through.
        self._counted: str | None = None

    @property
    def lanes(self) -> set[str]:
        """Those that have ever owed something; none in an outbox without lanes."""
        return set() if self._lane_of is None else set(self._since)

    def depth(self, lane: str | None = None) -> int:
        """How many; of one lane, or of all."""
        return sum(sum(list(since.values())) for since in self._of(lane))

    def oldest_s(self, now: datetime, lane: str | None = None) -> float:
        """Seconds since the first queued of them was, to STEP_S; 0 with none. Without those that do not say when."""
        # Copies, for the task may write meanwhile.
        steps = [step for since in self._of(lane) for step in list(since) if step is not None]
        return max(0.0, now.timestamp() - min(steps) * STEP_S) if steps else 0.0

    def begin(self) -> None:
        """Count anew, by `count` from the first row on."""
        self._since = {lane: Counter() for lane in self._since}
        self._counted = ""

    def count(self, rows: Rows, limit: int) -> bool:
        """Count the next `limit` rows of what is stored; whether there may be more."""
        if self._counted is None:
            return False
        some = list(islice(rows.scan(self._queue, after=self._counted), limit))
        for key, row in some:
            self._since.setdefault(self._lane(key), Counter())[_step(row)] += 1
        self._counted = some[-1][0] if len(some) == limit else None
        return self._counted is not None

    def follow(self, writes: Writes, stored: Rows) -> bool:
        """Take over a batch that is about to be applied to what is `stored`; whether there is a new lane."""
        lanes = len(self._since)
        for key, row in writes.get(self._queue, {}).items():
            if self._counted is not None and key > self._counted:
                continue  # the count will come to it
            before = stored.get(self._queue, key)
            if before is not None and row is None:
                self._remove(self._lane(key), _step(before))
            elif before is None and row is not None:
                self._since.setdefault(self._lane(key), Counter())[_step(row)] += 1
        return len(self._since) > lanes

    def _of(self, lane: str | None) -> list[Counter[int | None]]:
        return list(self._since.values()) if lane is None else [self._since.get(lane, Counter())]

    def _lane(self, row_key: str) -> str:
        return "" if self._lane_of is None else self._lane_of(row_key.rpartition("|")[0])

    def _remove(self, lane: str, step: int | None) -> None:
        since = self._since.setdefault(lane, Counter())
        since[step] -= 1
        if since[step] <= 0:
            del since[step]


def _step(row: bytes) -> int | None:
    at = outbox.queued_at(row)
    return None if at is None else int(at.timestamp()) // STEP_S
