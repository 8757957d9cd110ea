"""A changelog that lost rows while the group's offsets survived: told from offsets that somebody set by hand."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import RecordsToDelete
from structlog.testing import capture_logs

from streams.engine.errors import StateRefused
from streams.engine.records import Record
from tests.integration.administration import admin
from tests.integration.engine.toy import Toy
from tests.unit.engine.toys import NUMBERS
from tests.waiting import PATIENCE_S, eventually

pytestmark = pytest.mark.kafka

CHANGELOG = "toy-changelog"


async def life(toy: Toy, until: int, begin: int = 0) -> None:
    """Handle these numbers and leave."""
    async with toy.running() as running:
        await running.ready(toy.partitions)
        await toy.number(range(begin, until))
        await toy.exactly_once(until)
        await running.leave()


async def made_anew(toy: Toy, records: Iterable[Record]) -> None:
    """The changelog again, with these records only."""
    name = toy.cluster.name(CHANGELOG)
    async with admin(toy.bootstrap) as client:
        await client.delete_topics([name])

        async def gone() -> bool:
            return name not in await client.list_topics()

        await eventually(gone, f"{name} is deleted")
    await toy.create()
    async with AIOKafkaProducer(bootstrap_servers=toy.bootstrap, acks="all") as producer:
        for record in records:
            await producer.send_and_wait(name, record.value, record.key, partition=record.partition)


async def set_by_hand(toy: Toy) -> None:
    """The group's offsets to the ends of the inputs, as kafka-consumer-groups does it."""
    group = toy.cluster.name("toy")
    async with AIOKafkaConsumer(bootstrap_servers=toy.bootstrap, group_id=group, enable_auto_commit=False) as consumer:
        places = [TopicPartition(toy.cluster.name(NUMBERS.name), p) for p in range(toy.partitions)]
        consumer.assign(places)
        await consumer.commit(await consumer.end_offsets(places))


async def refused(toy: Toy, why: str) -> None:
    async with toy.running() as running:
        await asyncio.wait({running.task}, timeout=PATIENCE_S)
        assert running.task.done(), "the process must end"
        with pytest.raises(StateRefused, match=why):
            running.task.result()


async def test_a_changelog_that_lost_its_last_rows_is_refused_until_somebody_takes_it_upon_himself(toy: Toy) -> None:
    await life(toy, 60)
    kept = await toy.read(CHANGELOG, bool)
    await life(toy, 90, begin=60)
    await made_anew(toy, kept)
    await refused(toy, "its changelog toy-changelog ends at .*: its last rows were lost")

    await set_by_hand(toy)
    with capture_logs() as logs:
        async with toy.running() as running:
            await running.ready(toy.partitions)
            await toy.number(range(90, 120))
            found = await toy.echoes(120)
            await running.leave()
    assert sorted(found) == list(range(120)), "nothing is repeated and nothing new is left out"
    assert set(found.values()) == {1}
    assert {line["action"] for line in logs} >= {"offset_forward"}
    assert max((await toy.totals()).values()) < 120 / 20, "what the lost rows counted is forgotten"


async def test_an_empty_changelog_is_refused_though_no_input_record_is_left_to_repeat(toy: Toy) -> None:
    """What is decided next would be decided as if nothing had been before."""
    await life(toy, 60)
    async with admin(toy.bootstrap) as client:
        places = [TopicPartition(toy.cluster.name(NUMBERS.name), p) for p in range(toy.partitions)]
        async with AIOKafkaConsumer(bootstrap_servers=toy.bootstrap) as consumer:
            consumer.assign(places)
            ends = await consumer.end_offsets(places)
        await client.delete_records({place: RecordsToDelete(end) for place, end in ends.items()})
    await made_anew(toy, [])
    await refused(toy, "the changelog toy-changelog knows nothing of it: it was lost")


async def test_an_offset_set_forward_by_hand_is_taken_at_its_word(toy: Toy) -> None:
    await life(toy, 60)
    await toy.number(range(1000, 1030))
    await set_by_hand(toy)
    with capture_logs() as logs:
        async with toy.running() as running:
            await running.ready(toy.partitions)
            await toy.number(range(60, 90))
            found = await toy.echoes(90)
            await running.leave()

    assert sorted(found) == list(range(90)), "what was skipped is skipped, and only that"
    assert {line["action"] for line in logs} >= {"offset_forward"}
