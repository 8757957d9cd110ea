"""What becomes of a topic under a task: grown, cut off, compacted. Nothing of it is passed over in silence."""

from __future__ import annotations

import asyncio
import shutil
import threading
import time
from collections.abc import Coroutine, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiokafka import TopicPartition
from aiokafka.admin import NewPartitions, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from structlog.testing import capture_logs

from contracts import topics
from demo.broker import BrokerOptions, EmbeddedCluster
from streams import event_loop
from streams.engine import metrics
from streams.engine.errors import StateRefused
from streams.engine.keyvalue import MemoryKeyValue
from streams.engine.options import RunnerOptions
from streams.engine.rocks import RocksStorage
from tests.integration.administration import admin
from tests.integration.engine.toy import Toy, reply
from tests.unit.engine.toys import LABELS, NUMBERS, TOTALS, Nudge, Number
from tests.waiting import PATIENCE_S, eventually

pytestmark = pytest.mark.kafka


@pytest.mark.parametrize("grown", [(NUMBERS,), (NUMBERS, LABELS)], ids=["one", "both"])
async def test_inputs_that_were_given_more_partitions_are_refused_by_name(
    toy: Toy, grown: tuple[topics.Topic, ...]
) -> None:
    async with toy.running() as running:
        await running.ready(3)
        await toy.number(range(30))
        await toy.exactly_once(30)
        await running.leave()
    async with admin(toy.bootstrap) as client:
        await client.create_partitions({toy.cluster.name(t.name): NewPartitions(total_count=6) for t in grown})

    why = "its state was made with 3 partitions, its inputs now have 6" if len(grown) == 2 else "'numbers': 6"
    async with toy.running() as running:
        await asyncio.wait({running.task}, timeout=20)
        assert running.task.done(), "the process must end"
        with pytest.raises(StateRefused, match=why):
            running.task.result()
    await toy.exactly_once(30)


@pytest.mark.parametrize("topic", ["echoes", "toy-changelog"])
async def test_a_topic_that_was_made_to_take_less_is_named_with_the_remedy_until_it_takes_more(
    toy: Toy, topic: str
) -> None:
    name = toy.cluster.name(topic)

    async def take(size: int) -> None:
        settings = {"max.message.bytes": str(size), "message.timestamp.type": "LogAppendTime"}
        async with admin(toy.bootstrap) as client:
            await client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, configs=settings)])

    await take(100)
    with capture_logs() as logs:
        async with toy.running() as running:
            await running.ready(3)
            await toy.number(range(30))
            await eventually(lambda: len(running.runner.troubles) == 3, "all three say what is wrong")
            said = set(running.runner.troubles.values())
            await take(topics.MAX_MESSAGE_BYTES)
            await toy.exactly_once(30)
            await eventually(lambda: running.runner.troubles == {}, "it is over")

    logged = {each["error"] for each in logs if each.get("action") == "task_restart"}
    for error in said:
        assert f"TakesTooLittle: {error}" in logged
        assert name in error
        assert "max.message.bytes" in error
        assert "`returnstreams topics apply`" in error


def held_up(work: Coroutine[Any, Any, None]) -> None:
    """Do this on a loop of its own while this thread's, and with it every task, stands still."""
    thread = threading.Thread(target=event_loop.run, args=(work,))
    thread.start()
    thread.join(PATIENCE_S)
    assert not thread.is_alive()


async def test_records_that_retention_takes_from_under_a_running_task_are_told(toy: Toy) -> None:
    places = [TopicPartition(toy.cluster.name(NUMBERS.name), p) for p in range(toy.partitions)]

    async def cut_off() -> None:
        await toy.number(range(30, 33), keys=3)  # ends the fetches that are under way
        await toy.number(range(100, 200))
        async with admin(toy.bootstrap) as client:
            await client.delete_records(dict.fromkeys(places, RecordsToDelete(before_offset=-1)))

    before = metrics.RETENTION_GAPS.labels("toy", NUMBERS.name)._value.get()
    with capture_logs() as logs:
        async with toy.running() as running:
            await running.ready(3)
            await toy.number(range(30))
            await toy.echoes(30)
            held_up(cut_off())
            await toy.number(range(200, 230))
            found = await toy.echoes(60)
            await eventually(lambda: {200, *range(201, 230)} <= set(found), "what came afterwards")
            await running.leave()

    assert set(found.values()) == {1}
    lost = set(range(33)) | set(range(100, 200))
    lost -= set(found)
    gaps = [line for line in logs if line.get("action") == "retention_gap"]
    assert gaps, "told in the log"
    assert {line["log_level"] for line in gaps} == {"error"}
    assert sum(line["to"] - line["from_"] for line in gaps) == len(lost) > 0
    assert metrics.RETENTION_GAPS.labels("toy", NUMBERS.name)._value.get() - before == len(lost)


