"""What one member of a group shows of itself: how far its tasks are, and how long each rebalance held them up."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Collection
from typing import Any

import structlog

from streams.engine import metrics
from streams.engine.kafka import GroupConsumer, Infrastructure
from streams.engine.running_task import RunningTask

log = structlog.get_logger()

# Ends of partitions must be asked for, and due timers looked for: so often, and not whenever somebody reads metrics.
SAMPLE_S = 5.0


class MemberWatch:
    """Samples the tasks that there are, and times each stall.

    A stall begins when the member lets go of its tasks, or is first given any; it ends when all of them run.
    """

    def __init__(self, agent: str, tasks: Callable[[], Collection[RunningTask]], ready: Callable[[], bool]) -> None:
        self._agent = agent
        self._tasks = tasks
        self._began: float | None = None
        self._under_way: set[asyncio.Task[Any]] = set()
        self._timing: asyncio.Task[None] | None = None
        metrics.READY.labels(agent).set_function(lambda: float(ready()))

    def joined(self, consumer: GroupConsumer) -> None:
        """Begin to sample."""
        self._start(self._sample(consumer))

    def let_go(self) -> None:
        """All tasks were stopped, for a rebalance begins."""
        if self._timing is not None:
            self._timing.cancel()
        if self._began is None:
            self._began = time.monotonic()

    def given(self) -> None:
        """The member has its assignment, and its tasks have begun."""
        metrics.REBALANCES.labels(self._agent).inc()
        if self._began is None:
            self._began = time.monotonic()
        self._timing = self._start(self._time_stall())

    async def close(self) -> None:
        """Stop watching."""
        for task in self._under_way:
            task.cancel()
        if self._under_way:
            await asyncio.wait(self._under_way)

    def _start(self, work: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = asyncio.create_task(work, name=f"{self._agent} watch")
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return task

    async def _time_stall(self) -> None:
        tasks = list(self._tasks())
        for task in tasks:
            await task.ready.wait()
        if self._began is not None and tasks:
            metrics.REBALANCE_STALL.labels(self._agent).observe(time.monotonic() - self._began)
        self._began = None

    async def _sample(self, consumer: GroupConsumer) -> None:
        while True:
            try:
                standing = await consumer.standing([task.partition for task in self._tasks()])
                for task in self._tasks():
                    task.show(standing.get(task.partition, {}))
            except Infrastructure:
                pass  # the brokers are away: what the tasks say of it is enough, and the last values stay
            except Exception:  # a figure that cannot be had is no reason to stop the work
                log.exception("cannot sample", action="sample_failed", agent=self._agent)
            await asyncio.sleep(SAMPLE_S)
