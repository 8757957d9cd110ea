"""A running task whose machine's clock is wrong: what it asks the broker, and which clock binds the next owner."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contracts.model import Model
from streams.engine.errors import ConfigError
from streams.engine.kafka import Cluster
from streams.engine.keyvalue import MemoryKeyValue
from streams.engine.options import RunnerOptions
from streams.engine.outbox import Call
from streams.engine.running_task import RunningTask
from tests.unit.engine.fake_kafka import FakeConsumer, FakeKafka
from tests.unit.engine.test_running_task import BOUND_S, ROOMY, dealing
from tests.unit.engine.toys import Number, Reply, record, toy_agent
from tests.waiting import eventually

HOUR = timedelta(hours=1)


async def call_made_by(kafka: FakeKafka, ahead: timedelta) -> Call[Any]:
    """The first call of a task on a machine whose clock is so far ahead of the broker's."""
    made: list[Call[Any]] = []

    async def caller(call: Call[Any]) -> Model:
        made.append(call)
        return Reply(text=call.id)

    dealing(kafka, record(Number(ask="a1")))
    consumer: Any = FakeConsumer(kafka)
    options = RunnerOptions(callers={"box": caller}, clock=lambda: datetime.now(UTC) + ahead)
    task = RunningTask(toy_agent(ROOMY), 0, Cluster({}), consumer, {}, MemoryKeyValue(), options)
    run = asyncio.create_task(task.run())
    try:
        await eventually(
            lambda: run.done() or any(echo.what == "told a1" for echo in kafka.echoes()), "the answer is told"
        )
        await task.stop()
        await asyncio.wait_for(run, BOUND_S)
    finally:
        run.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(run, return_exceptions=True)
    return made[0]


@pytest.mark.parametrize("ahead", [24 * HOUR, -2 * HOUR], ids=["ahead", "behind"])
async def test_a_deadline_is_set_by_the_clock_that_the_next_owner_has_too(kafka: FakeKafka, ahead: timedelta) -> None:
    began = datetime.now(UTC)
    call = await call_made_by(kafka, ahead)

    left = call.deadline - began
    assert timedelta(0) < left < timedelta(seconds=ROOMY.timeout_s + BOUND_S)
    assert call.first_at <= datetime.now(UTC), "and nothing is dated ahead of the broker"


async def test_a_changelog_without_the_brokers_time_ends_the_task_before_any_record_is_handled(
    kafka: FakeKafka,
) -> None:
    kafka.clock = None
    with pytest.raises(ConfigError, match=r"LogAppendTime.*topics apply"):
        await call_made_by(kafka, timedelta(0))
    assert kafka.echoes() == []
