"""Static membership (KIP-345) where aiokafka stops half-way: heartbeats name the instance, and a member can be removed.

aiokafka's heartbeats say only the member's id. A member whose instance id another process has taken would then be
told that it is unknown, would join again, and would take the partitions back: the two would go on like that for ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import UnknownMemberIdError, for_code
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.group import HeartbeatRequest, HeartbeatResponse_v1
from aiokafka.protocol.types import Array, Int16, Int32, Schema, String

from streams.engine.kafka.cluster import COMMIT_TIMEOUT_S, REQUEST_TIMEOUT_MS, Cluster, coordinator_of

# Kafka's FENCED_INSTANCE_ID, which aiokafka does not know by name.
FENCED_INSTANCE_ID = 82


class _HeartbeatResponse(Response):  # type: ignore[misc]
    API_KEY = 12
    API_VERSION = 3
    SCHEMA = HeartbeatResponse_v1.SCHEMA


class _HeartbeatStruct(RequestStruct):  # type: ignore[misc]
    API_KEY = 12
    API_VERSION = 3
    RESPONSE_TYPE = _HeartbeatResponse
    SCHEMA = Schema(
        ("group", String("utf-8")),
        ("generation_id", Int32),
        ("member_id", String("utf-8")),
        ("group_instance_id", String("utf-8")),
    )


class _Heartbeat(Request[_HeartbeatStruct]):  # type: ignore[misc]
    """A heartbeat of aiokafka's, with the instance id."""

    API_KEY = 12

    def __init__(self, plain: HeartbeatRequest, instance_id: str) -> None:
        self._fields = plain._group, plain._generation_id, plain._member_id, instance_id

    def build(self, request_struct_class: type[_HeartbeatStruct]) -> _HeartbeatStruct:
        return request_struct_class(*self._fields)


class _LeaveResponse(Response):  # type: ignore[misc]
    API_KEY = 13
    API_VERSION = 3
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        ("error_code", Int16),
        (
            "members",
            Array(("member_id", String("utf-8")), ("group_instance_id", String("utf-8")), ("error_code", Int16)),
        ),
    )


class _LeaveStruct(RequestStruct):  # type: ignore[misc]
    API_KEY = 13
    API_VERSION = 3
    RESPONSE_TYPE = _LeaveResponse
    SCHEMA = Schema(
        ("group", String("utf-8")),
        ("members", Array(("member_id", String("utf-8")), ("group_instance_id", String("utf-8")))),
    )


class _Leave(Request[_LeaveStruct]):  # type: ignore[misc]
    """Have whoever has this instance id leave."""

    API_KEY = 13

    def __init__(self, group: str, instance_id: str) -> None:
        self._fields = group, [("", instance_id)]

    def build(self, request_struct_class: type[_LeaveStruct]) -> _LeaveStruct:
        return request_struct_class(*self._fields)


def name_instance(client: AIOKafkaClient, instance_id: str, fenced: Callable[[], None]) -> None:
    """Have this consumer's client name the instance in heartbeats, and tell when another process has taken it over."""
    send = client.send

    async def send_named(node_id: int, request: Any, **more: Any) -> Any:
        if isinstance(request, HeartbeatRequest):
            request = _Heartbeat(request, instance_id)
        response = await send(node_id, request, **more)
        if getattr(response, "error_code", 0) == FENCED_INSTANCE_ID:
            fenced()
        return response

    client.send = send_named


async def remove_member(cluster: Cluster, group: str, instance_id: str) -> bool:
    """Have a static member leave its group now, not when its session ends. False when the group has none such.

    For a process that will not come back: one that still runs joins again.
    """
    client = AIOKafkaClient(**cluster.options, request_timeout_ms=REQUEST_TIMEOUT_MS)
    try:
        async with asyncio.timeout(COMMIT_TIMEOUT_S):
            await client.bootstrap()
            name = cluster.name(group)
            node = await coordinator_of(client, name)
            response = await client.send(node, _Leave(name, instance_id))
    finally:
        await client.close()
    codes = [response.error_code, *(code for _, _, code in response.members)]
    error = next((for_code(code) for code in codes if code), None)
    if error is not None and error is not UnknownMemberIdError:
        raise error(f"{name}: {instance_id} could not be removed")
    return error is None
