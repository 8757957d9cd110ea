"""Asks a node who is in its cluster, with one Metadata request written by hand: it works without an event loop."""

from __future__ import annotations

import socket
import struct

# Metadata, version 1: the oldest that names the controller; brokers of the 4.x line still take it.
API_KEY, API_VERSION, CORRELATION_ID = 3, 1, 20_260
CLIENT_ID = b"returnstreams-probe"
# An answer lists nodes and no topics: more than this is not Kafka speaking.
MAX_ANSWER_BYTES = 1 << 20


def nodes_seen_by(host: str, port: int, timeout_s: float) -> set[int]:
    """Ids of the live brokers as this node knows them; OSError when it does not answer in time or is not Kafka."""
    body = struct.pack(">hhih", API_KEY, API_VERSION, CORRELATION_ID, len(CLIENT_ID)) + CLIENT_ID
    # An empty list of topics (not null, which means all of them): only the nodes are of interest.
    body += struct.pack(">i", 0)
    with socket.create_connection((host, port), timeout=timeout_s) as connection:
        connection.settimeout(timeout_s)
        connection.sendall(struct.pack(">i", len(body)) + body)
        (size,) = struct.unpack(">i", _receive(connection, 4))
        if not 12 <= size <= MAX_ANSWER_BYTES:
            raise OSError(f"{host}:{port} answers, but does not speak Kafka's protocol")
        return _node_ids(_receive(connection, size))


def _receive(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = connection.recv(size - len(data))
        if not part:
            raise OSError("the connection was closed before the answer was complete")
        data += part
    return data


def _node_ids(answer: bytes) -> set[int]:
    """From: correlation id, array of (node id, host, port, nullable rack), controller id, topics."""
    try:
        correlation, count = struct.unpack_from(">ii", answer)
        if correlation != CORRELATION_ID:
            raise OSError("the answer belongs to another request: this is not Kafka")
        position, ids = 8, set()
        for _ in range(count):
            node_id, host_size = struct.unpack_from(">ih", answer, position)
            position += 6 + host_size + 4
            (rack_size,) = struct.unpack_from(">h", answer, position)
            position += 2 + max(rack_size, 0)
            ids.add(node_id)
    except struct.error as error:
        raise OSError("the answer is too short: this is not Kafka") from error
    return ids
