"""Static members: a restart moves nothing, a scale-in moves at once, and one instance id serves one process only."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from streams.engine.kafka import remove_member
from tests.integration.engine.load import Load
from tests.integration.engine.toy import Process, Toy
from tests.waiting import eventually

pytestmark = pytest.mark.kafka

# Longer than a start of the toy takes on a busy machine, so that what is quicker was not the session's end.
SESSION_MS = 30_000
SESSION_S = SESSION_MS / 1000


def members(toy: Toy, directory: Path, stack: ExitStack) -> Callable[[str, str], Process]:
    """Starts a process with its instance id."""

    def start(name: str, instance_id: str) -> Process:
        process = toy.process(directory, name, SESSION_MS, instance_id=instance_id)
        return stack.enter_context(process)

    return start


def shared(*processes: Process) -> bool:
    """Whether each has some, and all together have all, each once."""
    held = [process.partitions for process in processes]
    return all(held) and sorted(p for each in held for p in each) == [0, 1, 2]


async def two(start: Callable[[str, str], Process]) -> tuple[Process, Process]:
    """Two members that share, the one that came first and the other."""
    first = start("a", "toy-0")
    await eventually(lambda: shared(first), "the first has all")
    second = start("b", "toy-1")
    await eventually(lambda: shared(first, second), "two share")
    return first, second


def assignments(process: Process) -> int:
    """How often it was given partitions."""
    return process.log.count("action=assigned")


async def test_a_member_killed_and_started_again_resumes_within_its_session_and_moves_nobody(
    toy: Toy, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        start = members(toy, tmp_path, stack)
        first, second = await two(start)
        async with Load(toy) as load:
            for process, other in ((first, second), (second, first)):  # one of them leads the group
                await load.grow(300)
                held, given = process.partitions, assignments(other)
                began = time.monotonic()
                process.signal(signal.SIGKILL)
                process.start()
                await eventually(lambda p=process: bool(p.partitions), "it runs again")  # type: ignore[misc]
                took = time.monotonic() - began
                print(f"resumed {took:.1f} s after kill -9, session {SESSION_S:.0f} s")  # noqa: T201
                assert took < SESSION_S
                assert process.partitions == held
                assert assignments(other) == given, other.log
            await load.grow(300)
            await toy.exactly_once(await load.end())


async def test_two_processes_by_mistake_with_one_instance_id_the_later_works_and_the_other_says_why_it_ends(
    toy: Toy, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        start = members(toy, tmp_path, stack)
        async with Load(toy) as load:
            first = start("a", "toy-0")
            await eventually(lambda: shared(first), "the first has all")
            await load.grow(300)
            second = start("b", "toy-0")
            await eventually(lambda: first.exit_code is not None, "the first has ended")
            assert "ConfigError: toy: another process has joined with the instance id 'toy-0' too" in first.log
            assert "RETURNSTREAMS_INSTANCE_ID" in first.log
            await eventually(lambda: shared(second), "the second has all")
            await load.grow(300)
            await toy.exactly_once(await load.end())
            assert second.exit_code is None, second.log


async def test_a_stop_keeps_the_place_for_a_restart_and_a_removed_member_gives_it_up_at_once(
    toy: Toy, tmp_path: Path
) -> None:
    with ExitStack() as stack:
        start = members(toy, tmp_path, stack)
        first, second = await two(start)
        async with Load(toy) as load:
            held, given = second.partitions, assignments(first)
            second.signal(signal.SIGTERM)
            second.start()
            await eventually(lambda: second.partitions == held, "it has what it had")
            assert assignments(first) == given, first.log

            second.signal(signal.SIGTERM)
            began = time.monotonic()
            assert await remove_member(toy.cluster, "toy", "toy-1")
            await eventually(lambda: shared(first), "the first has all again")
            took = time.monotonic() - began
            print(f"taken over {took:.1f} s after the scale-in, session {SESSION_S:.0f} s")  # noqa: T201
            assert took < SESSION_S / 2
            await load.grow(300)
            await toy.exactly_once(await load.end())
        assert not await remove_member(toy.cluster, "toy", "toy-1"), "it is gone already"
