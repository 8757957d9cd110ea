"""A task past its limits: it consumes and begins nothing, says so, and goes on exactly there when it may."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import Any

import pytest
from structlog.testing import capture_logs

from contracts.controls import PauseLifted, TaskPaused
from contracts.model import Model
from streams.engine.kafka import Cluster
from streams.engine.keyvalue import MemoryKeyValue
from streams.engine.limits import Limits
from streams.engine.options import RunnerOptions
from streams.engine.outbox import Call
from streams.engine.records import Record
from streams.engine.running_task import RunningTask
from tests.unit.engine.fake_kafka import FakeConsumer, FakeKafka, nothing
from tests.unit.engine.test_running_task import ROOMY, answer
from tests.unit.engine.toys import Number, Reply, record, toy_agent
from tests.waiting import eventually

BOUND_S = 5.0
TWO = Limits(in_a_row=2, share=1)


@pytest.fixture(autouse=True)
def _controls_are_seen_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.engine.running_task.CONTROLS_S", 0.01)


class Fixture:
    """One task over these rows, and what lifts its pauses."""

    def __init__(self, kafka: FakeKafka, stored: MemoryKeyValue, caller: Any = answer) -> None:
        self.controls: dict[str, PauseLifted] = {}
        self.stored = stored
        consumer: Any = FakeConsumer(kafka)
        options = RunnerOptions(callers={"box": caller}, limits=TWO, controls=self.controls)
        self.task = RunningTask(toy_agent(ROOMY), 0, Cluster({}), consumer, {}, stored, options)

    async def paused(self) -> TaskPaused:
        """The pause, as soon as the task stands still."""
        await eventually(lambda: self.task.paused is not None, "the task stands still")
        assert self.task.paused is not None
        return self.task.paused

    def lift(self, pause: TaskPaused) -> None:
        """What `dead-letters resume` brings about."""
        said = PauseLifted(pause=pause.pause, agent="toy", partition=0, at=datetime.now(UTC))
        self.controls["toy/0"] = said


@asynccontextmanager
async def running(kafka: FakeKafka, stored: MemoryKeyValue, caller: Any = answer) -> AsyncIterator[Fixture]:
    fixture = Fixture(kafka, stored, caller)
    run = asyncio.create_task(fixture.task.run())
    try:
        with capture_logs():
            yield fixture
            await fixture.task.stop()
            await asyncio.wait_for(run, BOUND_S)
    finally:
        run.cancel()
        with suppress(asyncio.CancelledError):
            await run


def log_of(kafka: FakeKafka, *numbers: Number) -> None:
    """An input topic of these records: a fetch brings what is not committed yet, once a life."""
    records = [record(number, key=str(n).encode(), offset=n) for n, number in enumerate(numbers)]
    kafka.ends = {"numbers": len(records)}
    dealt: set[tuple[int, int]] = set()

    async def deal() -> list[Record]:
        place = kafka.opened, kafka.offsets.get("numbers", 0)
        if place in dealt or place[1] == len(records):
            return await nothing()
        dealt.add(place)
        return records[place[1] :]

    kafka.deal = deal


def letters(kafka: FakeKafka) -> int:
    return sum(out.topic == "dead-letters.toy" for out in kafka.committed)


BAD, GOOD = Number(fail=True), Number(n=7)


async def test_it_stops_at_the_limit_is_not_ready_and_goes_on_behind_the_last_letter(kafka: FakeKafka) -> None:
    log_of(kafka, GOOD, BAD, BAD, GOOD, GOOD)
    async with running(kafka, MemoryKeyValue()) as fixture:
        pause = await fixture.paused()
        assert not fixture.task.ready.is_set()
        assert (letters(kafka), kafka.offsets["numbers"], len(kafka.echoes())) == (2, 3, 1)

        fixture.lift(pause)
        await eventually(lambda: len(kafka.echoes()) == 3, "what follows the two bad ones is handled")
        assert fixture.task.ready.is_set()
        assert fixture.task.paused is None
        assert kafka.offsets["numbers"] == 5


async def test_starting_it_again_drains_nothing_until_it_is_lifted(kafka: FakeKafka) -> None:
    log_of(kafka, *[BAD] * 20)
    stored = MemoryKeyValue()
    pauses = set()
    for _ in range(5):
        async with running(kafka, stored) as fixture:
            pauses.add((await fixture.paused()).pause)
            assert (letters(kafka), kafka.offsets["numbers"]) == (2, 2)
    async with running(kafka, stored) as fixture:
        first = await fixture.paused()
        assert pauses == {first.pause}
        fixture.lift(first)
        await eventually(lambda: letters(kafka) == 4, "two more dead letters")
        assert (await fixture.paused()).pause != first.pause, "what lifted the first lifts not the second"
        assert kafka.offsets["numbers"] == 4


async def test_no_timer_fires_and_no_call_begins_while_it_stands_still(kafka: FakeKafka) -> None:
    """What a hold waits for may stand in the input that is not read."""
    calls: list[str] = []

    async def noting(call: Call[Any]) -> Model:
        calls.append(call.id)
        return Reply(text=call.id)

    log_of(kafka, Number(ring_s=0.05, ask="a1"), BAD, BAD, GOOD)
    async with running(kafka, MemoryKeyValue(), noting) as fixture:
        pause = await fixture.paused()
        await asyncio.sleep(0.2)
        assert [echo.what for echo in kafka.echoes()] == ["counted"]
        assert calls == []

        fixture.lift(pause)
        await eventually(
            lambda: {"rang", "told a1"} <= {echo.what for echo in kafka.echoes()},
            "the timer fires and the call is made",
        )
        whats = [echo.what for echo in kafka.echoes()]
        assert whats.index("rang") > 1, "the backlog first"


async def test_the_answer_of_a_call_under_way_is_still_taken(kafka: FakeKafka) -> None:
    begun, release = asyncio.Event(), asyncio.Event()
    deals: asyncio.Queue[list[Record]] = asyncio.Queue()
    kafka.deal = deals.get

    async def slow(call: Call[Any]) -> Model:
        begun.set()
        await release.wait()
        return Reply(text=call.id)

    async with running(kafka, MemoryKeyValue(), slow) as fixture:
        deals.put_nowait([record(Number(ask="a1"))])
        await asyncio.wait_for(begun.wait(), BOUND_S)
        deals.put_nowait([record(BAD, offset=n) for n in (1, 2)])
        await fixture.paused()
        release.set()
        await eventually(lambda: "told a1" in {echo.what for echo in kafka.echoes()}, "the answer is told")
        assert fixture.task.paused is not None
