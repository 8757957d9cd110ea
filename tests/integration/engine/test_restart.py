"""What a task has is what it had: rows, mirrors, timers and calls after a restart equal those before."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import for_code
from aiokafka.protocol.admin import DeleteGroupsRequest

from contracts.model import Model
from streams.engine.errors import ConfigError, StateRefused
from streams.engine.keyvalue import KeyValue, MemoryKeyValue
from streams.engine.options import RunnerOptions
from streams.engine.outbox import Call
from tests.integration.administration import admin
from tests.integration.engine.toy import Toy, reply
from tests.unit.engine.toys import ECHOES, LABELS, NUMBERS, Echo, Label, Nudge, Number
from tests.waiting import eventually

pytestmark = pytest.mark.kafka


class Kept:
    """Keeps the stores that a runner made, to look into them."""

    def __init__(self) -> None:
        self.stores: dict[int, MemoryKeyValue] = {}

    def __call__(self, agent: str, partition: int) -> KeyValue:
        return self.stores.setdefault(partition, MemoryKeyValue())

    def rows(self) -> dict[tuple[int, str, str], bytes]:
        return {
            (partition, name, key): row
            for partition, stored in self.stores.items()
            for name in list(stored._stores)
            for key, row in stored.scan(name)
        }


async def never(call: Call[Any]) -> Model:
    await asyncio.sleep(3600)
    raise AssertionError("unreachable")


async def test_what_is_restored_is_what_was_there(toy: Toy) -> None:
    """Own store, output-changelog store, mirror, timers, outbox, parked records; tombstones and control records."""
    before, after = Kept(), Kept()
    async with toy.running(RunnerOptions(callers={"box": never}, storage=before)) as first:
        await first.ready(3)
        await toy.pipe((LABELS, f"key{n}", Label(text=f"l{n}", fail=n == 3)) for n in range(8))
        await toy.pipe([(LABELS, "key1", None), (LABELS, "key2", b"junk"), (LABELS, "key2", Label(text="new"))])
        await toy.pipe([(LABELS, "key4", b"junk")])
        await toy.number(range(60), ring_s=3600)
        await toy.pipe([(NUMBERS, "key5", Nudge()), (NUMBERS, "key6", Number(n=60, ask="call-6"))])
        await toy.pipe([(NUMBERS, "key7", Number(n=61, retailer="nobody")), (NUMBERS, "key7", Number(n=62))])
        await toy.pipe([(NUMBERS, "key9", Number(n=63))])
        await toy.echoes(62)
        await eventually(lambda: len([k for k in before.rows() if k[1] == "$parked"]) == 2, "two records parked")
        await first.leave()
    async with toy.running(RunnerOptions(callers={"box": never}, storage=after)) as second:
        await second.ready(3)
        await second.leave()

    rows, again = ({k: r for k, r in kept.rows().items() if not _moving(k[1], k[2])} for kept in (before, after))
    assert again == rows
    assert {name for _, name, _ in rows} >= {
        "counts",
        "totals",
        "labels",
        "$timers",
        "$timer-index",
        "$parked",
        "$outbox.box",
        "$task",
    }


def _moving(store: str, key: str) -> bool:
    """Whether it goes on by itself: the retries of what is parked."""
    return store.startswith("$timer") and "$parked" in key


def a_day_ago() -> datetime:
    """A clock to be moved by hand: behind the broker's, for a task's time is the earlier of the two."""
    return datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)


async def test_a_timer_rings_once_though_the_task_was_down_when_it_was_due(toy: Toy) -> None:
    now = [a_day_ago()]
    options = RunnerOptions(callers={"box": reply}, clock=lambda: now[0])
    async with toy.running(options) as first:
        await first.ready(3)
        await toy.number(range(6), keys=6, ring_s=60)
        await toy.echoes(6)
        await first.leave()
    now[0] += timedelta(minutes=5)
    async with toy.running(options) as second:
        assert sum((await toy.echoes(6, "rang")).values()) == 6
        await second.leave()
    async with toy.running(options) as third:
        await third.ready(3)
        await toy.number(range(6, 9))
        await toy.echoes(9)
        assert sum((await toy.echoes(6, "rang")).values()) == 6
        await third.leave()


async def test_a_call_that_a_crash_cut_off_is_made_again_with_its_id_after_its_deadline(toy: Toy) -> None:
    now = [a_day_ago()]
    made: list[Call[Any]] = []

    async def hanging(call: Call[Any]) -> Model:
        made.append(call)
        return await never(call)

    async with toy.running(RunnerOptions(callers={"box": hanging}, clock=lambda: now[0])) as first:
        await first.ready(3)
        await toy.pipe([(NUMBERS, "k", Number(n=0, ask="call-0")), (NUMBERS, "k", Number(n=1, ask="call-1"))])
        await eventually(lambda: bool(made), "the call under way")
        await first.leave()
    assert [(c.id, c.attempt) for c in made] == [("call-0", 1)]

    async def noted(call: Call[Any]) -> Model:
        made.append(call)
        return await reply(call)

    async with toy.running(RunnerOptions(callers={"box": noted}, clock=lambda: now[0])) as second:
        await second.ready(3)
        await toy.number([2], keys=1)
        await toy.echoes(3)
        assert len(made) == 1, "its deadline has not passed"
        now[0] = made[0].deadline.replace(microsecond=0) + timedelta(minutes=1)  # the broker's own clock decides
        await toy.pipe([(NUMBERS, "k", Number(n=3))])
        await eventually(lambda: len(made) == 3, "both calls made")
        await toy.read(ECHOES.name, lambda r: sum(b"told" in (x.value or b"") for x in r) == 2)
        await second.leave()
    assert [(c.id, c.attempt) for c in made] == [("call-0", 1), ("call-0", 2), ("call-1", 1)]


async def test_letters_and_large_records_arrive_whole(toy: Toy) -> None:
    large = b"x" * 3_000_000
    async with toy.running() as running:
        await toy.pipe([(NUMBERS, "k", large), (NUMBERS, "k", Number(n=0)), (LABELS, "k", Label(text="y" * 2_000_000))])
        (letter,) = await toy.read("dead-letters.toy", bool)
        assert letter.value == large
        await toy.pipe([(NUMBERS, "k", Number(n=1))])
        echoes = await toy.read(ECHOES.name, lambda r: len(r) >= 3)
        assert len([e for r in echoes if (e := Echo.model_validate_json(r.value or b"")).what == "counted"]) == 2
        await running.leave()


@pytest.mark.parametrize("offset", [None, 1])
async def test_group_offsets_that_were_lost_or_set_back_are_refused_by_name(toy: Toy, offset: int | None) -> None:
    async with toy.running() as first:
        await first.ready(3)
        await toy.number(range(30))
        await toy.echoes(30)
        await first.leave()
    group = toy.cluster.name("toy")
    if offset is None:
        async with admin(toy.bootstrap) as client:
            # Until the group's last member is gone, it is not empty.
            await eventually(lambda: deleted(client, group), "the group's offsets are deleted")
    else:
        await set_back(toy, group, offset)

    async with toy.running() as second:
        await asyncio.wait({second.task}, timeout=20)
        assert second.task.done(), "the process must end"
        with pytest.raises(StateRefused, match=rf"numbers\[\d\]: the group's offset is {offset}, but the changelog"):
            second.task.result()


async def deleted(client: AIOKafkaAdminClient, group: str) -> bool:
    node = await client.find_coordinator(group)
    response = await client._client.send(node, DeleteGroupsRequest([group]))
    ((_, code),) = response.results
    assert code == 0 or for_code(code).__name__ == "NonEmptyGroupError", for_code(code)
    return bool(code == 0)


async def set_back(toy: Toy, group: str, offset: int) -> None:
    async with AIOKafkaConsumer(bootstrap_servers=toy.bootstrap, group_id=group, enable_auto_commit=False) as consumer:
        places = [TopicPartition(toy.cluster.name(NUMBERS.name), p) for p in range(toy.partitions)]
        consumer.assign(places)
        await consumer.commit(dict.fromkeys(places, offset))


async def test_a_missing_topic_is_named_with_its_remedy(kafka: str, topic_prefix: str) -> None:
    toy = Toy(kafka, topic_prefix)
    async with toy.running() as running:
        await asyncio.wait({running.task}, timeout=20)
        with pytest.raises(ConfigError, match=r"numbers.*run `returnstreams topics apply`"):
            running.task.result()
