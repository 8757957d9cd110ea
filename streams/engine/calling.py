"""The calls to the outside that one task has under way, and the answers that its next batch will take."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any

import structlog

from streams.engine import metrics
from streams.engine.agent import Agent
from streams.engine.breaker import Breaker
from streams.engine.clock import Clock
from streams.engine.options import RunnerOptions
from streams.engine.outbox import Answer, Call

log = structlog.get_logger()

# A cancelled call gets this long to clean up; the deadline it was given holds for it anyway.
CANCEL_TIMEOUT_S = 1.0


class Calls:
    """Starts calls once their attempt is committed, and wakes the task when one comes back.

    clock: the one that deadlines were set by.
    """

    def __init__(self, agent: Agent, partition: int, options: RunnerOptions, wake: asyncio.Event, clock: Clock) -> None:
        self._agent = agent
        self._clock = clock
        self._options = options
        self._wake = wake
        self._log = log.bind(agent=agent.name, partition=partition)
        self._answers: list[Answer] = []
        self._under_way: set[asyncio.Task[bool]] = set()
        self._busy: Counter[str] = Counter()
        self._busy_lanes: Counter[tuple[str, str]] = Counter()
        # Of calls that are not under way yet: their breakers, and whether they are probes.
        self._reserved: dict[tuple[str, str], tuple[Breaker, bool]] = {}

    def answered(self) -> bool:
        """Whether an answer waits for the next batch."""
        return bool(self._answers)

    def take(self) -> list[Answer]:
        """The answers that have come, each once."""
        answers, self._answers = self._answers, []
        return answers

    def forget(self) -> None:
        """Drop the answers: they belong to attempts of a life that is over."""
        self._answers = []

    def free(self) -> dict[str, int]:
        """How many more calls each outbox may have under way."""
        return {name: box.policy.concurrency - self._busy[name] for name, box in self._agent.outboxes.items()}

    def room(self, outbox: str, lane: str) -> int:
        """How many more calls may begin in a lane: as its own bound and its breaker allow."""
        policy = self._agent.outboxes[outbox].policy
        places = (policy.per_lane or policy.concurrency) - self._busy_lanes[outbox, lane]
        if policy.breaker is not None:
            places = min(places, self._options.destinations.breaker(outbox, lane, policy.breaker).room())
        return places

    def reserve(self, calls: Sequence[Call[Any]]) -> None:
        """Have their breakers count these, whose attempts are about to be committed: other tasks ask them meanwhile."""
        for call in calls:
            policy = self._agent.outboxes[call.outbox].policy.breaker
            if policy is not None:
                breaker = self._options.destinations.breaker(call.outbox, call.lane, policy)
                self._reserved[call.outbox, call.key] = breaker, breaker.begun()

    async def begin(self, calls: Sequence[Call[Any]]) -> None:
        """Begin calls whose attempts are committed. They are under way when this returns, whatever else is to do."""
        for call in calls:
            self.start(call)
        if calls:
            await asyncio.sleep(0)

    def start(self, call: Call[Any]) -> None:
        """Have a call begin in the loop's next turn."""
        self._busy[call.outbox] += 1
        self._busy_lanes[call.outbox, call.lane] += 1
        task = asyncio.create_task(self._make(call))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        place = call.outbox, call.key
        if place not in self._reserved:
            self.reserve([call])
        if place in self._reserved:
            breaker, probe = self._reserved.pop(place)
            task.add_done_callback(partial(self._tell, breaker, call, probe))

    def _tell(self, breaker: Breaker, call: Call[Any], probe: bool, task: asyncio.Task[bool]) -> None:
        """Tell the breaker how a call went. As a callback, for a task that is cancelled at once never begins."""
        if task.cancelled():
            breaker.dropped(probe=probe)
        else:
            self._options.destinations.ended(call.outbox, call.lane, task.result(), probe=probe)
        self._wake.set()

    async def _make(self, call: Call[Any]) -> bool:
        """Make one call. No answer in time means: the attempt is lost, and its deadline brings the next.

        Whether its destination is well.
        """
        box = self._agent.outboxes[call.outbox]
        busy, busy_lanes = self._busy, self._busy_lanes
        try:
            async with asyncio.timeout(self._left(call)):
                said = await self._options.callers[call.outbox](call)
            # Only now is it known which list the next batch takes: batches went by while we waited.
            self._answers.append(Answer(call, said))
            return box.fails is None or not box.fails(said)
        except TimeoutError:
            self._log.warning("call lost", action="call_timeout", **_about(call))
        except Exception:
            self._log.exception("caller raised", action="call_bug", **_about(call))
        finally:
            busy[call.outbox] -= 1
            busy_lanes[call.outbox, call.lane] -= 1
            metrics.CALLS.labels(self._agent.name, call.outbox).inc()
            self._wake.set()
        return False

    def _left(self, call: Call[Any]) -> float:
        """Seconds until the call's committed deadline, from which on another may make it. TimeoutError past it."""
        left = (call.deadline - self._clock()).total_seconds()
        if left <= 0:
            raise TimeoutError
        return min(left, self._agent.outboxes[call.outbox].policy.timeout_s)

    async def cancel(self) -> None:
        """End all calls; one that will not end is left behind, for its deadline holds."""
        under_way = set(self._under_way)
        for task in under_way:
            task.cancel()
        if under_way:
            done, _ = await asyncio.wait(under_way, timeout=CANCEL_TIMEOUT_S)
            for task in done:
                task.cancelled() or task.exception()  # what ended the task has said enough
        for breaker, probe in self._reserved.values():
            breaker.dropped(probe=probe)
        self._reserved.clear()
        self._under_way.clear()
        self._busy, self._busy_lanes = Counter(), Counter()


def _about(call: Call[Any]) -> dict[str, object]:
    about: dict[str, object] = {"outbox": call.outbox, "attempt": call.attempt}
    return about if call.trace is None else about | {"trace_id": call.trace.id}
