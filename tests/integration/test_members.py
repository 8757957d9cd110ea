"""After a scale-in the place of a process in its groups is given up by hand."""

from __future__ import annotations

import asyncio

import pytest
from aiokafka import AIOKafkaConsumer

from contracts import topics
from demo.broker.embedded import EmbeddedCluster
from streams.engine.kafka import Cluster
from streams.topics_admin import Replication, TopicsAdmin, wanted
from tests.command_line import Outcome, returnstreams

pytestmark = pytest.mark.kafka

ONE_COPY = Replication(1, 1)


async def test_a_member_that_has_ended_is_removed_once_and_by_name(kafka: str, topic_prefix: str) -> None:
    cluster = Cluster({"bootstrap_servers": kafka}, topic_prefix)
    async with TopicsAdmin(cluster) as admin:
        orders = [w for w in wanted([], topic_prefix, 1, ONE_COPY) if w.name == cluster.name(topics.ORDER_EVENTS.name)]
        await admin.apply(await admin.plan(orders), ONE_COPY)
    consumer = AIOKafkaConsumer(
        cluster.name(topics.ORDER_EVENTS.name),
        bootstrap_servers=kafka,
        group_id=cluster.name("order-table"),
        group_instance_id="agents-2",
        session_timeout_ms=60_000,
    )
    await consumer.start()
    await consumer.stop()  # a static member keeps its place

    def remove() -> Outcome:
        settings = {"KAFKA__BOOTSTRAP_SERVERS": kafka, "KAFKA__TOPIC_PREFIX": topic_prefix}
        return returnstreams("members", "remove", "agents-2", **settings)

    first, second = await asyncio.to_thread(remove), await asyncio.to_thread(remove)
    assert (first.code, first.out.strip()) == (0, "removed from order-table"), first.err
    assert second.code == 78
    assert "no agent has a member 'agents-2'" in second.err


def test_in_a_cluster_that_never_had_a_group_there_is_no_such_member() -> None:
    with EmbeddedCluster() as fresh:
        outcome = returnstreams("members", "remove", "agents-2", KAFKA__BOOTSTRAP_SERVERS=fresh.bootstrap_servers)
    assert outcome.code == 78
    assert "no agent has a member 'agents-2'" in outcome.err
