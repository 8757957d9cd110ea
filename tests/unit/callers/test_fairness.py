"""tracking-forward as it runs, with its caller, against real receivers: a dead one costs the others nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest

from contracts import topics
from contracts.returns import Meaning
from streams.agents.tracking_forward import DEFAULT, tracking_forward
from streams.callers.hook import HookCaller, Timeouts
from streams.engine.breaker import BreakerPolicy
from streams.engine.kafka import Cluster
from streams.engine.keyvalue import MemoryKeyValue
from streams.engine.options import RunnerOptions
from streams.engine.outbox import Policy
from streams.engine.records import Record
from streams.engine.running_task import RunningTask
from tests.builders import retailer, return_event
from tests.unit.callers.hook_kit import Kept
from tests.unit.callers.receiver import Answering, Received, Receiver, receiver, status
from tests.unit.engine.fake_kafka import FakeConsumer, FakeKafka, nothing
from tests.waiting import eventually

WELL = [f"well-{n}" for n in range(10)]
TIGHT = replace(DEFAULT, concurrency=12, per_lane=4)


@pytest.fixture
def kafka(monkeypatch: pytest.MonkeyPatch) -> FakeKafka:
    fake = FakeKafka().install(monkeypatch)
    fake.inputs = (topics.RETURN_EVENTS.name, topics.TRACKING_REPLAYS.name)
    return fake


def scans(name: str, orders: int) -> list[bytes]:
    return [return_event(Meaning.FIRST_SCAN, retailer=name, order_key=f"{name}/{n}").to_json() for n in range(orders)]


def deal(kafka: FakeKafka, owed: dict[str, int]) -> None:
    """All at once, the retailers one after the other."""
    values = [(f"{name}/{n}", value) for name, orders in owed.items() for n, value in enumerate(scans(name, orders))]
    kind = (("ce_type", topics.RETURN_EVENTS.events[0].type.encode()),)
    records = [
        Record(topics.RETURN_EVENTS.name, 0, offset, 1_793_534_400_000, key.encode(), value, kind)
        for offset, (key, value) in enumerate(values)
    ]
    deals = [records]

    async def give() -> list[Record]:
        return deals.pop() if deals else await nothing()

    kafka.deal = give


@asynccontextmanager
async def forwarding(
    kafka: FakeKafka, answers: dict[str, Answering], policy: Policy = TIGHT, timeouts: Timeouts | None = None
) -> AsyncIterator[dict[str, Receiver]]:
    """The agent's task, and for each retailer a receiver that answers so."""
    async with AsyncExitStack() as stack:
        receivers = {name: await stack.enter_async_context(receiver(each)) for name, each in answers.items()}
        known = {name: retailer(name, hook=each.url) for name, each in receivers.items()}
        caller = HookCaller(known, Kept(), timeouts=timeouts or Timeouts())
        stack.push_async_callback(caller.aclose)
        consumer: Any = FakeConsumer(kafka)
        options = RunnerOptions(callers={"hook": caller})
        agent = tracking_forward(policy)
        task = RunningTask(agent, 0, Cluster({}), consumer, known, MemoryKeyValue(), options)
        run = asyncio.create_task(task.run())
        try:
            yield receivers
        finally:
            await task.stop()
            await run


async def hang(_: Received, writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def test_while_a_black_hole_among_ten_hangs_all_others_get_everything(kafka: FakeKafka) -> None:
    answers = {"hole": hang, **{name: status("200 OK") for name in WELL}}
    deal(kafka, {"hole": 200, **dict.fromkeys(WELL, 20)})

    async with forwarding(kafka, answers) as receivers:
        await eventually(
            lambda: all(len(receivers[name].received) == 20 for name in WELL), "the others have all of theirs"
        )

        assert len(receivers["hole"].received) == TIGHT.per_lane


async def test_one_that_is_owed_very_much_does_not_starve_one_that_is_owed_little(kafka: FakeKafka) -> None:
    arrived: list[str] = []

    def noting(name: str) -> Answering:
        async def answer(said: Received, writer: asyncio.StreamWriter) -> None:
            arrived.append(name)
            await status("200 OK")(said, writer)

        return answer

    deal(kafka, {"big": 1000, "small": 1})
    async with forwarding(kafka, {"big": noting("big"), "small": noting("small")}):
        await eventually(lambda: "small" in arrived, "the small one has its one")

        assert arrived.index("small") < 100


async def test_a_failing_one_is_left_alone_without_a_word_to_the_broker_and_then_gets_everything(
    kafka: FakeKafka,
) -> None:
    ill = True

    async def answer(said: Received, writer: asyncio.StreamWriter) -> None:
        await status("503 Ill" if ill else "200 OK")(said, writer)

    breaker = BreakerPolicy(at_least=5, open_s=1)
    policy = replace(TIGHT, delays_s=(0.2,), breaker=breaker)
    deal(kafka, {"ill": 100})
    async with forwarding(kafka, {"ill": answer}, policy) as receivers:
        await eventually(lambda: len(receivers["ill"].received) > 5, "it has failed often enough, and was probed once")
        for _ in range(2):
            tried, written = len(receivers["ill"].received), len(kafka.committed)
            await eventually(lambda: len(receivers["ill"].received) > tried, "another probe")  # noqa: B023
            # A few attempts end or begin, of some rows each; the others wait, and nothing is written for them.
            assert len(kafka.committed) - written < 90
        ill = False
        failed = len(receivers["ill"].received)
        await eventually(lambda: len(receivers["ill"].received) >= failed + 100, "everything is told")

    told = {each.headers["webhook-id"] for each in receivers["ill"].received[failed:]}
    assert len(told) == 100
