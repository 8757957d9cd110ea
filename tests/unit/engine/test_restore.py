"""How rows are brought up to date, chunk by chunk: told on the way, in turns with whoever shares the loop."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pytest
from structlog.testing import capture_logs

from streams.engine import metrics, restore
from streams.engine.kafka.reading import Place
from streams.engine.keyvalue import KeyValue, MemoryKeyValue
from streams.engine.overlay import Writes
from streams.engine.records import Record
from tests.unit.engine.toys import toy_agent

CHANGELOG, TOTALS = "toy-changelog", "totals"


class Log:
    """Partition 0 of every topic, from lists; what is not there ends at 0."""

    def __init__(self, **records: list[Record]) -> None:
        self.records = {name.replace("_", "-"): found for name, found in records.items()}
        self._at: dict[str, int] = {}

    async def bounds(self, places: Iterable[Place]) -> tuple[dict[Place, int], dict[Place, int]]:
        return dict.fromkeys(places, 0), {place: len(self.records.get(place[0], [])) for place in places}

    async def assign(self, start: Mapping[Place, int | None]) -> dict[Place, int]:
        self._at = {topic: offset or 0 for (topic, _), offset in start.items()}
        return (await self.bounds(start))[1]

    async def rows(self, timeout_s: float, max_records: int) -> dict[Place, Sequence[Record]]:
        for topic, at in self._at.items():
            if found := self.records.get(topic, [])[at : at + max_records]:
                self._at[topic] += len(found)
                return {(topic, 0): found}
        return {}

    async def position(self, topic: str, partition: int) -> int:
        return self._at[topic]


def rows(count: int, topic: str = CHANGELOG, key: str = "counts/{:05}") -> list[Record]:
    return [Record(topic, 0, n, 0, key.format(n).encode(), b"%d" % n) for n in range(count)]


async def restored(log: Log, stored: KeyValue | None = None) -> KeyValue:
    stored = stored or MemoryKeyValue()
    reader: Any = log
    await restore.restore(reader, toy_agent(), 0, stored)
    return stored


async def test_all_rows_of_all_topics_in_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restore, "AT_ONCE", 7)
    stored = await restored(Log(toy_changelog=rows(100), totals=rows(30, TOTALS, "{:05}")))

    assert [key for key, _ in stored.scan("counts")] == [f"{n:05}" for n in range(100)]
    assert [key for key, _ in stored.scan("totals")] == [f"{n:05}" for n in range(30)]
    assert stored.positions() == {CHANGELOG: 100, TOTALS: 30}


async def test_deletions_are_applied_and_what_is_there_already_is_not_read_again() -> None:
    log = Log(toy_changelog=rows(3))
    stored = await restored(log)
    log.records[CHANGELOG].append(Record(CHANGELOG, 0, 3, 0, b"counts/00001", None))
    stored.apply({"counts": {"00000": b"newer than the log"}}, {})
    await restored(log, stored)

    assert list(stored.scan("counts")) == [("00000", b"newer than the log"), ("00002", b"2")]


async def test_how_far_it_is_stands_in_the_log_and_in_metrics(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restore, "AT_ONCE", 9)
    monkeypatch.setattr(restore, "PROGRESS_EVERY_S", 0.0)
    remaining = metrics.RESTORE_REMAINING.labels("toy", "0")
    records = metrics.RESTORE_RECORDS.labels("toy", "0")
    before, seen = records._value.get(), []

    class Watched(MemoryKeyValue):
        def apply(self, writes: Writes, positions: Mapping[str, int], caught_up: bool = True) -> None:
            super().apply(writes, positions, caught_up)
            seen.append(remaining._value.get())

    with capture_logs() as logs:
        await restored(Log(toy_changelog=rows(40)), Watched())

    lines = [line for line in logs if line["action"] == "restoring"]
    assert [(line["records"], line["remaining"]) for line in lines] == [(0, 40), (10, 30), (20, 20), (30, 10)]
    assert all(line["per_s"] > 0 and line["partition"] == 0 for line in lines[1:])
    assert seen[-4:] == [40, 30, 20, 10], "before each chunk"
    assert remaining._value.get() == 0
    assert records._value.get() - before == 40


async def test_restores_of_one_loop_take_turns_and_starve_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Twelve chunks in a row would hold up the heartbeats twelve times as long as one."""
    monkeypatch.setattr(restore, "AT_ONCE", 9)
    turn, turns = 0, []

    class Watched(MemoryKeyValue):
        def apply(self, writes: Writes, positions: Mapping[str, int], caught_up: bool = True) -> None:
            super().apply(writes, positions, caught_up)
            if writes:
                turns.append(turn)

    async def ticking() -> None:
        nonlocal turn
        while True:
            turn += 1
            await asyncio.sleep(0)

    ticks = asyncio.create_task(ticking())
    stores = await asyncio.gather(*(restored(Log(toy_changelog=rows(50)), Watched()) for _ in range(12)))
    ticks.cancel()

    assert all(len(list(stored.scan("counts"))) == 50 for stored in stores)
    assert len(turns) == 12 * 5
    assert len(set(turns)) == len(turns), "at most one chunk in a turn of the loop"


async def test_a_restore_that_is_cancelled_goes_on_where_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(restore, "AT_ONCE", 1)
    begun = asyncio.Event()

    class Watched(MemoryKeyValue):
        def apply(self, writes: Writes, positions: Mapping[str, int], caught_up: bool = True) -> None:
            super().apply(writes, positions, caught_up)
            if positions:
                begun.set()

    log, stored = Log(toy_changelog=rows(100)), Watched()
    running = asyncio.create_task(restored(log, stored))
    await begun.wait()
    running.cancel()
    await asyncio.wait({running})
    reached = stored.positions()[CHANGELOG]
    assert 0 < reached < 100
    assert len(list(stored.scan("counts"))) == reached

    await restored(log, stored)
    assert len(list(stored.scan("counts"))) == 100
