"""Produce requests, written and read in one go instead of field by field.

aiokafka 0.14 walks its schemas for each field of a request and of its answer: a sixth of what a request costs that
holds one record, and with few senders every record is a request of its own. The bytes are the same; whatever is not as
usual (another version, a transaction) is left to aiokafka.
"""

from __future__ import annotations

import struct
from io import BytesIO
from typing import Any

from aiokafka.client import ConnectionGroup
from aiokafka.protocol.produce import ProduceRequest, ProduceRequest_v7, ProduceResponse_v7

# api_key, api_version, correlation_id, length of client_id
_HEADER = struct.Struct(">hhih")
# transactional_id (none), acks, timeout, how many topics
_REQUEST = struct.Struct(">hhii")
_SHORT, _INT = struct.Struct(">h"), struct.Struct(">i")
# partition, length of its records
_RECORDS = struct.Struct(">ii")
# partition, error, offset, timestamp, log_start_offset
_ANSWER = struct.Struct(">ihqqq")
_NONE = -1


def write_quickly(producer: Any) -> None:
    """Have an aiokafka producer, not yet started, send its Produce requests so."""
    client = producer.client
    send = client.send

    async def quick(node_id: int, request: Any, *, group: Any = ConnectionGroup.DEFAULT) -> Any:
        return await send(node_id, Quick(request) if type(request) is ProduceRequest else request, group=group)

    client.send = quick


class Quick:
    """One ProduceRequest as a connection of aiokafka takes it."""

    __slots__ = ("_request", "required_acks")

    def __init__(self, request: ProduceRequest) -> None:
        self._request = request
        self.required_acks = request.required_acks

    def prepare(self, versions: dict[int, tuple[int, int]]) -> Any:
        """The request in the version that the broker takes."""
        prepared: Any = self._request.prepare(versions)
        usual = type(prepared) is ProduceRequest_v7 and prepared.transactional_id is None
        return _Written(prepared) if usual else prepared


class _Answered:
    """How the answer is read: what aiokafka calls a response type."""

    API_VERSION = ProduceResponse_v7.API_VERSION

    @staticmethod
    def decode(data: BytesIO) -> ProduceResponse_v7:
        """The answer behind its header."""
        raw = data.read()
        (topics,), at, found = _INT.unpack_from(raw), _INT.size, []
        for _ in range(topics):
            (length,) = _SHORT.unpack_from(raw, at)
            at += _SHORT.size
            name, at = raw[at : at + length].decode(), at + length
            (partitions,) = _INT.unpack_from(raw, at)
            at += _INT.size
            end = at + partitions * _ANSWER.size
            found.append((name, list(_ANSWER.iter_unpack(raw[at:end]))))
            at = end
        return ProduceResponse_v7(found, *_INT.unpack_from(raw, at))


class _Written:
    """A request of version 7 outside of transactions."""

    RESPONSE_TYPE = _Answered
    __slots__ = ("_request",)

    def __init__(self, request: Any) -> None:
        self._request = request

    def build_request_header(self, correlation_id: int, client_id: str) -> _Header:
        return _Header(correlation_id, client_id)

    def encode(self) -> bytes:
        request = self._request
        parts = [_REQUEST.pack(_NONE, request.required_acks, request.timeout, len(request.topics))]
        for topic, partitions in request.topics:
            name = topic.encode()
            parts += (_SHORT.pack(len(name)), name, _INT.pack(len(partitions)))
            for partition, records in partitions:
                parts += (_RECORDS.pack(partition, len(records)), records)
        return b"".join(parts)

    def parse_response_header(self, data: BytesIO) -> _Header:
        return _Header(_INT.unpack(data.read(_INT.size))[0], "")


class _Header:
    __slots__ = ("_client_id", "correlation_id")

    def __init__(self, correlation_id: int, client_id: str) -> None:
        self.correlation_id = correlation_id
        self._client_id = client_id

    def encode(self) -> bytes:
        name = self._client_id.encode()
        return _HEADER.pack(ProduceRequest.API_KEY, _Answered.API_VERSION, self.correlation_id, len(name)) + name
