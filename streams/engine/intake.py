"""What one task reads: fetched ahead, handed out in order, and whether the backlog of its start is through."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping

from streams.engine.kafka import GroupConsumer
from streams.engine.records import Record

# A fetch with nothing to return comes back after this, so that a stop never waits longer for it than it must.
FETCH_WAIT_S = 5.0
# So much is taken over before anybody asks for it. Bytes, not records: a webhook's body may have 10 MiB.
AHEAD_BYTES = 1_048_576
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
        self._reached: dict[str, int] = {}
        self._ahead_bytes = 0

    def begin(self, offsets: Mapping[str, int], ends: Mapping[str, int]) -> None:
        """Read from `offsets` on; the backlog ends at `ends`."""
        self.pending.clear()
        self.next = dict(offsets)
        self._reached = dict(offsets)
        self.caught_up = False
        self._ends = dict(ends)
        self._consumer.seek(self._partition, offsets)

    async def wait(self, wake: asyncio.Event, timeout_s: float) -> None:
        """Return when records have come, `wake` is set, or the timeout is over."""
        self._fetch_ahead()
        waking = asyncio.create_task(wake.wait())
        ends = {task for task in (self._fetch, waking) if task is not None}
        try:
            await asyncio.wait(ends, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
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

    async def handled(self) -> dict[str, int]:
        """How far all has been handled, past control records too; empty while anything waits to be."""
        positions = await self._consumer.positions(self._partition)
        self._take_fetched()  # afterwards, since what is fetched counts in the positions already
        return {} if self.pending else positions

    def _fetch_ahead(self) -> None:
        """Have a fetch under way at any time, also while a transaction runs, unless enough waits already.

        What nobody takes out of aiokafka keeps it from asking that broker for anything: the records of all other
        partitions would wait until this one's transaction is through (benchmarks/latency).
        """
        if not self.pending:
            self._ahead_bytes = 0
        if self._fetch is None and self._ahead_bytes < AHEAD_BYTES:
            self._fetch = asyncio.create_task(self._consumer.fetch(self._partition, self._at_once, FETCH_WAIT_S))
            self._fetch.add_done_callback(self._fetched)

    def _fetched(self, fetch: asyncio.Task[list[Record]]) -> None:
        # One that failed stays where it is, for whoever waits or takes.
        if fetch is self._fetch and not fetch.cancelled() and fetch.exception() is None:
            self._take_fetched()
            self._fetch_ahead()

    def _take_fetched(self) -> None:
        if self._fetch is None or not self._fetch.done():
            return
        fetch, self._fetch = self._fetch, None
        for record in fetch.result():
            # Records from before a seek or a rebalance can be handed out again: those were taken already.
            if record.offset >= self._reached[record.topic]:
                self._reached[record.topic] = record.offset + 1
                self._ahead_bytes += len(record.value or b"")
                self.pending.append(record)

    async def end(self) -> None:
        """Let go of the fetch under way."""
        if self._fetch is None:
            return
        fetch, self._fetch = self._fetch, None
        fetch.cancel()
        await asyncio.wait({fetch}, timeout=CANCEL_TIMEOUT_S)
        if fetch.done() and not fetch.cancelled():
            fetch.exception()  # looked at, for asyncio; what ended the task has said enough
