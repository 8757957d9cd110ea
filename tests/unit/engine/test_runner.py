"""What a runner does with its tasks: none is lost, none is left behind, and what ends one for good ends the process."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from structlog.testing import capture_logs

from streams.engine import starting
from streams.engine.errors import ConfigError, StateInUse, StateRefused
from streams.engine.keyvalue import KeyValue, MemoryKeyValue
from streams.engine.options import RunnerOptions
from streams.engine.runner import AgentRunner
from tests.unit.engine.fake_kafka import FakeKafka
from tests.unit.engine.test_running_task import answer
from tests.unit.engine.toys import toy_agent
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("topics_are_there")

BOUND_S = 5.0


class ReadyTable(dict[str, Any]):
    """Retailers, all known already."""

    async def wait_ready(self) -> None:
        """At once."""


class Stored(MemoryKeyValue):
    """Tells whether it was closed."""

    closed = 0

    def close(self) -> None:
        self.closed += 1


def new_runner(**more: Any) -> AgentRunner:
    table: Any = ReadyTable()
    cluster: Any = None
    return AgentRunner(toy_agent(), cluster, table, RunnerOptions(callers={"box": answer}, **more))


async def joined(kafka: FakeKafka, runner: AgentRunner, stop: asyncio.Event) -> asyncio.Task[None]:
    run = asyncio.create_task(runner.run(stop))
    await eventually(lambda: kafka.listeners[1] is not None or run.done(), "it has joined its group")
    return run


async def test_an_outbox_without_a_caller_is_told_at_once(kafka: FakeKafka) -> None:
    table: Any = ReadyTable()
    cluster: Any = None
    with pytest.raises(ConfigError, match="box"):
        AgentRunner(toy_agent(), cluster, table, RunnerOptions())


async def test_storage_that_is_refused_ends_the_process(kafka: FakeKafka) -> None:
    class Refused(MemoryKeyValue):
        def open(self) -> None:
            raise StateRefused("holds the state of another")

    run = await joined(kafka, new_runner(storage=lambda agent, partition: Refused()), asyncio.Event())
    kafka.listeners[1]({0})

    with pytest.raises(StateRefused, match="of another"):
        await asyncio.wait_for(run, BOUND_S)
    assert kafka.opened == 0, "nobody is fenced for a task that cannot run"


class InUse(MemoryKeyValue):
    """Another process has it, for so many attempts."""

    def __init__(self, attempts: int) -> None:
        super().__init__()
        self.attempts = attempts

    def open(self) -> None:
        self.attempts -= 1
        if self.attempts >= 0:
            raise StateInUse("in use by process 7")


async def test_storage_that_another_process_is_about_to_let_go_is_waited_for(
    kafka: FakeKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(starting, "IN_USE_RETRY_S", 0.01)
    stop = asyncio.Event()
    runner = new_runner(storage=lambda agent, partition: InUse(5))
    run = await joined(kafka, runner, stop)
    with capture_logs() as logs:
        kafka.listeners[1]({0})
        await eventually(lambda: runner.ready, "the runner is ready")
    stop.set()
    await asyncio.wait_for(run, BOUND_S)

    assert [line["error"] for line in logs if line["action"] == "state_in_use"] == ["in use by process 7"]


async def test_storage_that_another_process_keeps_ends_the_process(
    kafka: FakeKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(starting, "IN_USE_S", 0.1)
    monkeypatch.setattr(starting, "IN_USE_RETRY_S", 0.01)
    run = await joined(kafka, new_runner(storage=lambda agent, partition: InUse(10**6)), asyncio.Event())
    kafka.listeners[1]({0})

    with pytest.raises(StateInUse, match="in use by process 7"):
        await asyncio.wait_for(run, BOUND_S)


async def test_what_cannot_be_opened_does_not_hold_up_a_revoke(kafka: FakeKafka) -> None:
    """Nor does a task that is taken away while it waits end the process: the next owner will see for itself."""
    stop = asyncio.Event()
    runner = new_runner(storage=lambda agent, partition: InUse(10**6))
    run = await joined(kafka, runner, stop)
    revoked, assigned = kafka.listeners
    assigned({0})
    await asyncio.sleep(0)
    async with asyncio.timeout(1):
        await revoked()
    assigned(set())
    assert runner.ready
    stop.set()
    await asyncio.wait_for(run, BOUND_S)


async def test_a_task_that_is_cancelled_by_nobody_of_ours_ends_the_process(kafka: FakeKafka) -> None:
    """aiokafka lets CancelledError out of its own tasks: the partition would stand still, in silence."""

    async def cancelled() -> Any:
        raise asyncio.CancelledError

    kafka.deal = cancelled
    run = await joined(kafka, new_runner(), asyncio.Event())
    kafka.listeners[1]({0})

    with pytest.raises(RuntimeError, match="ended by itself"):
        await asyncio.wait_for(run, BOUND_S)


async def test_what_is_assigned_while_leaving_is_not_taken(kafka: FakeKafka) -> None:
    stop = asyncio.Event()
    runner = new_runner()
    run = await joined(kafka, runner, stop)
    kafka.while_closing = lambda: kafka.listeners[1]({0, 1})
    stop.set()
    await asyncio.wait_for(run, BOUND_S)

    assert runner.partitions == []
    assert kafka.opened == 0


async def test_stores_are_closed_when_their_partition_goes_and_at_the_end(kafka: FakeKafka) -> None:
    made: dict[int, Stored] = {}

    def storage(agent: str, partition: int) -> KeyValue:
        assert partition not in made, "one that stays keeps its rows"
        return made.setdefault(partition, Stored())

    stop = asyncio.Event()
    runner = new_runner(storage=storage)
    run = await joined(kafka, runner, stop)
    revoked, assigned = kafka.listeners
    assigned({0, 1})
    await eventually(lambda: runner.ready, "the runner is ready")
    await revoked()
    assert [made[0].closed, made[1].closed] == [0, 0]
    assigned({1})
    await eventually(lambda: made[0].closed == 1, "the storage of the partition that went is closed")
    assert made[1].closed == 0
    await eventually(lambda: runner.ready, "the runner is ready")
    stop.set()
    await asyncio.wait_for(run, BOUND_S)

    assert [made[0].closed, made[1].closed] == [1, 1]


async def test_a_stop_before_the_broker_is_there_is_obeyed(kafka: FakeKafka, monkeypatch: pytest.MonkeyPatch) -> None:
    async def never(self: AgentRunner) -> None:
        await asyncio.sleep(3600)

    monkeypatch.setattr(AgentRunner, "_check_topics", never)
    stop = asyncio.Event()
    run = asyncio.create_task(new_runner().run(stop))
    await asyncio.sleep(0.01)
    stop.set()

    await asyncio.wait_for(run, BOUND_S)


async def test_a_broker_that_goes_while_joining_is_waited_for(
    kafka: FakeKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.engine.runner.RETRY_S", 0.01)
    from tests.unit.engine.fake_kafka import FakeConsumer

    start = FakeConsumer.start
    failures = [OSError("gone"), TimeoutError()]

    async def failing(self: FakeConsumer, on_revoked: Any, on_assigned: Any) -> None:
        if failures:
            raise failures.pop()
        await start(self, on_revoked, on_assigned)

    monkeypatch.setattr(FakeConsumer, "start", failing)
    stop = asyncio.Event()
    run = await joined(kafka, new_runner(), stop)
    assert not run.done()
    stop.set()
    await asyncio.wait_for(run, BOUND_S)
    assert kafka.closed == 3


async def test_one_that_is_given_nothing_is_ready_to_take_over_and_not_while_it_leaves(kafka: FakeKafka) -> None:
    stop = asyncio.Event()
    runner = new_runner()
    run = await joined(kafka, runner, stop)
    ready = [runner.ready]
    kafka.listeners[1](set())
    ready.append(runner.ready)
    stop.set()
    await run
    ready.append(runner.ready)

    assert ready == [False, True, False]