@pytest.fixture(scope="module")
def tidy() -> Iterator[str]:
    """A broker that compacts as soon as it may."""
    properties = {"log.cleaner.backoff.ms": "200", "log.retention.check.interval.ms": "500"}
    with EmbeddedCluster(BrokerOptions(server_properties=properties)) as cluster:
        yield cluster.bootstrap_servers


SWIFT = {
    **topics.CHANGELOG,
    "segment.ms": "100",
    "max.compaction.lag.ms": "200",
    "delete.retention.ms": "100",
    "min.cleanable.dirty.ratio": "0.0",
}


async def test_a_row_whose_deletion_was_compacted_away_does_not_rise_from_an_old_directory(
    tidy: str, topic_prefix: str, tmp_path: Path
) -> None:
    toy = Toy(tidy, topic_prefix, partitions=1)
    await toy.create()
    await compact_at_once(toy)
    then = datetime.now(UTC) - timedelta(days=8)
    async with toy.running(options(tmp_path / "old", toy, then)) as running:
        await running.ready(1)
        await toy.pipe([(NUMBERS, "gone", Number(n=0))])
        await toy.number(range(1, 9))
        await toy.echoes(9)
        await running.leave()
    shutil.copytree(tmp_path / "old", tmp_path / "trusted")

    async with toy.running(RunnerOptions(callers={"box": reply}, storage=lambda *_: MemoryKeyValue())) as running:
        await running.ready(1)
        await toy.pipe([(NUMBERS, "gone", Nudge())])
        await compacted_away(toy)
        await running.leave()

    # To take it for current would bring the row back: nothing in the topics speaks of it any more.
    assert "gone" in await counted(toy, tmp_path / "trusted", then)
    with capture_logs() as logs:
        assert "gone" not in await counted(toy, tmp_path / "old", datetime.now(UTC))
    assert [line["reason"] for line in logs if line.get("action") == "state_rebuilt"]


def options(root: Path, toy: Toy, now: datetime) -> RunnerOptions:
    return RunnerOptions(callers={"box": reply}, storage=RocksStorage(root, toy.prefix, lambda: now))


async def counted(toy: Toy, root: Path, now: datetime) -> set[str]:
    """The keys that a life on this directory, begun at `now` by its clock, knows a count and a total of."""
    async with toy.running(made := options(root, toy, now)) as running:
        await running.ready(1)
        await running.leave()
    stored = made.storage("toy", 0)
    try:
        counts, totals = ({key for key, _ in stored.scan(store)} for store in ("counts", "totals"))
    finally:
        stored.close()
    assert counts == totals
    return counts


async def compact_at_once(toy: Toy) -> None:
    names = [toy.cluster.name(name) for name in ("toy-changelog", TOTALS.name)]
    async with admin(toy.bootstrap) as client:
        await client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, name, configs=SWIFT) for name in names])


async def compacted_away(toy: Toy) -> None:
    """Until neither the row nor its deletion can be read; each further batch closes a segment and has it looked at."""
    deadline, number = time.monotonic() + 2 * PATIENCE_S, 100
    while any([await mentioned(toy, "toy-changelog", b"counts/gone"), await mentioned(toy, TOTALS.name, b"gone")]):
        assert time.monotonic() < deadline, "the broker does not compact"
        await toy.number([number := number + 1], keys=3)


async def mentioned(toy: Toy, topic: str, key: bytes) -> bool:
    return any(record.key == key for record in await toy.read(topic, lambda _: True))
