"""Three brokers, of which one dies under load: whichever role it had, each number is counted once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from aiokafka.client import AIOKafkaClient, CoordinationType

from demo.broker import Cluster
from streams.topics_admin import Replication
from tests.integration.administration import admin
from tests.integration.engine.load import Load
from tests.integration.engine.toy import Toy
from tests.unit.engine.toys import NUMBERS
from tests.waiting import eventually

# Three brokers start, one fails over and comes back: each of it takes long on a busy machine.
pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]

# A dead node is noticed after 6 s; then elections, a coordinator that loads its log, a request that is given up after
# 10 s, a transaction after 15 s, and a new producer.
FAILOVER_S = 60.0


async def coordinator(toy: Toy, kind: int, key: str) -> int:
    """The node that coordinates this transactional id or group."""
    client = AIOKafkaClient(bootstrap_servers=toy.bootstrap)
    try:
        await client.bootstrap()
        return int(await client.coordinator_lookup(kind, toy.cluster.name(key)))
    finally:
        await client.close()


async def of_transactions(toy: Toy) -> int:
    return await coordinator(toy, CoordinationType.TRANSACTION, "toy-0")


async def of_the_group(toy: Toy) -> int:
    return await coordinator(toy, CoordinationType.GROUP, "toy")


async def leading_a_partition(toy: Toy) -> int:
    async with admin(toy.bootstrap) as client:
        (described,) = await client.describe_topics([toy.cluster.name(NUMBERS.name)])
    return int(described["partitions"][0]["leader"])


@pytest.mark.parametrize("role", [of_transactions, of_the_group, leading_a_partition])
async def test_the_node_that_dies_under_load(
    kafka_cluster: Cluster, topic_prefix: str, tmp_path: Path, role: Callable[[Toy], Awaitable[int]]
) -> None:
    """Replication 3, two in sync: the agent goes on with two nodes, by itself, and with the third when it is back."""
    toy = Toy(kafka_cluster.bootstrap_servers, topic_prefix, copies=Replication(3, 2))
    await toy.create()
    with toy.process(tmp_path, "a", 10_000) as process:
        async with Load(toy, 50) as load:
            await eventually(lambda: len(process.partitions) == toy.partitions, "it has all")
            await load.grow(300)
            victim = await role(toy)
            await asyncio.to_thread(kafka_cluster.kill, victim)
            await load.grow(100, FAILOVER_S)
            await toy.echoes(load.count, timeout_s=FAILOVER_S)
            await asyncio.to_thread(kafka_cluster.restart, victim)
            await load.grow(100, FAILOVER_S)
            await toy.exactly_once(await load.end(), timeout_s=FAILOVER_S)
        assert process.exit_code is None, process.log
