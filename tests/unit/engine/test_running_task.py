"""One task as it runs: what it does first, what it waits for, what it lets go of, and what it never does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from itertools import count
from typing import Any

import orjson
import pytest
from aiokafka.errors import KafkaError

from contracts.model import Model
from streams.engine import positions, restore
from streams.engine.kafka import Cluster
from streams.engine.keyvalue import META, MemoryKeyValue
from streams.engine.options import RunnerOptions
from streams.engine.outbox import Call, Policy
from streams.engine.records import Record
from streams.engine.running_task import RunningTask
from tests.unit.engine.fake_kafka import FakeConsumer, FakeKafka, nothing
from tests.unit.engine.toys import Label, Number, Reply, record, toy_agent
from tests.waiting import eventually

BOUND_S = 5.0
ROOMY = Policy(timeout_s=10, delays_s=(1,), concurrency=4)


async def answer(call: Call[Any]) -> Model:
    return Reply(text=call.id)


def dealing(kafka: FakeKafka, *records: Record) -> None:
    """One deal of these records, then nothing."""
    deals = [list(records)]

    async def deal() -> list[Record]:
        return deals.pop() if deals else await nothing()

    kafka.deal = deal


@asynccontextmanager
async def running(
    kafka: FakeKafka, policy: Policy = ROOMY, caller: Callable[[Call[Any]], Any] = answer
) -> AsyncIterator[RunningTask]:
    consumer: Any = FakeConsumer(kafka)
    options = RunnerOptions(callers={"box": caller})
    task = RunningTask(toy_agent(policy), 0, Cluster({}), consumer, {}, MemoryKeyValue(), options)
    run = asyncio.create_task(task.run())
    try:
        yield task
        await task.stop()
        await asyncio.wait_for(run, BOUND_S)
    finally:
        run.cancel()
        with suppress(asyncio.CancelledError):
            await run


async def test_timers_fire_while_the_inputs_never_run_dry(kafka: FakeKafka) -> None:
    """Caught up is who has passed the ends seen at the start, though ever more comes behind them."""
    numbers = count()
    kafka.ends = {"numbers": 5}

    async def always() -> list[Record]:
        await asyncio.sleep(0)
        return [record(Number(ring_s=0 if (n := next(numbers)) == 0 else None), key=str(n).encode(), offset=n)]

    kafka.deal = always
    async with running(kafka):
        await eventually(lambda: any(e.what == "rang" for e in kafka.echoes()), "the timer fires")
    whats = [e.what for e in kafka.echoes()]
    assert whats.index("rang") >= 5, "not before the backlog of the start was through"


async def test_a_call_never_outlives_the_deadline_that_was_committed(kafka: FakeKafka) -> None:
    seen: list[tuple[str, float, float]] = []

    async def slow() -> None:
        await asyncio.sleep(0.06)

    async def hanging(call: Call[Any]) -> Model:
        begun = datetime.now(UTC)
        try:
            await asyncio.sleep(3600)
        finally:
            ended = datetime.now(UTC)
            seen.append((call.id, (call.deadline - begun).total_seconds(), (call.deadline - ended).total_seconds()))
        return Reply()

    kafka.before_commit = slow
    dealing(kafka, record(Number(ask="a1")))
    async with running(kafka, Policy(timeout_s=0.2, delays_s=(1,), concurrency=4), hanging):
        await eventually(lambda: len(seen) >= 2, "two calls are made")
    for _, left_at_the_start, left_at_the_end in seen:
        assert left_at_the_start > 0
        assert left_at_the_end > -0.05


async def test_a_call_whose_deadline_passed_during_its_commit_is_not_made(kafka: FakeKafka) -> None:
    made: list[float] = []

    async def slow() -> None:
        await asyncio.sleep(0.08)

    async def caller(call: Call[Any]) -> Model:
        made.append((call.deadline - datetime.now(UTC)).total_seconds())
        return Reply()

    kafka.before_commit = slow
    dealing(kafka, record(Number(ask="a1")))
    async with running(kafka, Policy(timeout_s=0.03, delays_s=(1,)), caller):
        await asyncio.sleep(0.5)
    assert made == []


async def test_an_answer_that_came_before_the_stop_is_committed(kafka: FakeKafka) -> None:
    held: list[RunningTask] = []

    async def stopping(call: Call[Any]) -> Model:
        await held[0].stop()
        return Reply(text=call.id)

    dealing(kafka, record(Number(ask="a1")))
    async with running(kafka, caller=stopping) as task:
        held.append(task)
        await eventually(lambda: any(e.what == "told a1" for e in kafka.echoes()), "the answer is told")


async def test_a_caller_that_raises_costs_an_attempt_and_nothing_else(kafka: FakeKafka) -> None:
    attempts: list[tuple[str, int]] = []

    async def failing(call: Call[Any]) -> Model:
        attempts.append((call.id, call.attempt))
        if call.attempt == 1:
            raise RuntimeError("on purpose")
        return Reply(text=call.id)

    dealing(kafka, record(Number(ask="a1")))
    async with running(kafka, Policy(timeout_s=0.1, delays_s=(1,)), failing):
        await eventually(lambda: any(e.what == "told a1" for e in kafka.echoes()), "the answer is told")
    assert attempts == [("a1", 1), ("a1", 2)]


async def test_a_caller_that_will_not_be_cancelled_does_not_hold_up_the_stop(kafka: FakeKafka) -> None:
    begun = asyncio.Event()
    release = asyncio.Event()

    async def stubborn(call: Call[Any]) -> Model:
        begun.set()
        while not release.is_set():
            with suppress(asyncio.CancelledError):
                await release.wait()
        return Reply()

    dealing(kafka, record(Number(ask="a1")))
    async with running(kafka, caller=stubborn):
        await asyncio.wait_for(begun.wait(), BOUND_S)
    release.set()
    await asyncio.sleep(0)


async def test_a_failed_commit_is_redone_whole(kafka: FakeKafka, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.engine.running_task.FIRST_PAUSE_S", 0.01)
    failures = [KafkaError("gone"), TimeoutError(), OSError("reset")]
    records = [record(Number(n=n), offset=n) for n in range(3)]

    async def deal() -> list[Record]:
        return records if kafka.opened <= 4 and not kafka.committed else await nothing()

    async def fail() -> None:
        if failures:
            raise failures.pop()

    kafka.deal, kafka.before_commit = deal, fail
    async with running(kafka):
        await eventually(lambda: len(kafka.echoes()) == 3, "all three are handled")
    assert (kafka.opened, kafka.offsets) == (4, {"numbers": 3})


async def test_rows_that_were_not_read_to_their_real_end_are_restored_again_before_anything_is_handled(
    kafka: FakeKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A new leader may show the changelog's end too low; to go on then would be to forget what was paid."""
    reached = iter([2, 5])
    kafka.offsets = {"numbers": 5}
    kafka.ends = {"numbers": 5}

    async def restored(cluster: object, agent: object, partition: int, stored: MemoryKeyValue) -> None:
        row = orjson.dumps({"numbers": next(reached)})
        stored.apply({META: {positions.POSITION: row}}, {})

    monkeypatch.setattr(restore, "restore", restored)
    async with running(kafka) as task:
        await eventually(task.ready.is_set, "the task is ready")
        assert positions.consumed(task.stored) == {"numbers": 5}
    assert next(reached, None) is None


