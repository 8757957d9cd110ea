"""Lanes: whose turn it is among the destinations of one outbox, so that one with a million calls delays no other.

The heads of an outbox stand in the order of its lanes, and within each by the time from which they may be tried. What
is kept here, in memory, is one time a lane: that of its first head, or an earlier one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterator
from datetime import datetime
from itertools import islice
from typing import Any

from streams.engine import timers
from streams.engine.agent import Outbox
from streams.engine.heads import heads_of, lanes_of, move_to_lane
from streams.engine.overlay import Overlay, Rows, Writes

Room = Callable[[str, str], int]
"""How many more calls of an outbox (by name) may begin in a lane."""

# Heads that a release without lanes wrote are moved in steps of so many, not to hold up a batch.
MOVED_AT_ONCE = 1000


def unbounded(outbox: str, lane: str) -> int:
    """Room for as many as the outbox has."""
    return 1_000_000


class Lanes:
    """The lanes of one outbox of one task."""

    def __init__(self, box: Outbox[Any, Any]) -> None:
        self._box = box
        self._store = lanes_of(box.name)
        self._first: dict[str, str] = {}
        self._last = ""
        self._to_move = False

    def look(self, stored: Rows) -> None:
        """Begin anew from what is stored: one seek a lane."""
        self._first.clear()
        behind = ""
        while (found := next(stored.scan(self._store, after=behind), None)) is not None:
            lane, stamp, _ = found[0].split("|", 2)
            self._first[lane] = stamp
            behind = f"{lane}}}"  # behind all that begin with the lane and a bar
        self._to_move = next(stored.scan(heads_of(self._box.name)), None) is not None

    def follow(self, writes: Writes) -> None:
        """Take over what was applied to what is stored."""
        for head, number in writes.get(self._store, {}).items():
            if number is not None:
                lane, stamp, _ = head.split("|", 2)
                self._first[lane] = min(stamp, self._first.get(lane, stamp))

    def move_old(self, rows: Overlay, stored: Rows) -> None:
        """Give heads that a release without lanes wrote their place in a lane."""
        if self._to_move:
            old = list(islice(stored.scan(heads_of(self._box.name)), MOVED_AT_ONCE))
            self._to_move = bool(old)
            for head, number in old:
                move_to_lane(rows, self._box, head, number)

    def due(self, stored: Rows, now: datetime, limit: int, room: Callable[[str], int]) -> list[tuple[str, int]]:
        """Heads (key, number) that may be tried now, at most `limit`: one of each lane in turn, longest due first.

        room: how many more a lane may have under way.
        """
        passed = timers.passed(now)
        turns = deque(lane for lane in self._in_turn() if self._first[lane] <= passed)
        heads: dict[str, Iterator[tuple[str, int]]] = {}
        found: list[tuple[str, int]] = []
        while turns and len(found) < limit:
            lane = turns.popleft()
            if lane not in heads:
                heads[lane] = islice(self._heads(stored, lane, passed), max(0, room(lane)))
            head = next(heads[lane], None)
            if head is not None:
                found.append(head)
                self._last = lane
                turns.append(lane)
        return found

    def next_due(self, room: Callable[[str], int]) -> datetime | None:
        """When a head may be tried for which there is room; it may turn out to be later."""
        for stamp, lane in sorted((stamp, lane) for lane, stamp in self._first.items()):
            if room(lane) > 0:
                return timers.instant(stamp)
        return None

    def _in_turn(self) -> list[str]:
        """All lanes, beginning with the one behind that which was last served."""
        lanes = sorted(self._first)
        begin = bisect_right(lanes, self._last)
        return lanes[begin:] + lanes[:begin]

    def _heads(self, stored: Rows, lane: str, passed: str) -> Iterator[tuple[str, int]]:
        """The lane's heads that are due. Looking at the first of all corrects the time that is kept of the lane."""
        first = True
        # From the time that is kept on: before it lie only deleted rows, and there may be very many.
        for head, number in stored.scan(self._store, f"{lane}|", after=f"{lane}|{self._first[lane]}"):
            _, stamp, key = head.split("|", 2)
            if first:
                self._first[lane], first = stamp, False
            if stamp > passed:
                return
            yield key, int(number)
        if first:
            del self._first[lane]
