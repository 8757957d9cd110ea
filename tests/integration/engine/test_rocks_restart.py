"""Rows on disk: a restart restores only the rest, and whatever became of the directory, the rows are the same."""

from __future__ import annotations

import shutil
from collections.abc import Callable, MutableMapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from streams.engine.keyvalue import KeyValue, MemoryKeyValue
from streams.engine.options import RunnerOptions
from streams.engine.rocks import RocksStorage
from tests.integration.engine.toy import Toy, reply
from tests.unit.engine.toys import LABELS, Label

pytestmark = pytest.mark.kafka

STORES = ["counts", "totals", "labels", "$timers", "$timer-index", "$parked", "$outbox.box", "$task"]
Storage = Callable[[str, int], KeyValue]
Logs = list[MutableMapping[str, Any]]


async def run(toy: Toy, storage: Storage, numbers: range = range(0)) -> Logs:
    """One life of the agent: it restores, handles these numbers and leaves. What it logged."""
    with capture_logs() as logs:
        async with toy.running(RunnerOptions(callers={"box": reply}, storage=storage)) as running:
            await running.ready(3)
            if numbers:
                await toy.number(numbers)
                await toy.echoes(numbers.stop)
            await running.leave()
    return logs


def restored(logs: Logs) -> int:
    """How many records were read to restore, by all tasks."""
    return sum(line["records"] for line in logs if line.get("action") == "restored")


def rebuilt(logs: Logs) -> int:
    return sum(line.get("action") == "state_rebuilt" for line in logs)


def rows(storage: Storage) -> dict[tuple[int, str, str], bytes]:
    found: dict[tuple[int, str, str], bytes] = {}
    for partition in range(3):
        kept = storage("toy", partition)
        found |= {(partition, name, key): row for name in STORES for key, row in kept.scan(name)}
        kept.close()
    return found


@pytest.fixture
def disk(toy: Toy, tmp_path: Path) -> RocksStorage:
    return RocksStorage(tmp_path, toy.prefix)


async def in_memory(toy: Toy) -> dict[tuple[int, str, str], bytes]:
    """The rows of a run that restores everything."""
    stores: dict[int, MemoryKeyValue] = {}
    await run(toy, lambda agent, partition: stores.setdefault(partition, MemoryKeyValue()))
    return rows(lambda agent, partition: stores[partition])


async def test_a_restart_restores_only_the_rest_and_the_rows_are_those_of_a_run_in_memory(
    toy: Toy, disk: RocksStorage
) -> None:
    await toy.pipe((LABELS, f"key{n}", Label(text=f"l{n}")) for n in range(8))
    await run(toy, disk, range(300))
    await toy.exactly_once(300)
    before = rows(disk)
    assert {name for _, name, _ in before} >= {"counts", "totals", "labels", "$task"}

    warm = await run(toy, disk)
    assert restored(warm) == 0
    assert rows(disk) == before

    everything = restored(await run(toy, lambda agent, partition: MemoryKeyValue()))
    elsewhere = await run(toy, lambda agent, partition: MemoryKeyValue(), range(300, 330))  # this disk stood still
    assert restored(elsewhere) == everything
    rest = await run(toy, disk)
    assert 0 < restored(rest) <= everything / 2
    assert rebuilt(rest) == 0
    assert rows(disk) == await in_memory(toy)
    await toy.exactly_once(330)


async def test_lost_and_damaged_directories_are_rebuilt(toy: Toy, disk: RocksStorage, tmp_path: Path) -> None:
    await run(toy, disk, range(120))
    before = rows(disk)
    agent = tmp_path / f"{toy.prefix}toy"
    shutil.rmtree(agent / "0" / "db")
    for manifest in (agent / "1" / "db").glob("MANIFEST*"):
        manifest.write_bytes(b"junk")
    shutil.rmtree(agent / "2")  # whole: nobody can tell that it was there

    logs = await run(toy, disk)
    assert rebuilt(logs) == 2
    assert restored(logs) > 0
    assert rows(disk) == before
    await run(toy, disk, range(120, 150))
    await toy.exactly_once(150)


async def test_a_directory_older_than_deletions_are_kept_is_rebuilt(toy: Toy, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    await run(toy, RocksStorage(tmp_path, toy.prefix, lambda: now - timedelta(days=8)), range(60))
    await run(toy, lambda agent, partition: MemoryKeyValue(), range(60, 90))

    logs = await run(toy, disk := RocksStorage(tmp_path, toy.prefix, lambda: now))
    assert rebuilt(logs) == 3
    assert all("8 days, 0:00:00 ago" in line["reason"] for line in logs if line.get("action") == "state_rebuilt")
    assert rows(disk) == await in_memory(toy)
    await toy.exactly_once(90)


async def test_a_position_beyond_the_end_of_its_topic_is_rebuilt(toy: Toy, disk: RocksStorage) -> None:
    await run(toy, disk, range(60))
    before = rows(disk)
    for partition in range(3):
        kept = disk("toy", partition)
        kept.apply({"counts": {"of another life": b"1"}}, {"toy-changelog": 10**9})
        kept.close()

    assert rebuilt(await run(toy, disk)) == 3
    assert rows(disk) == before