async def test_records_handed_out_again_are_dropped(kafka: FakeKafka) -> None:
    deals = [[record(Number(n=n), offset=n) for n in numbers] for numbers in ((1, 2, 3), (0, 1), (0, 1, 2))]

    async def deal() -> list[Record]:
        return deals.pop() if deals else await nothing()

    kafka.deal = deal
    async with running(kafka):
        await eventually(lambda: len(kafka.echoes()) >= 4, "all four are handled")
        await asyncio.sleep(0.05)
    assert [e.n for e in kafka.echoes()] == [0, 1, 2, 3]


async def test_what_is_handled_of_a_mirrored_input_is_noted_past_the_end_of_its_last_transaction(
    kafka: FakeKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the position is the end, rows never grow too old to be brought up to date."""
    monkeypatch.setattr("streams.engine.running_task.FETCH_WAIT_S", 0.02)
    kafka.ends = {"labels": 5}
    dealing(kafka, record(Label(text="a"), topic="labels", offset=3))
    async with running(kafka) as task:
        await eventually(lambda: task.stored.positions().get("labels") == 5, "the end of the transaction is noted")


async def test_idle_means_idle(kafka: FakeKafka, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full outbox and a timer far away are no reason to go round."""
    rounds = 0
    compute = RunningTask._compute

    def counted(self: RunningTask) -> Any:
        nonlocal rounds
        rounds += 1
        return compute(self)

    async def hanging(call: Call[Any]) -> Model:
        await asyncio.sleep(3600)
        return Reply()

    monkeypatch.setattr(RunningTask, "_compute", counted)
    asks = [record(Number(ask=f"a{n}", ring_s=3600), key=str(n).encode(), offset=n) for n in range(3)]
    dealing(kafka, *asks)
    async with running(kafka, Policy(timeout_s=60, delays_s=(1,), concurrency=1), hanging):
        await eventually(lambda: len(kafka.echoes()) == 3, "all three are handled")
        await asyncio.sleep(0.2)
        before = rounds
        await asyncio.sleep(0.5)
        assert rounds - before <= 1
