"""Which process has a partition: each member tells its group where it answers, and anybody may ask the group."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from aiokafka.client import AIOKafkaClient
from aiokafka.cluster import ClusterMetadata
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment, ConsumerProtocolMemberMetadata
from aiokafka.errors import for_code
from aiokafka.protocol.admin import DescribeGroupsResponse_v1
from aiokafka.protocol.api import Request, RequestStruct
from aiokafka.protocol.types import Array, Schema, String

from streams.engine.errors import ConfigError
from streams.engine.kafka.cluster import COMMIT_TIMEOUT_S, REQUEST_TIMEOUT_MS, Cluster, coordinator_of, partition_of


def range_assignor(address: str | None) -> type[RangePartitionAssignor]:
    """The assignor that keeps co-partitioned topics together; as user data it tells where its member answers.

    address: `host:port`, or `:port` for the host from which the brokers see this process come; None for nowhere.
    """

    class Addressed(RangePartitionAssignor):  # type: ignore[misc]
        """Assigns as the range assignor does, in a group with members that know nothing of this too."""

        @classmethod
        def metadata(cls, topics: Iterable[str]) -> ConsumerProtocolMemberMetadata:
            return ConsumerProtocolMemberMetadata(cls.version, list(topics), (address or "").encode())

    return Addressed


class _DescribeStruct(RequestStruct):  # type: ignore[misc]
    API_KEY = 15
    API_VERSION = 1
    RESPONSE_TYPE = DescribeGroupsResponse_v1
    SCHEMA = Schema(("groups", Array(String("utf-8"))))


class _Describe(Request[_DescribeStruct]):  # type: ignore[misc]
    """aiokafka's own reads the answer to version 3 as one to version 2."""

    API_KEY = 15

    def __init__(self, group: str) -> None:
        self._groups = [group]

    def build(self, request_struct_class: type[_DescribeStruct]) -> _DescribeStruct:
        return request_struct_class(self._groups)


@dataclass(frozen=True, slots=True)
class Owner:
    """Who has a key. address: `host:port` of the process; None when nobody has its partition, or it answers nowhere."""

    partition: int
    address: str | None


async def owners_of(cluster: Cluster, key: str, groups: Mapping[str, str]) -> dict[str, Owner]:
    """Who has this key, in each of these groups. groups: by agent, one of its inputs that is keyed so.

    ConfigError where there is no such topic.
    """
    client = AIOKafkaClient(**cluster.options, request_timeout_ms=REQUEST_TIMEOUT_MS)
    try:
        async with asyncio.timeout(COMMIT_TIMEOUT_S):
            await client.bootstrap()
            metadata = await client.fetch_all_metadata()
            found = {}
            for group, plain in groups.items():
                topic = cluster.name(plain)
                found[group] = await _owner(client, cluster.name(group), topic, _partition(metadata, topic, key))
            return found
    finally:
        await client.close()


async def _owner(client: AIOKafkaClient, group: str, topic: str, partition: int) -> Owner:
    node = await coordinator_of(client, group)
    response = await client.send(node, _Describe(group))
    for code, _, _, _, _, members in response.groups:
        if code:
            raise for_code(code)(f"group {group} could not be described")
        for _, _, client_host, metadata, assignment in members:
            if (topic, partition) in _assigned(assignment):
                return Owner(partition, _address(metadata, client_host.lstrip("/")))
    return Owner(partition, None)


def _partition(metadata: ClusterMetadata, topic: str, key: str) -> int:
    count = len(metadata.partitions_for_topic(topic) or ())
    if not count:
        raise ConfigError(f"there is no topic {topic!r}: run `returnstreams topics apply` first")
    return partition_of(key.encode(), count)


def _assigned(raw: bytes) -> set[tuple[str, int]]:
    if not raw:  # while the group rebalances
        return set()
    return {(tp.topic, tp.partition) for tp in ConsumerProtocolMemberAssignment.decode(raw).partitions()}


def _address(raw: bytes, seen_from: str) -> str | None:
    try:
        told: str = (ConsumerProtocolMemberMetadata.decode(raw).user_data or b"").decode()
    except (ValueError, struct.error):  # a member that is not ours
        return None
    host, _, port = told.rpartition(":")
    if not port.isdecimal():
        return None
    host = host or seen_from
    return f"[{host}]:{port}" if ":" in host and not host.startswith("[") else f"{host}:{port}"
