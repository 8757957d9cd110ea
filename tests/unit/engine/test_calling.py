"""How many calls of a task may be under way: as the bounds of a lane and its breaker allow."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from contracts.model import Model
from streams.engine.breaker import BreakerPolicy
from streams.engine.calling import Calls
from streams.engine.options import RunnerOptions
from streams.engine.outbox import Call, Policy
from tests.unit.engine.toys import START, Ask, Reply, toy_agent


class TestRoom:
    """The room that the calls under way and the breaker leave."""

    BOUNDS = Policy(10, (1,), concurrency=8, per_lane=2, breaker=BreakerPolicy(at_least=2, open_s=30))

    def calls(self, reply: Reply | Exception, now: list[float]) -> tuple[Calls, asyncio.Event]:
        async def answer(call: Call[Any]) -> Model:
            if isinstance(reply, Exception):
                raise reply
            return reply

        options = RunnerOptions(callers={"box": answer})
        options.destinations.monotonic = lambda: now[0]
        wake = asyncio.Event()
        return Calls(toy_agent(self.BOUNDS, lanes=True), 0, options, wake, lambda: START), wake

    def call(self, n: int, lane: str) -> Call[Any]:
        deadline = START + timedelta(seconds=9)
        return Call("box", f"{lane}/{n}", 1, f"c{n}", Ask(text="?"), 1, START, deadline, lane=lane)

    async def test_a_lane_has_its_own_bound(self) -> None:
        calls, _ = self.calls(Reply(), [0.0])
        for n in range(2):
            calls.start(self.call(n, "room-a"))

        assert (calls.room("box", "room-a"), calls.room("box", "room-b")) == (0, 2)
        assert calls.free() == {"box": 6}
        await calls.cancel()
        assert calls.room("box", "room-a") == 2

    async def test_calls_are_under_way_before_the_task_goes_on(self) -> None:
        begun = []

        async def answer(call: Call[Any]) -> Model:
            begun.append(call.id)
            return Reply()

        options = RunnerOptions(callers={"box": answer})
        calls = Calls(toy_agent(self.BOUNDS, lanes=True), 0, options, asyncio.Event(), lambda: START)

        await calls.begin([self.call(n, "room-a") for n in range(2)])

        assert begun == ["c0", "c1"]
        await calls.cancel()

    @pytest.mark.parametrize("reply", [Reply(again_s=1), RuntimeError("a bug")])
    async def test_failures_close_the_lane_and_a_probe_opens_it(self, reply: Reply | Exception) -> None:
        now = [0.0]
        calls, wake = self.calls(reply, now)
        lane = f"room-{type(reply).__name__}"
        for n in range(2):
            calls.start(self.call(n, lane))
        async with asyncio.timeout(5):
            while calls.room("box", lane) != 0 or calls.free() != {"box": 8}:
                wake.clear()
                await wake.wait()

        assert calls.room("box", "room-well") == 2
        now[0] = 31
        assert calls.room("box", lane) == 1

    async def test_tasks_of_a_process_send_one_probe_and_not_one_each(self) -> None:
        now = [0.0]
        calls, wake = self.calls(Reply(again_s=1), now)
        others = Calls(toy_agent(self.BOUNDS, lanes=True), 1, calls._options, wake, lambda: START)
        breaker = calls._options.destinations.breaker("box", "room-s", self.BOUNDS.breaker or BreakerPolicy())
        for _ in range(2):
            breaker.ended(False, probe=False)
        now[0] = 31

        calls.reserve([self.call(1, "room-s")])  # its attempt is being committed
        assert others.room("box", "room-s") == 0
        await calls.cancel()  # the commit failed
        assert others.room("box", "room-s") == 1

        calls.reserve([self.call(1, "room-s")])
        await calls.begin([self.call(1, "room-s")])
        async with asyncio.timeout(5):
            while breaker.state != "open":  # the probe has failed
                wake.clear()
                await wake.wait()
        now[0] = 62
        assert others.room("box", "room-s") == 1

    async def test_a_probe_that_is_cancelled_before_it_began_leaves_room(self) -> None:
        now = [0.0]
        calls, _ = self.calls(Reply(again_s=1), now)
        breaker = calls._options.destinations.breaker("box", "room-p", self.BOUNDS.breaker or BreakerPolicy())
        for _ in range(2):
            breaker.ended(False, probe=False)
        now[0] = 31
        calls.start(self.call(1, "room-p"))
        assert calls.room("box", "room-p") == 0

        await calls.cancel()

        assert calls.room("box", "room-p") == 1
