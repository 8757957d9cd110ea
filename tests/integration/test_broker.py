"""The broker of the demo and the tests is a real Kafka, with transactions and failover, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import UnknownTopicOrPartitionError

from demo.broker import BrokerError, BrokerOptions, Cluster, EmbeddedCluster, embedded, probe
from demo.broker.ports import free_ports
from tests.integration.administration import admin
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka

# A killed leader is replaced after broker.session.timeout.ms (6 s) and an election; twice that, and a busy machine.
FAILOVER_S = 40.0


async def create(servers: str, topic: str, *, replicas: int = 1, configs: dict[str, str] | None = None) -> None:
    async with admin(servers) as client:
        answer = await client.create_topics([NewTopic(topic, 1, replicas, topic_configs=configs or {})])
        assert [error for _, error, *_ in answer.topic_errors] == [0], answer


async def read(servers: str, topic: str, *, isolation: str = "read_committed") -> list[bytes]:
    """Everything in the topic's one partition that is visible now."""
    consumer = AIOKafkaConsumer(bootstrap_servers=servers, auto_offset_reset="earliest", isolation_level=isolation)
    await consumer.start()
    try:
        partition = TopicPartition(topic, 0)
        consumer.assign([partition])
        end = (await consumer.end_offsets([partition]))[partition]
        values: list[bytes] = []
        async with asyncio.timeout(FAILOVER_S):
            while await consumer.position(partition) < end:
                for batch in (await consumer.getmany(timeout_ms=200)).values():
                    values += [record.value for record in batch]
        return values
    finally:
        await consumer.stop()


@asynccontextmanager
async def producer(servers: str, **options: str) -> AsyncIterator[AIOKafkaProducer]:
    client = AIOKafkaProducer(bootstrap_servers=servers, enable_idempotence=True, **options)
    await client.start()
    try:
        yield client
    finally:
        await client.stop()


async def test_what_is_produced_is_consumed(kafka: str, topic_prefix: str) -> None:
    await create(kafka, topic_prefix + "t")
    async with producer(kafka) as client:
        for i in range(100):
            await client.send(topic_prefix + "t", b"%d" % i)

    assert await read(kafka, topic_prefix + "t") == [b"%d" % i for i in range(100)]


async def test_an_aborted_transaction_is_never_seen_by_a_committed_reader(kafka: str, topic_prefix: str) -> None:
    await create(kafka, topic_prefix + "t")
    async with producer(kafka, transactional_id=topic_prefix + "id") as client:
        async with client.transaction():
            await client.send_and_wait(topic_prefix + "t", b"kept")
        await client.begin_transaction()
        await client.send_and_wait(topic_prefix + "t", b"dropped")
        await client.abort_transaction()

    assert await read(kafka, topic_prefix + "t") == [b"kept"]
    assert await read(kafka, topic_prefix + "t", isolation="read_uncommitted") == [b"kept", b"dropped"]


async def test_the_settings_of_a_compacted_topic_are_accepted(kafka: str, topic_prefix: str) -> None:
    wanted = {"cleanup.policy": "compact", "max.compaction.lag.ms": "86400000", "delete.retention.ms": "604800000"}
    await create(kafka, topic_prefix + "t", configs=wanted)

    async with admin(kafka) as client:
        (answer,) = await client.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic_prefix + "t")])
    (resource,) = answer.resources
    settings = {name: value for name, value, *_ in resource[4]}
    assert {name: settings[name] for name in wanted} == wanted


async def test_a_topic_is_never_made_by_just_using_it(kafka: str, topic_prefix: str) -> None:
    async with admin(kafka) as client:
        (described,) = await client.describe_topics([topic_prefix + "t"])

    assert described["error_code"] == UnknownTopicOrPartitionError.errno


