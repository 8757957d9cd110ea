"""The network between an agent and its brokers fails in every way it can; each number is still counted once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.engine.load import Load
from tests.integration.engine.proxy import Proxy
from tests.integration.engine.toy import Toy
from tests.waiting import eventually

pytestmark = pytest.mark.kafka

SESSION_MS = 6_000
# A request that was lost is given up after 10 s, a transaction after 15 s; then 3 s pause, a new member, a restore.
RECOVERY_S = 40.0

FAULTS: dict[str, tuple[Callable[[Proxy], None], float]] = {
    "cut, shorter than the session": (Proxy.cut, 3.0),
    "cut, longer than the session": (Proxy.cut, 8.0),
    "silent both ways": (Proxy.silence, 7.0),
    # Past the time that a whole transaction may take: each task must give its producer up.
    "answers lost": (lambda network: network.silence(to_broker=False), 18.0),
    "requests lost": (lambda network: network.silence(to_client=False), 7.0),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_network_that_fails_and_heals(mortal_toy: Toy, network: Proxy, tmp_path: Path, fault: str) -> None:
    """Nothing is lost or counted twice, and the same process goes on by itself within RECOVERY_S of the heal."""
    toy = mortal_toy
    fail, seconds = FAULTS[fault]
    with toy.process(tmp_path, "a", SESSION_MS, bootstrap=network.address) as process:
        async with Load(toy, 50) as load:
            await eventually(lambda: len(process.partitions) == toy.partitions, "it has all")
            await load.grow(200)
            await toy.echoes(100)
            fail(network)
            await asyncio.sleep(seconds)  # how long a fault lasts is the fault itself
            network.heal()
            count, healed = load.count, time.monotonic()
            await toy.echoes(count, timeout_s=RECOVERY_S)
            print(f"{fault}: caught up {time.monotonic() - healed:.1f} s after the heal")  # noqa: T201
            await load.grow(100)
            await toy.exactly_once(await load.end())
        assert process.exit_code is None, process.log


async def test_a_slow_network_delays_and_breaks_nothing(mortal_toy: Toy, network: Proxy, tmp_path: Path) -> None:
    """Each request waits 0.1 s more, heartbeats too: no task begins anew, no partition moves."""
    toy = mortal_toy
    with toy.process(tmp_path, "a", SESSION_MS, bootstrap=network.address) as process:
        network.delay_s = 0.1
        async with Load(toy, 50) as load:
            await eventually(lambda: len(process.partitions) == toy.partitions, "it has all")
            await load.grow(500)
            await toy.exactly_once(await load.end())
        assert "task_restart" not in process.log
        assert process.log.count("action=assigned") == 1
