"""A transaction's offsets on the connection of its batches, behind them.

A broker looks both up by their producer, and refuses one of two such questions at once, for 20 ms. On one connection it
takes one request after the other: so the offsets need not wait until the batches' answers are here, and brokers that
have only one of the two work at the same time. aiokafka sends offsets on another connection than batches.
"""

from __future__ import annotations

from typing import Any

from aiokafka.client import AIOKafkaClient, ConnectionGroup
from aiokafka.protocol.transaction import TxnOffsetCommitRequest


def send_behind_batches(client: AIOKafkaClient) -> None:
    """Have a producer's client take the connection of its batches for the offsets too."""
    send = client.send

    async def send_in_order(node_id: int, request: Any, **more: Any) -> Any:
        if isinstance(request, TxnOffsetCommitRequest):
            more["group"] = ConnectionGroup.DEFAULT
        return await send(node_id, request, **more)

    client.send = send_in_order
