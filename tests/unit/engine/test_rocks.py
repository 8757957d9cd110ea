"""What RocksDB adds to the common suite: restarts, crashes, disks that do not take it, and whose directory it is."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from streams.engine import rocks
from streams.engine.errors import StateInUse, StateRefused, StorageFailed
from streams.engine.rocks import RocksStorage
from tests.unit.engine.rocks_kit import ROW, filled


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
