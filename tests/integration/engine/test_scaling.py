"""One process, three, two and one again under load: every partition is one's, and every number is counted once."""

from __future__ import annotations

import asyncio
import signal
import time
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path

import pytest

from tests.integration.engine.load import Load
from tests.integration.engine.toy import Process, Toy
from tests.unit.engine.toys import ECHOES
from tests.waiting import eventually

pytestmark = pytest.mark.kafka

PARTITIONS = 6
# A rebalance lets go, joins, restores: under a second each here. A stall as long as a session would be a member that
# nobody let go of.
STALL_S = 20.0


async def stalls(toy: Toy, events: list[tuple[str, float]]) -> dict[str, float]:
    """The longest time in seconds that a partition stood still from each event to the next, by its outputs' times."""
    records = await toy.read(ECHOES.name, bool)
    by_partition = [sorted(r.timestamp_ms / 1000 for r in records if r.partition == p) for p in range(toy.partitions)]
    found = {}
    for (name, began), (_, ended) in pairwise([*events, ("", float("inf"))]):
        gaps = [b - a for times in by_partition for a, b in pairwise(times) if began < b and a < ended]
        found[name] = max(gaps)
    return found


async def owned_once(*processes: Process) -> None:
    """Until each has some, and together they have all, each once."""

    def holds() -> bool:
        held = [process.partitions for process in processes]
        return all(held) and sorted(p for each in held for p in each) == list(range(PARTITIONS))

    await eventually(holds, f"{len(processes)} processes own every partition once")


async def test_one_three_two_and_one_process_under_load(kafka: str, topic_prefix: str, tmp_path: Path) -> None:
    toy = Toy(kafka, topic_prefix, partitions=PARTITIONS)
    await toy.create()
    events: list[tuple[str, float]] = []
    with ExitStack() as stack:
        a = stack.enter_context(toy.process(tmp_path, "a"))
        await owned_once(a)
        async with Load(toy) as load:
            await load.grow(300)
            b, c = (stack.enter_context(toy.process(tmp_path, name)) for name in "bc")
            events.append(("1 to 3", time.time()))
            await owned_once(a, b, c)
            await load.grow(300)
            for name, leaving, staying in (("3 to 2", a, (b, c)), ("2 to 1", b, (c,))):
                events.append((name, time.time()))
                await asyncio.to_thread(leaving.signal, signal.SIGTERM)  # the load goes on meanwhile
                assert leaving.exit_code == 0, leaving.log
                await owned_once(*staying)
                await load.grow(300)
            count = await load.end()
        await toy.exactly_once(count, timeout_s=60)
    found = await stalls(toy, events)
    print("longest stall of a partition:", {name: f"{s:.1f} s" for name, s in found.items()})  # noqa: T201
    assert max(found.values()) < STALL_S
