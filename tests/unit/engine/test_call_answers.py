"""What a call brought back is handed to the next batch, however many batches went by while it was under way."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from contracts.model import Model
from streams.engine.calling import Calls
from streams.engine.options import RunnerOptions
from streams.engine.outbox import Call, Policy
from tests.unit.engine.toys import START, Ask, Reply, toy_agent


async def test_an_answer_that_comes_after_another_batch_took_its_answers_is_not_lost() -> None:
    release = asyncio.Event()

    async def slow(call: Call[Any]) -> Model:
        await release.wait()
        return Reply(text=call.id)

    wake = asyncio.Event()
    options = RunnerOptions(callers={"box": slow})
    calls = Calls(toy_agent(Policy(timeout_s=10, delays_s=(1,), concurrency=4)), 0, options, wake, lambda: START)
    deadline = START + timedelta(seconds=9)
    calls.start(Call("box", "k", 1, "c1", Ask(text="?"), attempt=1, first_at=START, deadline=deadline))
    await asyncio.sleep(0)
    assert calls.free() == {"box": 3}
    assert calls.take() == []

    release.set()
    await asyncio.wait_for(wake.wait(), timeout=5)

    assert [answer.call.id for answer in calls.take()] == ["c1"]
    assert calls.free() == {"box": 4}
