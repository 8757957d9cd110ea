"""Rows on disk that are lost or damaged: the task begins empty, and says so."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from streams.engine import positions
from streams.engine.errors import StorageFailed
from streams.engine.kafka import Infrastructure
from streams.engine.keyvalue import KeyValue
from streams.engine.rocks import RocksStorage
from streams.engine.task import TaskCore
from tests.unit.engine.rocks_kit import filled
from tests.unit.engine.toys import toy_agent


def overwrite(file: Path, at: int, size: int) -> None:
    raw = bytearray(file.read_bytes())
    raw[at : at + size] = os.urandom(min(size, len(raw) - at))
    file.write_bytes(raw)


def each(pattern: str, damage: Callable[[Path], object]) -> Callable[[Path], object]:
    return lambda directory: [damage(file) for file in sorted(directory.glob(pattern))]


DAMAGES: dict[str, Callable[[Path], object]] = {
    "database gone": lambda d: shutil.rmtree(d / "db"),
    "CURRENT gone": each("db/CURRENT", Path.unlink),
    "CURRENT empty": each("db/CURRENT", lambda f: f.write_bytes(b"")),
    "manifest overwritten": each("db/MANIFEST*", lambda f: overwrite(f, 0, 100)),
    "manifest gone": each("db/MANIFEST*", Path.unlink),
    "tables cut off": each("db/*.sst", lambda f: os.truncate(f, f.stat().st_size // 2)),
    "tables gone": each("db/*.sst", Path.unlink),
    "footers overwritten": each("db/*.sst", lambda f: overwrite(f, f.stat().st_size - 40, 40)),
    "identity cut off": each("task.json", lambda f: os.truncate(f, 5)),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_what_is_lost_or_damaged_begins_empty_with_one_line(
    storage: RocksStorage, directory: Path, damage: Callable[[Path], object]
) -> None:
    filled(storage)
    damage(directory)
    with capture_logs() as logs:
        kept = storage("toy", 3)
        assert kept.positions() == {}
        assert kept.age() is None
        assert list(kept.scan("s")) == []
        kept.apply({"s": {"a": b"1"}}, {"changelog": 1})
        kept.close()
        again = storage("toy", 3)
        assert again.get("s", "a") == b"1"
        again.close()

    (line,) = [entry for entry in logs if entry["action"] == "state_rebuilt"]
    assert line["directory"] == str(directory)
    assert line["reason"]


def test_a_new_directory_is_no_loss(storage: RocksStorage) -> None:
    with capture_logs() as logs:
        filled(storage, 1)
        filled(storage, 1)
    assert logs == []


@pytest.fixture
def damaged(storage: RocksStorage, directory: Path) -> Iterator[KeyValue]:
    """Opens, but cannot be read."""
    filled(storage)
    for table in sorted((directory / "db").glob("*.sst")):
        overwrite(table, table.stat().st_size // 3, table.stat().st_size // 3)
    kept = storage("toy", 3)
    yield kept
    kept.close()


def test_damage_met_while_reading_fails_everything_until_it_is_opened_anew(damaged: KeyValue) -> None:
    assert damaged.positions() == {"changelog": 10}
    with pytest.raises(StorageFailed, match="Corruption"):
        list(damaged.scan("s"))
    attempts: list[Callable[[], object]] = [
        lambda: damaged.get("t", "a"),
        lambda: list(damaged.scan("t")),
        lambda: damaged.apply({}, {"changelog": 11}),
    ]
    for attempt in attempts:
        with pytest.raises(StorageFailed):
            attempt()

    with capture_logs() as logs:
        damaged.open()
    assert damaged.positions() == {}
    assert [entry["action"] for entry in logs] == ["state_rebuilt"]
    damaged.apply({"s": {"a": b"1"}}, {"changelog": 1})
    assert list(damaged.scan("s")) == [("a", b"1")]


def test_it_is_infrastructure_and_no_batch_that_met_it_can_be_committed(damaged: KeyValue) -> None:
    """A handler's read fails: whatever becomes of its record, the batch ends where its offsets are noted."""
    assert issubclass(StorageFailed, Infrastructure)
    batch = TaskCore(toy_agent(), 3, damaged, {}).begin()
    with pytest.raises(StorageFailed):
        list(batch.rows.scan("s"))
    with pytest.raises(StorageFailed):
        positions.note_consumed(damaged, batch.rows.writes, {"labels": 1}, 4)
