"""What the metrics say on a real Kafka: how far behind, what is owed and hidden, and nothing of what is elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from contracts.controls import PauseLifted
from contracts.model import Model
from streams.engine import member_watch
from streams.engine.options import RunnerOptions
from streams.engine.outbox import Call
from tests.integration.engine.toy import Running, Toy, reply
from tests.unit.engine.toys import NUMBERS, START, Number, Reply
from tests.waiting import eventually

pytestmark = pytest.mark.kafka

# Both pile up while the task stands.
WAITING = 25


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Samples follow one another closely, and bugs on purpose are kept out of the output."""
    monkeypatch.setattr(member_watch, "SAMPLE_S", 0.05)
    with capture_logs():
        yield


@pytest.fixture
async def toy(kafka: str, topic_prefix: str) -> Toy:
    """One partition, so that one task has everything."""
    made = Toy(kafka, topic_prefix, partitions=1)
    await made.create()
    return made


def value(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(f"returnstreams_{name}", {"agent": "toy", **labels})


def of_task(name: str, **labels: str) -> float | None:
    return value(name, partition="0", **labels)


def partitions_shown() -> set[str]:
    """The partitions that any series names."""
    samples = (sample for metric in REGISTRY.collect() for sample in metric.samples)
    return {
        sample.labels["partition"]
        for sample in samples
        if sample.labels.get("agent") == "toy" and "partition" in sample.labels
    }


async def until(name: str, expected: float, **labels: str) -> None:
    await eventually(lambda: of_task(name, **labels) == expected, f"{name}{labels} is {expected}")


async def test_lag_rises_while_a_task_stands_and_falls_to_nothing_after(toy: Toy) -> None:
    controls: dict[str, PauseLifted] = {}
    async with toy.running(RunnerOptions(callers={"box": reply}, controls=controls)) as running:
        await running.ready(1)
        await until("lag_records", 0, topic="numbers")
        assert of_task("task_state", state="running") == 1
        assert of_task("lag_seconds") == of_task("commit_age_seconds") == 0

        await toy.number(range(10), fail=True)
        await until("task_state", 1, state="paused")
        assert of_task("task_state", state="running") == 0
        assert value("agent_ready") == 0
        await toy.number(range(WAITING))
        await until("lag_records", WAITING, topic="numbers")
        await eventually(lambda: (of_task("lag_seconds") or 0) > 0, "an age of what waits")
        before = of_task("commit_age_seconds")
        await eventually(lambda: (of_task("commit_age_seconds") or 0) > (before or 0) > 0, "a commit that grows old")

        (pause,) = [task.paused for task, _ in running.runner._tasks.values()]
        assert pause is not None
        controls["toy/0"] = PauseLifted(pause=pause.pause, agent="toy", partition=0, at=START)
        await running.ready(1)
        await until("lag_records", 0, topic="numbers")
        assert of_task("lag_seconds") == of_task("commit_age_seconds") == 0
        assert value("agent_ready") == 1


async def test_what_goes_through_is_counted_by_topic_with_its_bytes(toy: Toy) -> None:
    names = ("input_records_total", "input_bytes_total")
    async with toy.running() as running:
        await running.ready(1)
        before = [value(name, topic="numbers") or 0 for name in names]
        letters = value("dead_letters_total", kind="bug", error="Bug") or 0
        echoes = value("output_records_total", topic="echoes") or 0
        await toy.number(range(40))
        await toy.number([40], fail=True)
        await toy.read("dead-letters.toy", lambda records: len(records) == 1)
        await until("lag_records", 0, topic="numbers")

        records, size = ((value(name, topic="numbers") or 0) - b for name, b in zip(names, before, strict=True))
        assert records == 41
        read = await toy.read("numbers", lambda records: len(records) == 41)
        assert size == sum(len(r.key or b"") + len(r.value or b"") for r in read)
        assert (value("output_records_total", topic="echoes") or 0) - echoes == 40
        assert (value("dead_letters_total", kind="bug", error="Bug") or 0) - letters == 1


async def test_what_is_owed_is_shown_until_it_is_answered(toy: Toy) -> None:
    answer = asyncio.Event()

    async def later(call: Call[Any]) -> Model:
        await answer.wait()
        return Reply()

    async with toy.running(RunnerOptions(callers={"box": later})) as running:
        await running.ready(1)
        assert of_task("outbox_depth", outbox="box") == of_task("outbox_oldest_seconds", outbox="box") == 0
        await toy.pipe((NUMBERS, f"key{n}", Number(n=n, ask=f"call-{n}")) for n in range(7))
        await until("outbox_depth", 7, outbox="box")
        answer.set()
        await until("outbox_depth", 0, outbox="box")
    async with toy.running(RunnerOptions(callers={"box": reply})) as running:
        await running.ready(1)
        assert of_task("outbox_depth", outbox="box") == 0


async def test_what_was_owed_before_a_start_is_counted(toy: Toy) -> None:
    async def never(call: Call[Any]) -> Model:
        await asyncio.sleep(3600)
        raise AssertionError("unreachable")

    options = RunnerOptions(callers={"box": never})
    async with toy.running(options) as running:
        await running.ready(1)
        await toy.pipe((NUMBERS, "key", Number(n=n, ask=f"call-{n}")) for n in range(5))
        await until("outbox_depth", 5, outbox="box")
    async with toy.running(options) as running:
        await running.ready(1)
        assert of_task("outbox_depth", outbox="box") == 5


async def test_what_an_open_transaction_hides_is_shown(toy: Toy) -> None:
    async with toy.running() as running:
        await running.ready(1)
        await toy.number(range(3))
        await until("lag_records", 0, topic="numbers")
        await until("unstable_records", 0, topic="numbers")
        producer = AIOKafkaProducer(bootstrap_servers=toy.bootstrap, transactional_id=f"{toy.prefix}somebody")
        async with producer, producer.transaction():
            for _ in range(4):
                await producer.send_and_wait(toy.cluster.name("numbers"), b"{}", b"key", partition=0)
            await until("unstable_records", 4, topic="numbers")
            assert of_task("lag_records", topic="numbers") == 0, "hidden is not behind"
        await until("unstable_records", 0, topic="numbers")
        await until("lag_records", 0, topic="numbers")


async def test_what_is_elsewhere_is_not_shown_here(kafka: str, topic_prefix: str, tmp_path: Path) -> None:
    toy = Toy(kafka, topic_prefix, partitions=4)
    await toy.create()

    def alone(running: Running) -> bool:
        return (
            partitions_shown() == {str(partition) for partition in running.runner.partitions} and running.runner.ready
        )

    async with toy.running() as running:
        await running.ready(4)
        assert alone(running)
        stalls, given = value("rebalance_stall_seconds_count") or 0, value("rebalances_total") or 0
        with toy.process(tmp_path, "other"):
            await eventually(lambda: len(running.runner.partitions) == 2 and alone(running), "half of them is shown")
        await eventually(lambda: (value("rebalance_stall_seconds_count") or 0) > stalls, "a stall that is over")
        assert (value("rebalances_total") or 0) > given
    assert partitions_shown() == set()
    assert value("agent_ready") == 0
