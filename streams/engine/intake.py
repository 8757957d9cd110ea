"""What one task reads: fetched ahead, handed out in order, and whether the backlog of its start is through."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping

from streams.engine.kafka import GroupConsumer
from streams.engine.records import Record

# A fetch with nothing to return comes back after this, so that a stop never waits longer for it than it must.
FETCH_WAIT_S = 5.0
CANCEL_TIMEOUT_S = 1.0


class Intake:
    """The records of one partition of all inputs, from given offsets on.

    pending: fetched and not handled. next: by topic, the offset to handle next.
    caught_up: whether everything that was there at the start has been handed out.
    """

    def __init__(self, consumer: GroupConsumer, partition: int, at_once: int) -> None:
        self.pending: deque[Record] = deque()
        self.next: dict[str, int] = {}
        self.caught_up = False
        self._consumer = consumer
        self._partition = partition
        self._at_once = at_once
        self._ends: dict[str, int] = {}
        self._fetch: asyncio.Task[list[Record]] | None = None

    def begin(self, offsets: Mapping[str, int], ends: Mapping[str, int]) -> None:
        """Read from `offsets` on; the backlog ends at `ends`."""
        self.pending.clear()
        self.next = dict(offsets)
        self.caught_up = False
        self._ends = dict(ends)
        self._consumer.seek(self._partition, offsets)

    async def wait(self, wake: asyncio.Event, timeout_s: float) -> None:
        """Return when records have come, `wake` is set, or the timeout is over."""
        if self._fetch is None:
            self._fetch = asyncio.create_task(self._consumer.fetch(self._partition, self._at_once, FETCH_WAIT_S))
        waking = asyncio.create_task(wake.wait())
        try:
            await asyncio.wait({self._fetch, waking}, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waking.cancel()

    async def take(self) -> None:
        """Have what was fetched join `pending`, and note when the backlog of the start is through, even where more
        comes faster than it is worked off."""
        if not self.caught_up:
            positions = await self._consumer.positions(self._partition)
            self._take_fetched()  # first, since what is fetched counts in the positions already
            waiting = {r.topic for r in self.pending if r.offset < self._ends[r.topic]}
            self.caught_up = all(positions[t] >= end and t not in waiting for t, end in self._ends.items())
        self._take_fetched()

    def _take_fetched(self) -> None:
        if self._fetch is not None and self._fetch.done():
            fetch, self._fetch = self._fetch, None
            # Records from before a seek or a rebalance can be handed out again: what lies below was done already.
            self.pending.extend(r for r in fetch.result() if r.offset >= self.next[r.topic])

    async def end(self) -> None:
        """Let go of the fetch under way."""
        if self._fetch is None:
            return
        fetch, self._fetch = self._fetch, None
        fetch.cancel()
        await asyncio.wait({fetch}, timeout=CANCEL_TIMEOUT_S)
        if fetch.done() and not fetch.cancelled():
            fetch.exception()  # looked at, for asyncio; what ended the task has said enough
