"""What one task shows of itself: its state, whether it moves, how far behind it is, and what it owes.

Gauges that grow with time are worked out when they are asked for, on the asker's thread: so they are true while the
event loop stands. What they read are single attributes, which the task's own thread replaces whole.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import partial
from typing import Literal

import orjson

from contracts import topics
from streams.engine import metrics, tracing
from streams.engine.agent import Agent
from streams.engine.clock import Clock, utc_now
from streams.engine.dead_letters import topic_of
from streams.engine.errors import StorageFailed
from streams.engine.kafka import Standing, TakesTooLittle
from streams.engine.overlay import Rows, Writes
from streams.engine.owed import Owed
from streams.engine.records import OutRecord
from streams.engine.task import Batch

State = Literal["opening", "restoring", "running", "paused", "stopping"]
STATES: tuple[State, ...] = ("opening", "restoring", "running", "paused", "stopping")

# More than that is too many anyway, and to count them all would hold up the work.
TIMERS_LOOKED_FOR = 1000

# Of what is owed so many rows are counted in one step of 1 to 2 ms, and 10,000 a second.
COUNTED_AT_ONCE = 500
COUNT_PAUSE_S = 0.05

# In these a task has nothing to wait for that has no bound of its own. Opening and restoring wait for the brokers, and
# a pause for a person: a restart of the process would help none of them.
MUST_MOVE: frozenset[State] = frozenset({"running", "stopping"})


class TaskWatch:
    """Told by the task what it does; read by whoever watches it."""

    def __init__(
        self,
        agent: Agent,
        partition: int,
        clock: Clock = utc_now,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.state: State = "opening"
        # What keeps it from writing and ends only when a person has seen to it.
        self.trouble: str | None = None
        self._agent = agent.name
        self._partition = str(partition)
        self._clock = clock
        self._monotonic = monotonic
        self._owed = [Owed(box.name, box.lane) for box in agent.outboxes.values()]
        self._shown_lanes: dict[str, set[str]] = {owed.name: set() for owed in self._owed}
        self._turns = 0
        self._busy_since: float | None = monotonic()
        self._oldest_ms: int | None = None
        self._in_hand: frozenset[str] = frozenset()
        self._behind: dict[str, tuple[int, float]] = {}
        self._closed = False
        self._counting: asyncio.Task[None] | None = None
        self._show()

    def _show(self) -> None:
        place = self._agent, self._partition
        for state in STATES:
            metrics.TASK_STATE.labels(*place, state).set_function(partial(self._is, state))
        metrics.COMMIT_AGE.labels(*place).set_function(self.commit_age_s)
        metrics.LAG_SECONDS.labels(*place).set_function(self.lag_s)
        metrics.TIMERS_DUE.labels(*place).set(0)
        for owed in self._owed:
            metrics.OUTBOX_DEPTH.labels(*place, owed.name).set_function(owed.depth)
            oldest = metrics.OUTBOX_OLDEST.labels(*place, owed.name)
            oldest.set_function(partial(self._oldest_s, owed))

    # --- what the task tells -----------------------------------------------------------------------------------------

    def enter(self, state: State) -> None:
        """The task goes over into another state. One that stops does nothing else any more."""
        self.moved()
        if state == "opening":
            self._stop_counting()
        if self.state != "stopping":
            self.state = state
        if state not in MUST_MOVE and self._busy_since is None:
            self._busy_since = self._monotonic()

    def restarts(self, error: Exception) -> None:
        """It begins anew because of this."""
        metrics.RESTARTS.labels(self._agent, type(error).__name__).inc()
        self.trouble = str(error) if isinstance(error, TakesTooLittle) else None

    def moved(self) -> None:
        """The task has come further: one of its waits, each of which has a bound, is over."""
        self._turns += 1

    def idle(self) -> None:
        """There is nothing to do."""
        self.moved()
        self._busy_since = None
        self._oldest_ms = None

    def busy(self, oldest_ms: int | None) -> None:
        """There is something to do. oldest_ms: timestamp of the record that comes first, None when it is no record."""
        if self._busy_since is None:
            self._busy_since = self._monotonic()
        self._oldest_ms = oldest_ms

    def computed(self, batch: Batch) -> None:
        """A batch is about to be committed."""
        self.moved()
        self._in_hand = frozenset(batch.offsets)

    def count_owed(self, stored: Rows) -> None:
        """Begin to count what the outboxes owe; what is more than a moment's work goes on beside that of the task."""
        self._stop_counting()
        for owed in self._owed:
            owed.begin()
        if any([self._count_some(owed, stored) for owed in self._owed]):
            self._counting = asyncio.create_task(self._count_rest(stored))

    async def _count_rest(self, stored: Rows) -> None:
        for owed in self._owed:
            more = True
            while more:
                await asyncio.sleep(COUNT_PAUSE_S)
                more = self._count_some(owed, stored)

    def _count_some(self, owed: Owed, stored: Rows) -> bool:
        try:
            more = owed.count(stored, COUNTED_AT_ONCE)
        except StorageFailed:
            return False  # the task meets it too, and begins anew
        self._show_lanes(owed)
        return more

    def _stop_counting(self) -> None:
        if self._counting is not None:
            self._counting.cancel()
            self._counting = None

    def applying(self, writes: Writes, stored: Rows) -> None:
        """Committed rows are about to be applied to what is stored."""
        for owed in self._owed:
            if owed.follow(writes, stored):
                self._show_lanes(owed)

    def _show_lanes(self, owed: Owed) -> None:
        """Those that were not there before; one that owes nothing any more stays, and shows 0."""
        for lane in owed.lanes - self._shown_lanes[owed.name]:
            place = self._agent, self._partition, owed.name, lane
            metrics.LANE_OWED.labels(*place).set_function(partial(owed.depth, lane))
            metrics.LANE_OLDEST.labels(*place).set_function(partial(self._oldest_s, owed, lane))
            self._shown_lanes[owed.name].add(lane)

    def committed(self, batch: Batch, written: Iterable[OutRecord], seconds: float) -> None:
        """A batch is committed. written: its emitted records and its rows."""
        tracing.end(batch.spans)
        self._in_hand = frozenset()
        self._oldest_ms = None
        self.trouble = None
        if self._busy_since is not None:
            self._busy_since = self._monotonic()
        _count(self._agent, batch, written, seconds)

    def stands(self, standing: Mapping[str, Standing], position: Mapping[str, int], pending: Collection[str]) -> None:
        """How far the task is in its inputs. position: next offset to commit. pending: topics with records in hand."""
        for topic, at in standing.items():
            if topic not in position or self._closed:
                continue
            # A transaction's end mark is an offset too: where nothing is in hand, what was read past it counts.
            begin = position[topic] if topic in pending or topic in self._in_hand else at.position
            lag = max(0, at.end - begin)
            metrics.LAG_RECORDS.labels(self._agent, self._partition, topic).set(lag)
            metrics.UNSTABLE_RECORDS.labels(self._agent, self._partition, topic).set(at.unstable)
            self._note_behind(topic, begin, lag)

    def _note_behind(self, topic: str, begin: int, lag: int) -> None:
        known = self._behind.get(topic)
        behind = dict(self._behind)
        behind.pop(topic, None)
        if lag:
            behind[topic] = known if known is not None and known[0] == begin else (begin, self._monotonic())
        self._behind = behind

    def timers_due(self, count: int) -> None:
        """So many timers are due and have not fired."""
        if not self._closed:
            metrics.TIMERS_DUE.labels(self._agent, self._partition).set(count)

    def close(self) -> None:
        """The task is no longer here: another process shows it now."""
        self._closed = True
        self._stop_counting()
        for metric in metrics.PER_TASK:
            metric.remove_by_labels({"agent": self._agent, "partition": self._partition})

    # --- what others read, from any thread ---------------------------------------------------------------------------

    @property
    def pulse(self) -> int | None:
        """How many turns the task has made; None while it need not make any."""
        return self._turns if self.state in MUST_MOVE else None

    def _is(self, state: State) -> float:
        return float(self.state == state)

    def _oldest_s(self, owed: Owed, lane: str | None = None) -> float:
        return owed.oldest_s(self._clock(), lane)

    def commit_age_s(self) -> float:
        """See metrics.COMMIT_AGE."""
        since = self._busy_since
        return 0.0 if since is None else self._monotonic() - since

    def lag_s(self) -> float:
        """See metrics.LAG_SECONDS."""
        oldest_ms = self._oldest_ms
        if oldest_ms is not None:
            return max(0.0, self._clock().timestamp() - oldest_ms / 1000)
        behind = list(self._behind.values())
        return self._monotonic() - min(since for _, since in behind) if behind else 0.0