async def test_records_survive_kill_9_of_the_leader_and_producing_goes_on(
    kafka_cluster: Cluster, topic_prefix: str
) -> None:
    servers, topic = kafka_cluster.bootstrap_servers, topic_prefix + "t"
    await create(servers, topic, replicas=3)
    async with admin(servers) as client:
        (described,) = await client.describe_topics([topic])
    leader = described["partitions"][0]["leader"]
    async with producer(servers) as client:
        for i in range(50):
            await client.send_and_wait(topic, b"%d" % i)
        await asyncio.to_thread(kafka_cluster.kill, leader)
        async with asyncio.timeout(FAILOVER_S):
            for i in range(50, 100):
                await client.send_and_wait(topic, b"%d" % i)
        await asyncio.to_thread(kafka_cluster.restart, leader)

    assert await read(servers, topic) == [b"%d" % i for i in range(100)]


def test_a_paused_node_does_not_answer_until_it_is_resumed(kafka_cluster: Cluster) -> None:
    host, port = kafka_cluster.bootstrap_servers.split(",")[0].split(":")

    kafka_cluster.pause(1)
    with pytest.raises(TimeoutError):
        probe.ask(host, int(port), timeout_s=0.5)
    kafka_cluster.resume(1)

    assert 1 in probe.ask(host, int(port), timeout_s=5).nodes


def test_heal_brings_back_the_paused_and_the_dead(kafka_cluster: Cluster) -> None:
    kafka_cluster.pause(1)
    kafka_cluster.kill(2)

    kafka_cluster.heal()

    for server in kafka_cluster.bootstrap_servers.split(","):
        host, _, port = server.partition(":")
        assert probe.ask(host, int(port), timeout_s=5).nodes == {1, 2, 3}


async def test_data_in_a_given_directory_is_there_again_after_a_restart(tmp_path: Path) -> None:
    options = BrokerOptions(data=tmp_path / "kept")
    with EmbeddedCluster(options) as broker:
        await create(broker.bootstrap_servers, "t")
        async with producer(broker.bootstrap_servers) as client:
            await client.send_and_wait("t", b"still here")

    with EmbeddedCluster(options) as broker:
        assert await read(broker.bootstrap_servers, "t") == [b"still here"]


def test_a_setting_that_kafka_refuses_is_shown_from_its_log_and_nothing_stays_behind() -> None:
    options = BrokerOptions(server_properties={"num.io.threads": "0"})
    before = set(psutil.Process().children(recursive=True))

    with pytest.raises(BrokerError, match=r"(?s)end of .*num\.io\.threads"):
        EmbeddedCluster(options).start()

    assert set(psutil.Process().children(recursive=True)) <= before


def test_a_port_lost_to_another_broker_is_replaced(monkeypatch: pytest.MonkeyPatch, kafka_cluster: Cluster) -> None:
    others = kafka_cluster.bootstrap_servers.split(",")
    taken = int(others[0].rpartition(":")[2])
    rounds = 0

    def unlucky_at_first(count: int) -> list[int]:
        nonlocal rounds
        rounds += 1
        return [taken, *free_ports(count - 1)] if rounds == 1 else free_ports(count)

    monkeypatch.setattr(embedded, "free_ports", unlucky_at_first)
    with EmbeddedCluster() as broker:
        assert broker.bootstrap_servers not in others
    assert rounds == 2


HOLDER = """
import sys, time
from demo.broker import BrokerOptions, EmbeddedCluster
with EmbeddedCluster(BrokerOptions(nodes=int(sys.argv[1]))) as broker:
    sys.stdout.write(broker.bootstrap_servers + "\\n")
    sys.stdout.flush()
    time.sleep(600)
"""


@pytest.mark.parametrize("nodes", [1, 3])
def test_nothing_outlives_a_parent_that_is_killed_with_9(nodes: int) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDER, str(nodes)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline().count(":") == nodes
        family = psutil.Process(parent.pid).children(recursive=True)
        brokers = [process for process in family if "kafka.Kafka" in process.cmdline()]
        directories = {Path(process.cmdline()[-1]).parent.parent for process in brokers}
        assert len(brokers) == nodes
        assert all(directory.is_dir() for directory in directories)
        parent.kill()

    wait_until(lambda: not any(map(alive, family)), "the brokers and their supervisor are gone", 10)
    assert not any(directory.exists() for directory in directories)


def alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
