"""One task as it runs: opens, restores, then fetches, computes and commits until its partition goes elsewhere."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Mapping

import structlog

from contracts.controls import TaskPaused
from contracts.retailers import Retailer
from streams.engine import metrics, positions, timers, versions
from streams.engine.agent import Agent
from streams.engine.calling import Calls
from streams.engine.intake import FETCH_WAIT_S, Intake
from streams.engine.kafka import Cluster, Fenced, GroupConsumer, Infrastructure, Standing, Transactions
from streams.engine.keyvalue import KeyValue
from streams.engine.limits import is_lifted
from streams.engine.options import RunnerOptions
from streams.engine.starting import Start
from streams.engine.task import Batch, TaskCore
from streams.engine.task_clock import TaskClock
from streams.engine.watch import TIMERS_LOOKED_FOR, TaskWatch

log = structlog.get_logger()

# While the backlog of the start is not through, positions are looked at this often (control records wake nobody).
CATCH_UP_S = 0.1
# After a failure: long enough not to spin, short enough that a broker's failover of seconds decides, not this.
FIRST_PAUSE_S = 0.2
LAST_PAUSE_S = 5.0
# A task that was fenced, or woke after a timeout, may be a zombie: to open at once would fence the new owner. Three
# heartbeats tell its member that the partition is no longer its own.
FENCED_PAUSE_S = 3.0
TIMERS_AT_ONCE = 500
# A paused task waits for a person; half a second more is nothing to them.
CONTROLS_S = 0.5


class RunningTask:
    """One partition of one agent in this process."""

    def __init__(
        self,
        agent: Agent,
        partition: int,
        cluster: Cluster,
        consumer: GroupConsumer,
        retailers: Mapping[str, Retailer],
        stored: KeyValue,
        options: RunnerOptions,
    ) -> None:
        self.stored = stored
        self.partition = partition
        self.ready = asyncio.Event()
        self.paused: TaskPaused | None = None
        self.watch = TaskWatch(agent, partition, options.clock)
        self._agent = agent
        self._cluster = cluster
        self._consumer = consumer
        self._options = options
        self._core = TaskCore(agent, partition, stored, retailers, options.limits)
        self._log = log.bind(agent=agent.name, partition=partition)
        self._stop = asyncio.Event()
        self._worked = False
        self._wake = asyncio.Event()
        self._intake = Intake(consumer, partition, options.max_batch)
        self._start = Start(agent, partition, cluster, consumer, stored)
        self._producer: Transactions | None = None
        self._clock = TaskClock(agent, partition, options.clock, options.clock_tolerance_s)
        self._calls = Calls(agent, partition, options, self._wake, self._clock.shared)

    async def run(self) -> None:
        """Until `stop`. What the broker does to us means: drop the batch, new producer, read committed, redo.

        StateRefused and bugs of the engine itself end the process: they are raised.
        """
        pause = FIRST_PAUSE_S
        while not self._stop.is_set():
            error = await self._life()
            if error is None:
                return
            self._log.warning("task begins anew", action="task_restart", error=f"{type(error).__name__}: {error}")
            self.watch.restarts(error)
            pause = FIRST_PAUSE_S if self._worked else min(LAST_PAUSE_S, pause * 2)
            await self._pause(FENCED_PAUSE_S if isinstance(error, (Fenced, TimeoutError)) else pause)

    async def _life(self) -> Exception | None:
        """From one producer to its end: None when stopped, else what the infrastructure did."""
        self._worked = False
        try:
            if await self._opened():
                await self._loop()
        except Infrastructure as error:
            return error
        finally:
            await self._release()
        return None

    async def stop(self) -> None:
        """Finish the batch in flight and let go. Called once; `run` then returns by itself."""
        self.watch.enter("stopping")
        self._stop.set()
        self._wake.set()

    def show(self, standing: Mapping[str, Standing]) -> None:
        """Have the metrics say how far it is."""
        self.watch.stands(standing, self._intake.next, {record.topic for record in self._intake.pending})
        if self.ready.is_set():
            due = timers.due(self.stored, self._options.clock(), TIMERS_LOOKED_FOR)
            self.watch.timers_due(len(due))

    async def _pause(self, seconds: float) -> None:
        """Wait, or return at once when stopped. A fenced member that lost its partition is stopped meanwhile."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stop.wait()

    # --- start -----------------------------------------------------------------------------------------------------

    async def _opened(self) -> bool:
        """False when a stop came first: whoever gives a partition away must not wait for a restore of millions."""
        opening, stopping = asyncio.create_task(self._open()), asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait({opening, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            stopping.cancel()
            ended = opening.done()
            opening.cancel()
            await asyncio.wait({opening})
        if ended:
            opening.result()
        elif not opening.cancelled():
            opening.exception()  # looked at, for asyncio; the next owner will meet it too
        return ended

    async def _open(self) -> None:
        """Fence the last owner, read what was committed, restore, go on from there. In this order: an offset or a row
        read before the fence may already be old."""
        self.watch.enter("opening")
        await self._start.open()
        self._producer = Transactions(self._cluster, f"{self._agent.name}-{self.partition}")
        await self._producer.open()
        self.watch.enter("restoring")
        offsets, ends = await self._start.restored()
        self.watch.count_owed(self.stored)
        self._core.calls.look(self.stored)
        self._calls.forget()
        self._intake.begin(offsets, ends)
        self.watch.enter("running")
        self.ready.set()
        self._log.info("task runs", action="task_ready", offsets=offsets)

    async def _release(self) -> None:
        """Cancel calls and the fetch, close the producer. The rows stay: the next start restores only the rest."""
        self.ready.clear()
        self.watch.enter("opening")
        await self._calls.cancel()
        await self._intake.end()
        if self._producer is not None:
            producer, self._producer = self._producer, None
            await producer.close()

    # --- one batch after another -----------------------------------------------------------------------------------

    async def _loop(self) -> None:
        while not self._stop.is_set():
            self.watch.moved()
            if (pause := self._core.pause()) is not None:
                await self._stand_still(pause)
                continue
            await self._await_input()
            if self._stop.is_set():
                break
            await self._be_sure_of_the_time()
            batch = self._compute()
            if batch.empty:
                positions.keep(self._agent, self.stored, await self._intake.handled())
                await asyncio.sleep(0)
            else:
                await self._commit(batch)
        await self._commit_answers()

    async def _stand_still(self, pause: TaskPaused) -> None:
        """Consume nothing and begin nothing until the pause is lifted. What calls under way bring back still counts."""
        self.paused = pause
        self.watch.enter("paused")
        self.ready.clear()
        remedy = f"mend the cause, then `returnstreams dead-letters resume {self._agent.name} {self.partition}`"
        self._log.error(f"task paused; {remedy}", action="task_paused", reason=pause.reason, error=pause.error)
        try:
            while not self._stop.is_set() and not is_lifted(pause, self._options.controls):
                self._wake.clear()
                if self._calls.answered():
                    await self._commit_answers()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(CONTROLS_S):
                        await self._wake.wait()
            if not self._stop.is_set():
                await self._resume()
        finally:
            self.paused = None

    async def _resume(self) -> None:
        """Go on from what is committed, with all that came meanwhile as a backlog: timers wait until it is through."""
        batch = self._core.begin()
        self._core.lift(batch)
        await self._commit(batch)
        await self._intake.end()
        self._intake.begin(*await self._start.restored())
        self._core.calls.look(self.stored)
        self.watch.enter("running")
        self.ready.set()
        self._log.info("task resumed", action="task_resumed")

    async def _await_input(self) -> None:
        """Return when there is something to do: records, answers, something due, or a stop."""
        if not self._intake.pending and not self._calls.answered():
            self._wake.clear()
            if not self._calls.answered() and not self._stop.is_set():
                self.watch.idle()
                await self._intake.wait(self._wake, self._patience())
        await self._intake.take()

    def _patience(self) -> float:
        """How long nothing will be due, in seconds."""
        if not self._intake.caught_up:
            return CATCH_UP_S
        # A head whose outbox has no free place is not asked for: an answer frees one, and wakes us.
        free = [name for name, free in self._calls.free().items() if free > 0]
        due = self._core.next_due(free, self._calls.room)
        probe_s = self._options.destinations.opens_in_s()
        patience = FETCH_WAIT_S if probe_s is None else min(FETCH_WAIT_S, probe_s)
        return patience if due is None else min(patience, max(0.0, (due - self._clock.now()).total_seconds()))

    async def _be_sure_of_the_time(self) -> None:
        """Ask a broker by a commit of nothing, before anything goes by a clock that may have jumped."""
        if not self._clock.unsure:
            return
        due = self._core.next_due(self._agent.outboxes, self._calls.room)
        if self._intake.pending or self._calls.answered() or (due is not None and due <= self._options.clock()):
            await self._commit(self._core.begin())

    def _compute(self) -> Batch:
        """Handlers over what is there, until the batch is full or its time is up."""
        now = self._clock.now()
        began = time.monotonic()
        batch = self._core.begin()
        self._core.answer(batch, self._calls.take(), now)

        def spent() -> bool:
            return batch.paused or time.monotonic() - began > self._options.handler_budget_s

        pending = self._intake.pending
        self.watch.busy(pending[0].timestamp_ms if pending else None)
        while pending and batch.records < self._options.max_batch and not batch.paused:
            self._core.handle(batch, pending.popleft(), now)
            if spent():
                break
        # A hold must not run out while the answer to it still waits in the backlog, or in the inputs of a paused task.
        if self._intake.caught_up and not batch.paused:
            self._core.fire(batch, now, TIMERS_AT_ONCE, spent)
        if not batch.paused:
            self._core.start_calls(batch, now, self._calls.free(), self._clock.shared(), self._calls.room)
            self._calls.reserve(batch.starts)
        metrics.HANDLER_SECONDS.labels(self._agent.name).observe(time.monotonic() - began)
        return batch

    async def _commit_answers(self) -> None:
        """What the world has said before the stop need not be asked of it again."""
        batch = self._core.begin()
        self._core.answer(batch, self._calls.take(), self._clock.now())
        if not batch.empty:
            await self._commit(batch)

    async def _commit(self, batch: Batch) -> None:
        """All of the batch in one transaction; only then into the rows, and only then the calls begin."""
        if self._producer is None:
            raise RuntimeError("commit without a producer")
        began = time.monotonic()
        self.watch.computed(batch)
        writes = batch.rows.net()
        versions.note(self._agent, self.stored, writes)
        positions.note_consumed(self.stored, writes, batch.offsets, self._start.partitions)
        rows = positions.changelog_records(self._agent, self.partition, writes)
        offsets = {(topic, self.partition): offset for topic, offset in batch.offsets.items()}
        before = self._clock.reading()
        ends = await self._producer.commit([*batch.emitted, *rows], offsets, self._agent.name)
        self._worked = True
        if (place := (self._agent.changelog, self.partition)) in self._producer.appended:
            self._clock.confirm(self._producer.appended[place], before)
        self.watch.applying(writes, self.stored)
        self.stored.apply(writes, positions.applied(self._agent, self.partition, ends, batch.offsets))
        self._core.calls.applied(writes)
        self._intake.next.update(batch.offsets)
        await self._calls.begin(batch.starts)
        self.watch.committed(batch, [*batch.emitted, *rows], time.monotonic() - began)
