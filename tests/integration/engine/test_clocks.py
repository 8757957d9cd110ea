"""A machine whose clock is wrong, against a real broker's: nothing expires early, nothing twice, and work goes on."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from structlog.testing import capture_logs

from contracts import topics
from streams.engine.errors import ConfigError
from streams.engine.options import RunnerOptions
from streams.topics_admin import Step, TopicsAdmin
from tests.integration.engine.toy import ONE_COPY, Toy, reply
from tests.unit.engine.toys import ECHOES, Echo
from tests.waiting import eventually

pytestmark = pytest.mark.kafka

HOUR = timedelta(hours=1)


class Machine:
    """One whose clock goes on by itself and may be set."""

    def __init__(self) -> None:
        self.ahead = timedelta(0)

    def clock(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def options(self) -> RunnerOptions:
        return RunnerOptions(callers={"box": reply}, clock=self.clock)


async def said(toy: Toy) -> list[str]:
    """What the agent has said so far, of all kinds."""
    records = await toy.read(ECHOES.name, lambda _: True)
    return [Echo.model_validate_json(record.value or b"").what for record in records]


def told(logs: list[MutableMapping[str, Any]], action: str) -> int:
    return sum(line.get("action") == action for line in logs)


async def test_a_clock_that_jumps_expires_nothing_and_fires_nothing_twice(toy: Toy) -> None:
    machine = Machine()
    with capture_logs() as logs:
        async with toy.running(machine.options()) as running:
            await running.ready(3)
            await toy.number(range(6), keys=6, ring_s=3600)
            await toy.echoes(6)
            assert not told(logs, "clocks_disagree")

            machine.ahead = 24 * HOUR
            await toy.number(range(6, 18), keys=6)
            await toy.echoes(18)
            await eventually(lambda: told(logs, "clocks_disagree") == 3, "each task has told of it")
            await toy.number(range(18, 30), keys=6)
            await toy.echoes(30)
            assert "rang" not in await said(toy), "an hour has not passed"

            machine.ahead = -2 * HOUR
            await toy.number(range(30, 36), keys=6)
            machine.ahead = timedelta(0)
            await toy.number(range(36, 42), keys=6, ring_s=0)
            await toy.echoes(6, "rang")
            machine.ahead = -HOUR
            await toy.number(range(42, 48), keys=6)
            machine.ahead = timedelta(0)
            await toy.number(range(48, 54), keys=6)
            await toy.echoes(54)
            await eventually(lambda: told(logs, "clocks_agree") >= 3, "each task has told of its end")
            await running.leave()
    assert (await said(toy)).count("rang") == 6
    assert not told(logs, "dead_letter")
    await toy.exactly_once(54)


async def test_an_idle_task_whose_machine_jumps_asks_the_broker_once(toy: Toy) -> None:
    machine = Machine()
    with capture_logs() as logs:
        async with toy.running(machine.options()) as running:
            await running.ready(3)
            await toy.number([0], ring_s=3600)
            await toy.echoes(1)
            before = len(await toy.read("toy-changelog", lambda _: True))
            machine.ahead = 24 * HOUR
            await eventually(
                lambda: told(logs, "clocks_disagree") == 1, "the one task that has something due told of it"
            )
            asked = len(await toy.read("toy-changelog", lambda _: True))
            assert asked > before
            await running.leave()
    assert await said(toy) == ["counted"]
    assert len(await toy.read("toy-changelog", lambda _: True)) == asked, "and not again"


async def test_a_task_begins_with_a_clock_that_is_ahead_and_sets_no_timer_by_it(toy: Toy) -> None:
    machine = Machine()
    machine.ahead = 24 * HOUR
    async with toy.running(machine.options()) as running:
        await running.ready(3)
        await toy.number(range(3), keys=3, ring_s=1)
        await toy.echoes(3, "rang")  # after a second, not after a day and a second
        await running.leave()


async def test_a_changelog_of_an_earlier_release_is_named_and_altered_by_topics_apply(toy: Toy) -> None:
    async with TopicsAdmin(toy.cluster) as admin:
        want = [topic for topic in toy.topics() if topic.name.endswith("toy-changelog")]
        earlier = {**topics.CHANGELOG, "message.timestamp.type": "CreateTime"}
        await admin.apply(await admin.plan([replace(want[0], config=earlier)]), ONE_COPY)
    async with toy.running() as running:
        await toy.number([0])
        await asyncio.wait({running.task}, timeout=20)
        with pytest.raises(ConfigError, match=r"toy-changelog.*LogAppendTime.*topics apply"):
            running.task.result()
    async with TopicsAdmin(toy.cluster) as admin:
        (change,) = plan = await admin.plan(want)
        assert (change.step, dict(change.differing)) == (
            Step.ALTER,
            {"message.timestamp.type": ("CreateTime", "LogAppendTime")},
        )
        await admin.apply(plan, ONE_COPY)
    async with toy.running() as running:
        await toy.exactly_once(1)
        await running.leave()
