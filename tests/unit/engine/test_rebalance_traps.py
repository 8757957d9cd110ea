"""The traps of aiokafka's rebalances, each by itself: pause first, fence before reading, swallow no listener's error.

What is handed out again after a rebalance is dropped: test_running_task.py.
"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiokafka import TopicPartition

from streams.engine import restore
from streams.engine.kafka import Committed
from streams.engine.kafka.consuming import _Listener
from streams.engine.keyvalue import KeyValue, MemoryKeyValue
from streams.engine.running_task import RunningTask
from tests.unit.engine.fake_kafka import FakeConsumer, FakeKafka, FakeTransactions
from tests.unit.engine.test_runner import BOUND_S, joined, new_runner
from tests.unit.engine.test_running_task import running
from tests.waiting import eventually

pytestmark = pytest.mark.usefixtures("topics_are_there")


class Steps(list[str]):
    """What happened, in order. As a consumer: one that can be paused."""

    def pause(self, *partitions: TopicPartition) -> None:
        self.append(f"pause {len(partitions)}")


def test_new_partitions_are_paused_before_anything_else_can_run() -> None:
    """aiokafka fetches already when it tells of an assignment: after one await, records could come from offsets that
    nobody has checked, to a task that is not restored."""
    steps = Steps()

    async def revoked() -> None:
        steps.append("revoked")

    listener = _Listener(steps, revoked, lambda partitions: steps.append(f"assigned {partitions}"))
    telling = listener.on_partitions_assigned({TopicPartition("numbers", 0), TopicPartition("labels", 0)})
    with pytest.raises(StopIteration):
        telling.send(None)  # to its end without giving the loop a turn

    assert steps == ["pause 2", "assigned {0}"]


async def test_offsets_and_rows_are_read_only_after_the_last_owner_is_fenced(
    kafka: FakeKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is read before may be old: the last owner could still commit behind our back."""
    steps: list[str] = []
    fence, committed, begin = FakeTransactions.open, FakeConsumer.committed, FakeConsumer.seek

    async def fencing(self: FakeTransactions) -> None:
        await asyncio.sleep(0)
        await fence(self)
        steps.append("fenced")

    async def restoring(*args: object) -> None:
        steps.append("restore")

    async def reading(self: FakeConsumer, partition: int) -> dict[str, Committed | None]:
        steps.append("committed")
        return await committed(self, partition)

    def seeking(self: FakeConsumer, partition: int, offsets: Any) -> None:
        steps.append("seek")
        begin(self, partition, offsets)

    monkeypatch.setattr(FakeTransactions, "open", fencing)
    monkeypatch.setattr(FakeConsumer, "committed", reading)
    monkeypatch.setattr(FakeConsumer, "seek", seeking)
    monkeypatch.setattr(restore, "restore", restoring)
    async with running(kafka) as task:
        await eventually(task.ready.is_set, "the task is ready")

    assert steps == ["fenced", "restore", "committed", "seek"]


async def test_an_error_while_letting_go_ends_the_process(kafka: FakeKafka, monkeypatch: pytest.MonkeyPatch) -> None:
    """aiokafka would log it and join again, over tasks that still run."""

    async def failing(self: RunningTask) -> None:
        raise RuntimeError("cannot let go")

    run = await joined(kafka, runner := new_runner(), asyncio.Event())
    revoked, assigned = kafka.listeners
    assigned({0})
    await eventually(lambda: runner.ready, "the runner is ready")
    stop = RunningTask.stop
    monkeypatch.setattr(RunningTask, "stop", failing)
    await revoked()
    monkeypatch.setattr(RunningTask, "stop", stop)

    with pytest.raises(RuntimeError, match="cannot let go"):
        await asyncio.wait_for(run, BOUND_S)


async def test_an_error_while_closing_what_went_to_others_ends_the_process(kafka: FakeKafka) -> None:
    """A disk that fails is told, not left as a line of aiokafka's about a listener."""

    class Failing(MemoryKeyValue):
        def close(self) -> None:
            raise OSError("no space left on device")

    def storage(agent: str, partition: int) -> KeyValue:
        return Failing() if partition == 0 else MemoryKeyValue()

    run = await joined(kafka, runner := new_runner(storage=storage), asyncio.Event())
    revoked, assigned = kafka.listeners
    assigned({0, 1})
    await eventually(lambda: runner.ready, "the runner is ready")
    await revoked()
    assigned({1})

    with pytest.raises(OSError, match="no space left"):
        await asyncio.wait_for(run, BOUND_S)
