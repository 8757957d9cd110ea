"""Asks a node who is in its cluster, with one Metadata request written by hand: it works without an event loop."""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass

# Metadata, version 2: the oldest that tells the cluster's id; brokers of the 4.x line still take it.
API_KEY, API_VERSION, CORRELATION_ID = 3, 2, 20_260
CLIENT_ID = b"returnstreams-probe"
# An answer lists nodes and no topics: more than this is not Kafka speaking.
MAX_ANSWER_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Answer:
    """What one node knows of its cluster. nodes: ids of the brokers that are alive."""

    cluster_id: str
    nodes: set[int]


def ask(host: str, port: int, timeout_s: float) -> Answer:
    """OSError when the node does not answer in time or is not Kafka."""
    body = struct.pack(">hhih", API_KEY, API_VERSION, CORRELATION_ID, len(CLIENT_ID)) + CLIENT_ID
    # An empty list of topics (not null, which means all of them): only the nodes are of interest.
    body += struct.pack(">i", 0)
    with socket.create_connection((host, port), timeout=timeout_s) as connection:
        connection.settimeout(timeout_s)
        connection.sendall(struct.pack(">i", len(body)) + body)
        (size,) = struct.unpack(">i", _receive(connection, 4))
        if not 12 <= size <= MAX_ANSWER_BYTES:
            raise OSError(f"{host}:{port} answers, but does not speak Kafka's protocol")
        return _parsed(_receive(connection, size))


def _receive(connection: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = connection.recv(size - len(data))
        if not part:
            raise OSError("the connection was closed before the answer was complete")
        data += part
    return data


def _parsed(data: bytes) -> Answer:
    """From: correlation id, array of (node id, host, port, nullable rack), nullable cluster id, and what we skip."""
    position = 0

    def take(form: str) -> int:
        nonlocal position
        (value,) = struct.unpack_from(form, data, position)
        position += struct.calcsize(form)
        return int(value)

    def take_text() -> str:
        nonlocal position
        size = max(take(">h"), 0)  # -1 stands for null
        position += size
        return data[position - size : position].decode()

    try:
        if take(">i") != CORRELATION_ID:
            raise OSError("the answer belongs to another request: this is not Kafka")
        nodes = set()
        for _ in range(take(">i")):
            nodes.add(take(">i"))
            take_text()
            take(">i")
            take_text()
        return Answer(cluster_id=take_text(), nodes=nodes)
    except (struct.error, UnicodeDecodeError) as error:
        raise OSError("the answer is not what Kafka would send") from error
