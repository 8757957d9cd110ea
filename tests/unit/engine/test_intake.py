"""What a task reads: taken over while its transaction runs, bounded in bytes, each record once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from streams.engine import intake
from streams.engine.intake import Intake
from streams.engine.records import Record
from tests.unit.engine.toys import NUMBERS, Number, record
from tests.waiting import eventually

BATCH = 10


class Consumer:
    """Deals out what the test puts into `given`; an exception is raised."""

    def __init__(self) -> None:
        self.given: asyncio.Queue[list[Record] | Exception] = asyncio.Queue()
        self.fetches = 0

    def seek(self, partition: int, offsets: Mapping[str, int]) -> None:
        """Deals are what they are."""

    async def positions(self, partition: int) -> dict[str, int]:
        """Nothing was there at the start."""
        return {NUMBERS.name: 0}

    async def fetch(self, partition: int, max_records: int, timeout_s: float) -> list[Record]:
        """The next deal."""
        self.fetches += 1
        found = await self.given.get()
        if isinstance(found, Exception):
            raise found
        return found


@pytest.fixture
def consumer() -> Consumer:
    return Consumer()


@pytest.fixture
async def reading(consumer: Consumer) -> AsyncIterator[Intake]:
    """One that has read offset 0, for which its task now runs a transaction."""
    reader: Any = consumer
    reading = Intake(reader, 0, BATCH)
    reading.begin({NUMBERS.name: 0}, {NUMBERS.name: 0})
    consumer.given.put_nowait(records(0))
    await reading.wait(asyncio.Event(), 5)
    await reading.take()
    assert reading.pending.popleft().offset == 0
    yield reading
    await reading.end()


def records(*offsets: int) -> list[Record]:
    return [record(Number(n=offset), key=b"a", offset=offset) for offset in offsets]


def offsets(reading: Intake) -> list[int]:
    return [record.offset for record in reading.pending]


async def test_records_are_taken_over_while_nobody_asks(reading: Intake, consumer: Consumer) -> None:
    """What stays in aiokafka keeps it from fetching for the other partitions."""
    consumer.given.put_nowait(records(1))
    consumer.given.put_nowait(records(2, 3))

    await eventually(lambda: offsets(reading) == [1, 2, 3], "both deals are taken over")


async def test_no_more_is_taken_over_than_fits(
    reading: Intake, consumer: Consumer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "AHEAD_BYTES", 1)
    for offset in (1, 2):
        consumer.given.put_nowait(records(offset))
    await eventually(lambda: offsets(reading) == [1], "the first deal is taken over")
    fetches = consumer.fetches
    await asyncio.sleep(0)
    assert (offsets(reading), consumer.fetches) == ([1], fetches)

    reading.pending.clear()
    await reading.wait(asyncio.Event(), 5)
    assert offsets(reading) == [2]


async def test_what_is_handed_out_again_before_its_commit_is_dropped(reading: Intake, consumer: Consumer) -> None:
    for again in (records(0, 1), records(1, 2)):
        consumer.given.put_nowait(again)

    await eventually(lambda: offsets(reading) == [1, 2], "each record is taken over once")


async def test_a_fetch_that_failed_is_told_to_whoever_takes_next(reading: Intake, consumer: Consumer) -> None:
    consumer.given.put_nowait(ConnectionError("gone"))
    await eventually(consumer.given.empty, "the fetch has failed")
    await asyncio.sleep(0)

    with pytest.raises(ConnectionError, match="gone"):
        await reading.take()


async def test_nothing_is_fetched_any_more_once_it_has_ended(reading: Intake, consumer: Consumer) -> None:
    await reading.end()
    fetches = consumer.fetches
    consumer.given.put_nowait(records(1))
    await asyncio.sleep(0)

    assert (offsets(reading), consumer.fetches, consumer.given.qsize()) == ([], fetches, 1)
