"""Processes that are killed, frozen and joined by others under load: every number is counted once, none twice."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from demo.broker import BrokerOptions, EmbeddedCluster
from streams.engine.options import RunnerOptions
from tests.integration.engine.load import Load
from tests.integration.engine.toy import Toy, reply
from tests.waiting import eventually

pytestmark = pytest.mark.kafka

SHORT_SESSION_MS = 6_000  # the shortest that a broker allows as it comes


async def test_killed_again_and_again_in_mid_stream(toy: Toy, tmp_path: Path) -> None:
    async with Load(toy, 300) as load:
        with toy.process(tmp_path, "a") as process:
            for round_ in range(4):
                await load.grow(600)
                if round_ % 2:  # once at any moment of its start, once in mid-stream
                    await eventually(lambda: len(process.partitions) == 3, "all partitions again")
                process.signal(signal.SIGKILL)
                process.start()
            await load.grow(300)
            await toy.exactly_once(await load.end(), timeout_s=60)


async def test_a_frozen_process_that_wakes_after_its_partitions_moved_commits_nothing(toy: Toy, tmp_path: Path) -> None:
    async with Load(toy) as load:
        with toy.process(tmp_path, "a", SHORT_SESSION_MS) as frozen:
            await eventually(lambda: len(frozen.partitions) == 3, "one has all")
            await load.grow(300)
            frozen.signal(signal.SIGSTOP)
            with toy.process(tmp_path, "b", SHORT_SESSION_MS) as other:
                await eventually(lambda: len(other.partitions) == 3, "the other has taken over")
                await load.grow(300)
                frozen.signal(signal.SIGCONT)
                await load.grow(300)
                await eventually(lambda: 0 < len(other.partitions) < 3, "shared again")
                await load.grow(300)
                await toy.exactly_once(await load.end())


async def test_a_broker_that_dies_in_mid_transaction_costs_nothing_and_doubles_nothing(
    mortal: EmbeddedCluster, mortal_toy: Toy
) -> None:
    toy = mortal_toy
    async with toy.running() as running:
        await running.ready(3)
        await toy.number(range(6000))
        await toy.echoes(1)
        await asyncio.to_thread(mortal.kill, 1)
        await asyncio.to_thread(mortal.restart, 1)
        await toy.exactly_once(6000, timeout_s=60)
        await toy.number(range(6000, 6100))
        await toy.exactly_once(6100)
        await running.leave()


async def test_a_stop_is_quick_with_the_broker_up_and_bounded_without_it(
    mortal: EmbeddedCluster, mortal_toy: Toy
) -> None:
    toy = mortal_toy
    async with toy.running() as running:
        await running.ready(3)
        await toy.number(range(100))
        await toy.echoes(1)
        assert await running.leave() < 2.0
    async with toy.running() as running:
        await running.ready(3)
        await toy.number(range(100, 1000))
        await asyncio.to_thread(mortal.kill, 1)
        assert await running.leave() < 20.0
    await asyncio.to_thread(mortal.restart, 1)
    async with toy.running() as running:
        await toy.exactly_once(1000)
        await running.leave()


async def test_a_producer_whose_id_expired_while_idle_recovers_unseen(topic_prefix: str) -> None:
    options = BrokerOptions(
        server_properties={
            "transactional.id.expiration.ms": "3000",
            "transaction.remove.expired.transaction.cleanup.interval.ms": "500",
            "producer.id.expiration.ms": "3000",
        }
    )
    with EmbeddedCluster(options) as cluster:
        toy = Toy(cluster.bootstrap_servers, topic_prefix)
        await toy.create()
        async with toy.running(RunnerOptions(callers={"box": reply})) as running:
            await running.ready(3)
            await toy.number(range(30))
            await toy.exactly_once(30)
            await eventually_idle()
            await toy.number(range(30, 60))
            await toy.exactly_once(60)
            await running.leave()


async def eventually_idle() -> None:
    """Nobody can be asked whether the id is gone without using it: twice the expiry and its sweep."""
    await asyncio.sleep(7)
