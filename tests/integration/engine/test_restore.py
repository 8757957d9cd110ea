"""Restoring by position, on a real Kafka: whatever the topic's end, middle and beginning are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import PolicyViolationError
from structlog.testing import capture_logs

from streams.engine import metrics, restore
from streams.engine.clock import utc_now
from streams.engine.kafka import reading
from streams.engine.keyvalue import KeyValue
from tests.integration.administration import admin
from tests.integration.engine.toy import Toy
from tests.unit.engine.test_keyvalue import Factory, each_kind
from tests.unit.engine.toys import toy_agent
from tests.waiting import eventually

pytestmark = pytest.mark.kafka

CHANGELOG = "toy-changelog"
Rows = Mapping[str, bytes | None]


class History:
    """What happens to partition 0 of a changelog, and which rows it then holds."""

    def __init__(self, toy: Toy) -> None:
        self.rows: dict[str, bytes] = {}
        self._toy = toy
        self._place = TopicPartition(toy.cluster.name(CHANGELOG), 0)
        self._producer = self._next()

    def _next(self) -> AIOKafkaProducer:
        return AIOKafkaProducer(bootstrap_servers=self._toy.bootstrap, transactional_id=self._toy.cluster.name("log"))

    async def __aenter__(self) -> History:
        await self._producer.start()
        return self

    async def settle(self) -> None:
        """Let a next owner take over, as before every restore: only then all transactions have their ends."""
        await self._producer.stop()
        self._producer = self._next()
        await self._producer.start()

    async def __aexit__(self, *exc: object) -> None:
        await self._producer.stop()

    async def _write(self, rows: Rows) -> None:
        topic, partition = self._place
        for key, row in rows.items():
            await self._producer.send(topic, row, f"counts/{key}".encode(), partition=partition)
        await self._producer.flush()

    async def commit(self, rows: Rows) -> None:
        """Write these rows, None deletes."""
        await self._producer.begin_transaction()
        await self._write(rows)
        await self._producer.commit_transaction()
        for key, row in rows.items():
            self.rows.pop(key, None)
            if row is not None:
                self.rows[key] = row

    async def abort(self, rows: Rows) -> None:
        """Write these rows and take them back."""
        await self._producer.begin_transaction()
        await self._write(rows)
        await self._producer.abort_transaction()

    async def cut(self) -> None:
        """Remove all that is there now, which no broker does for a topic that is only compacted."""
        policy = {"cleanup.policy": "compact,delete"}
        async with admin(self._toy.bootstrap) as client:
            await client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, self._place.topic, configs=policy)])
            await eventually(lambda: self._deleted(client), "the broker knows its policy and removes what is there")
        self.rows.clear()

    async def _deleted(self, client: AIOKafkaAdminClient) -> bool:
        try:
            await client.delete_records({self._place: RecordsToDelete(await self.end())})
        except PolicyViolationError:
            return False
        return True

    async def end(self) -> int:
        """The partition's end."""
        async with reading(self._toy.cluster) as reader:
            _, ends = await reader.bounds([(CHANGELOG, 0)])
        return ends[CHANGELOG, 0]


def many(first: int, count: int) -> dict[str, bytes]:
    return {f"{n:06}": b"%d" % n * 50 for n in range(first, first + count)}


async def nothing(log: History) -> None:
    pass


async def only_aborted(log: History) -> None:
    await log.abort(many(0, 10))
    await log.abort(many(0, 10))


async def ends_in_aborted(log: History) -> None:
    await log.commit(many(0, 20))
    for n in range(5):
        await log.abort(many(100 * n, 60))


async def more_aborted_than_a_fetch_holds(log: History) -> None:
    await log.commit(many(0, 20))
    await log.abort({f"{n}": b"x" * 10_000 for n in range(400)})
    await log.commit(many(20, 1))
    await log.abort({f"{n}": b"x" * 10_000 for n in range(400)})


async def many_small_transactions(log: History) -> None:
    for n in range(60):
        await log.commit(many(n, 2))


async def begins_above_zero(log: History) -> None:
    await log.commit(many(0, 30))
    await log.cut()
    await log.commit(many(50, 30))


async def cut_to_its_end(log: History) -> None:
    await log.commit(many(0, 30))
    await log.cut()


async def cut_and_then_aborted(log: History) -> None:
    await log.commit(many(0, 30))
    await log.cut()
    await log.abort(many(0, 30))


async def deletions(log: History) -> None:
    await log.commit(many(0, 1500))
    await log.commit(dict.fromkeys(many(300, 1100)))
    await log.commit(many(600, 3))


HISTORIES: list[Callable[[History], object]] = [
    nothing,
    only_aborted,
    ends_in_aborted,
    more_aborted_than_a_fetch_holds,
    many_small_transactions,
    begins_above_zero,
    cut_to_its_end,
    cut_and_then_aborted,
    deletions,
]


async def restored(toy: Toy, stored: KeyValue) -> int:
    """How many records were read for it."""
    with capture_logs() as logs:
        async with reading(toy.cluster) as reader:
            await restore.restore(reader, toy_agent(), 0, stored)
    (line,) = [line for line in logs if line.get("action") == "restored"]
    return int(line["records"])


@each_kind
@pytest.mark.parametrize("history", HISTORIES, ids=lambda made: made.__name__)
async def test_rows_are_those_committed_and_the_position_is_the_end(
    toy: Toy, factory: Factory, history: Callable[[History], object]
) -> None:
    with factory(utc_now) as stored:
        async with History(toy) as log:
            made = history(log)
            assert hasattr(made, "__await__")
            await made
            await log.settle()
            await restored(toy, stored)
            assert dict(stored.scan("counts")) == log.rows
            assert stored.positions().get(CHANGELOG, 0) == await log.end()
            assert metrics.RESTORE_REMAINING.labels("toy", "0")._value.get() == 0
            assert await restored(toy, stored) == 0

            await log.commit({"later": b"1"})
            await log.settle()
            assert await restored(toy, stored) == 1
            assert dict(stored.scan("counts")) == log.rows
