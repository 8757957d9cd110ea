"""What RocksDB adds to the common suite: restarts, crashes, damage, and whose directory it is."""

from __future__ import annotations

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from streams.engine import positions, rocks
from streams.engine.errors import StateInUse, StateRefused, StorageFailed
from streams.engine.kafka import Infrastructure
from streams.engine.keyvalue import KeyValue
from streams.engine.rocks import RocksStorage
from streams.engine.task import TaskCore
from tests.unit.engine.toys import toy_agent

ROW = os.urandom(250).hex().encode()


@pytest.fixture
def storage(tmp_path: Path) -> RocksStorage:
    return RocksStorage(tmp_path, "live.")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "live.toy" / "3"


def filled(storage: RocksStorage, batches: int = 10) -> None:
    """1,000 rows a batch, closed: then they lie in tables."""
    kept = storage("toy", 3)
    for n in range(batches):
        kept.apply({"s": {f"{n * 1000 + i:08}": ROW for i in range(1000)}}, {"changelog": n + 1})
    kept.close()


def test_a_restart_has_rows_positions_and_their_age(tmp_path: Path) -> None:
    now = datetime(2026, 11, 1, tzinfo=UTC)
    first = RocksStorage(tmp_path, clock=lambda: now)("toy", 0)
    first.apply({"s": {"a": b"1", "b": b"2"}}, {"changelog": 7})
    first.apply({"s": {"a": None}}, {"orders": 9})
    first.close()
    now = now.replace(day=4)
    second = RocksStorage(tmp_path, clock=lambda: now)("toy", 0)

    assert second.positions() == {"changelog": 7, "orders": 9}
    assert list(second.scan("s")) == [("b", b"2")]
    age = second.age()
    assert age is not None
    assert age.days == 3
    second.close()


def test_tasks_and_installations_are_apart(tmp_path: Path) -> None:
    places = [("a.", "toy", 0), ("a.", "toy", 1), ("a.", "boy", 0), ("b.", "toy", 0)]
    kept = [RocksStorage(tmp_path, prefix)(agent, partition) for prefix, agent, partition in places]
    for n, rows in enumerate(kept):
        rows.apply({"s": {"n": str(n).encode()}}, {})

    assert [rows.get("s", "n") for rows in kept] == [b"0", b"1", b"2", b"3"]
    for rows in kept:
        rows.close()


WRITER = """
import sys
from pathlib import Path
from streams.engine.rocks import RocksStorage
kept = RocksStorage(Path(sys.argv[1]), "live.")("toy", 3)
n = kept.positions().get("changelog", 0)
print("ready", flush=True)
while True:
    kept.apply({"s": {f"{n:08}/{i:03}": sys.argv[2].encode() for i in range(200)}}, {"changelog": n + 1})
    n += 1
    print(n, flush=True)
"""


def test_killed_in_the_middle_of_writing_rows_and_position_agree(storage: RocksStorage, tmp_path: Path) -> None:
    acknowledged = 0
    for batches in (5, 40, 17):
        command = [sys.executable, "-c", WRITER, str(tmp_path), ROW.decode()]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
            for _ in range(batches):
                acknowledged = int(child.stdout.readline())
            child.send_signal(signal.SIGKILL)
            rest = child.stdout.read().split()
        acknowledged = int(rest[-1]) if rest else acknowledged

        kept = storage("toy", 3)  # the lock went with the process
        reached = kept.positions()["changelog"]
        assert reached >= acknowledged
        assert [k for k, _ in kept.scan("s")] == [f"{n:08}/{i:03}" for n in range(reached) for i in range(200)]
        kept.close()


def test_in_use_by_another_process_is_refused_by_name(storage: RocksStorage, tmp_path: Path, directory: Path) -> None:
    command = [sys.executable, "-c", WRITER, str(tmp_path), ROW.decode()]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        child.stdout.readline()
        with pytest.raises(StateInUse) as caught:
            storage("toy", 3).open()
        child.kill()

    assert str(caught.value).startswith(f"{directory}: in use by process {child.pid} on ")
    assert "give each its own" in str(caught.value)


def test_the_lock_holds_within_a_process_and_ends_with_close(storage: RocksStorage) -> None:
    held, other = storage("toy", 3), storage("toy", 3)
    held.open()
    with pytest.raises(StateInUse, match=f"in use by process {os.getpid()}"):
        other.open()
    held.open()  # again is nothing
    held.close()
    other.open()
    other.close()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"agent": "live.boy"}, r"holds the state of live.boy\[3\] in layout 1, not of live.toy\[3\] in layout 1"),
        ({"partition": 2}, r"holds the state of live.toy\[2\] in layout 1"),
        ({"layout": 2}, r"holds the state of live.toy\[3\] in layout 2, not of live.toy\[3\] in layout 1"),
    ],
)
def test_the_directory_of_another_is_refused_and_left_alone(
    storage: RocksStorage, directory: Path, change: dict[str, object], says: str
) -> None:
    filled(storage, 1)
    identity = directory / "task.json"
    known = json.loads(identity.read_text())
    identity.write_text(json.dumps(known | change))
    for _ in range(2):  # and the lock is not kept
        with pytest.raises(StateRefused, match=says) as caught:
            storage("toy", 3).open()
        assert "remove that directory" in str(caught.value)
    identity.write_text(json.dumps(known))
    kept = storage("toy", 3)
    assert len(list(kept.scan("s"))) == 1000
    kept.close()


def test_files_of_nobody_knows_whom_are_refused_and_left_alone(storage: RocksStorage, directory: Path) -> None:
    directory.mkdir(parents=True)
    (directory / "letters.txt").write_text("mine")
    with pytest.raises(StateRefused, match=r"holds letters.txt, but no task.json"):
        storage("toy", 3).open()
    assert (directory / "letters.txt").read_text() == "mine"


def test_a_place_that_cannot_be_written_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateRefused, match=rf"{tmp_path}/file/toy/3: Not a directory; make it"):
        RocksStorage(tmp_path / "file")("toy", 3).open()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.EIO])
def test_a_disk_that_does_not_take_a_new_directory_now_is_tried_again(
    storage: RocksStorage, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def fails(*args: object) -> None:
        raise OSError(number, os.strerror(number))

    kept = storage("toy", 3)
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fails)
        for _ in range(2):
            with pytest.raises(StorageFailed, match=os.strerror(number)):
                kept.open()
    kept.open()
    assert kept.positions() == {}
    kept.close()


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


def test_trouble_that_is_not_damage_wipes_nothing(storage: RocksStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(storage, 1)
    kept = storage("toy", 3)

    def full(*args: object) -> None:
        raise Exception("IO error: No space left on device: While appending to file: 000012.log")

    with monkeypatch.context() as patched:
        patched.setattr(rocks, "Rdict", full)
        for _ in range(2):
            with pytest.raises(StorageFailed, match="No space left"):
                kept.open()
    kept.open()
    assert kept.positions() == {"changelog": 1}
    kept.close()


def test_closed_means_closed(storage: RocksStorage) -> None:
    kept = storage("toy", 3)
    kept.close()
    with pytest.raises(StorageFailed, match="closed"):
        kept.get("s", "a")
