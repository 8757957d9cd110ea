"""Rows on disk when the disk is full, and when two processes share a directory: nothing lost, nothing twice."""

from __future__ import annotations

import signal
from hashlib import sha512
from pathlib import Path

import pytest

from streams.engine.starting import IN_USE_S
from tests.integration.engine.toy import Process, Toy
from tests.unit.engine.toys import NUMBERS, Number
from tests.waiting import PATIENCE_S, eventually

pytestmark = pytest.mark.kafka

# Room for a task's own files and a fifth of its rows. To RocksDB, a file that may not grow is a disk that is full.
ROOM = 100_000


def long_key(n: int) -> str:
    return sha512(b"%d" % n).hexdigest()


def lives(process: Process) -> bool:
    return process.exit_code is None


async def test_a_full_disk_drops_the_batch_blames_no_record_and_recovers_when_there_is_room(
    toy: Toy, tmp_path: Path
) -> None:
    with toy.process(tmp_path, "toy", state_dir=str(tmp_path / "state")) as process:
        await eventually(lambda: len(process.partitions) == 3, "ready")
        await toy.number(range(100))
        await toy.echoes(100)
        process.limit_files(ROOM)
        await toy.pipe((NUMBERS, long_key(n), Number(n=n)) for n in range(100, 6000))
        await eventually(lambda: "StorageFailed" in process.log, "told of the full disk")
        await eventually(lambda: process.log.count("task_restart") >= 6, "tried again")
        assert lives(process)
        process.limit_files(-1)
        await toy.exactly_once(6000)
        assert await toy.read("dead-letters.toy", lambda _: True) == []
        process.signal(signal.SIGTERM)
        assert process.exit_code == 0

        process.start()
        await eventually(lambda: len(process.partitions) == 3, "ready again")
        await toy.number(range(6000, 6100))
        await toy.exactly_once(6100)
    assert "state_rebuilt" not in process.log, "what was written before is whole"


async def test_two_processes_may_share_a_directory_as_partitions_move_between_them(toy: Toy, tmp_path: Path) -> None:
    state = str(tmp_path / "state")
    with toy.process(tmp_path, "one", state_dir=state) as one:
        await eventually(lambda: len(one.partitions) == 3, "ready")
        await toy.number(range(200))
        two: Process = toy.process(tmp_path, "two", state_dir=state)
        with two:
            await eventually(lambda: bool(two.partitions) and len(one.partitions + two.partitions) == 3, "shared")
            await toy.number(range(200, 400))
            await toy.echoes(400)
            two.signal(signal.SIGKILL)
        await eventually(lambda: len(one.partitions) == 3, "all back")
        await toy.number(range(400, 500))
        await toy.exactly_once(500)
        assert lives(one)


async def test_a_directory_that_a_frozen_process_holds_ends_the_other_by_name(toy: Toy, tmp_path: Path) -> None:
    state = str(tmp_path / "state")
    with toy.process(tmp_path, "one", state_dir=state) as one:
        await eventually(lambda: len(one.partitions) == 3, "ready")
        await toy.number(range(100))
        await toy.echoes(100)
        one.signal(signal.SIGSTOP)
        with toy.process(tmp_path, "two", state_dir=state) as two:
            await eventually(lambda: "state_in_use" in two.log, "waiting for it")
            assert lives(two)
            await eventually(lambda: not lives(two), "ended", PATIENCE_S + IN_USE_S)
            assert two.exit_code != 0
            assert f"in use by process {one.pid} on " in two.log
            assert "two processes must not share a state directory" in two.log
        one.signal(signal.SIGCONT)
        await toy.number(range(100, 200))
        await toy.exactly_once(200)
        assert lives(one)