def _count(agent: str, batch: Batch, written: Iterable[OutRecord], seconds: float) -> None:
    metrics.CHECKPOINT_SECONDS.labels(agent).observe(seconds)
    metrics.BATCH_RECORDS.labels(agent).observe(batch.records)
    for topic, (records, size) in batch.taken.items():
        metrics.INPUT_RECORDS.labels(agent, topic).inc(records)
        metrics.INPUT_BYTES.labels(agent, topic).inc(size)
    for sender, records in batch.poison.items():
        metrics.POISON.labels(agent, sender).inc(records)
    sums: dict[str, tuple[int, int]] = {}
    for out in written:
        records, size = sums.get(out.topic, (0, 0))
        sums[out.topic] = records + 1, size + len(out.key or b"") + len(out.value or b"")
    for topic, (records, size) in sums.items():
        metrics.OUTPUT_RECORDS.labels(agent, topic).inc(records)
        metrics.OUTPUT_BYTES.labels(agent, topic).inc(size)
    if topics.RETURN_ALERTS.name in sums:
        for alert in (out for out in batch.emitted if out.topic == topics.RETURN_ALERTS.name):
            metrics.ALERTS.labels(agent, orjson.loads(alert.value or b"{}").get("kind", "")).inc()
    if topics.TRACKING_DELIVERIES.name in sums:
        for attempt in (out for out in batch.emitted if out.topic == topics.TRACKING_DELIVERIES.name):
            said = orjson.loads(attempt.value or b"{}")
            metrics.DELIVERIES.labels(said.get("retailer", ""), said.get("result", "")).inc()
    if topic_of(agent) in sums:
        for letter in (out for out in batch.emitted if out.topic == topic_of(agent)):
            said = dict(letter.headers)
            metrics.DEAD.labels(agent, said["dl_kind"].decode(), said["dl_error"].decode()).inc()
