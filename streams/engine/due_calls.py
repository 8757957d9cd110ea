"""Which calls of a task may begin: of outboxes without lanes the longest due, else one of each lane in turn."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from contracts.retailers import Retailer
from streams.engine import heads, timers
from streams.engine.agent import Agent, Outbox
from streams.engine.context import View
from streams.engine.lanes import Lanes, Room
from streams.engine.overlay import Overlay, Rows, Writes


class DueCalls:
    """The calls that a task's outboxes owe, by the time from which they may be tried. retailers: read live."""

    def __init__(self, agent: Agent, retailers: Mapping[str, Retailer]) -> None:
        self._agent = agent
        self._retailers = retailers
        self._lanes = {box.name: Lanes(box) for box in agent.outboxes.values() if box.lane is not None}

    def look(self, stored: Rows) -> None:
        """Find out which lanes there are, whenever rows were not written by a batch: after a restore."""
        for lanes in self._lanes.values():
            lanes.look(stored)

    def applied(self, writes: Writes) -> None:
        """A batch's rows have been applied to what is stored."""
        for lanes in self._lanes.values():
            lanes.follow(writes)

    def due(self, rows: Overlay, box: Outbox[Any, Any], now: datetime, limit: int, room: Room) -> list[tuple[str, int]]:
        """Heads (key, number) that may be tried now, at most `limit`: those that are stored, then those that the batch
        has made heads, which need not wait for another commit. rows: the batch's, over what is stored."""
        stored = rows.below
        lanes, places = self._lanes.get(box.name), self._places(box, rows, room)
        if lanes is None:
            found = heads.due(stored, box.name, now, limit)
        else:
            lanes.move_old(rows, stored)
            found = lanes.due(stored, now, limit, places)
        taken, known = Counter(box.lane_of(key) for key, _ in found), {key for key, _ in found}
        room_of = {lane: places(lane) for lane in taken}
        passed = timers.passed(now).encode()
        for key, stamp in rows.writes.get(heads.head_index_of(box.name), {}).items():
            if len(found) >= limit:
                break
            if key in known or stamp is None or stamp > passed:
                continue
            lane = box.lane_of(key)
            if lane not in room_of:
                room_of[lane] = places(lane)
            if taken[lane] < room_of[lane]:
                number = heads.head_of(rows, box.name, key, lane)
                if number is not None:
                    taken[lane] += 1
                    found.append((key, number))
        return found

    def next_due(self, stored: Rows, outboxes: Iterable[str], room: Room) -> datetime | None:
        """When a head of one of these outboxes may be tried, for which there is room."""
        return min((at for name in outboxes if (at := self._next_due(stored, name, room)) is not None), default=None)

    def _next_due(self, stored: Rows, name: str, room: Room) -> datetime | None:
        lanes = self._lanes.get(name)
        if lanes is None:
            return heads.next_due(stored, name)
        return lanes.next_due(self._places(self._agent.outboxes[name], stored, room))

    def _places(self, box: Outbox[Any, Any], rows: Rows, room: Room) -> Callable[[str], int]:
        """The room in a lane: none while the agent holds it."""
        view = View(rows, self._retailers)

        def places(lane: str) -> int:
            found = room(box.name, lane)
            return 0 if found > 0 and box.held is not None and box.held(lane, view) else found

        return places
