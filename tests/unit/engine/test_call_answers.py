"""What a call brought back is handed to the next batch, however many batches went by while it was under way."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from contracts.model import Model
from streams.engine.kafka import Cluster
from streams.engine.keyvalue import MemoryKeyValue
from streams.engine.options import RunnerOptions
from streams.engine.outbox import Call, Policy
from streams.engine.running_task import RunningTask
from tests.unit.engine.toys import START, Ask, Reply, toy_agent


async def test_an_answer_that_comes_after_another_batch_was_computed_is_not_lost() -> None:
    release = asyncio.Event()

    async def slow(call: Call[Any]) -> Model:
        await release.wait()
        return Reply(text=call.id)

    consumer: Any = None
    agent = toy_agent(Policy(timeout_s=10, delays_s=(1,), concurrency=4))
    options = RunnerOptions(callers={"box": slow}, clock=lambda: START)
    task = RunningTask(agent, 0, Cluster({}), consumer, {}, MemoryKeyValue(), options)
    under_way = asyncio.create_task(
        task._call(
            Call("box", "k", 1, "c1", Ask(text="?"), attempt=1, first_at=START, deadline=START + timedelta(seconds=9))
        )
    )
    await asyncio.sleep(0)
    task._compute()  # takes the answers there are: none yet
    release.set()
    await under_way

    assert [answer.call.id for answer in task._answers] == ["c1"]
