"""aiokafka's clients where they need care: whether the brokers answer one, and how to be rid of it."""

from __future__ import annotations

import asyncio
from typing import Any

import structlog
from aiokafka.errors import KafkaError

log = structlog.get_logger(__name__)

PROBE_TIMEOUT_S = 2.0


async def answers(producer: Any) -> bool:
    """Whether a broker says something within PROBE_TIMEOUT_S."""
    try:
        async with asyncio.timeout(PROBE_TIMEOUT_S):
            return bool(await producer.client.force_metadata_update())
    except (KafkaError, OSError, TimeoutError):
        return False


async def close(client: Any, timeout: float) -> None:
    """Stop an aiokafka client within about `timeout` seconds.

    Its `stop()` hangs with an unsent record or raises CancelledError when the brokers are away (aiokafka 0.14): so it
    runs as a task of its own, and what it leaves open is closed by hand.
    """
    stopping = asyncio.create_task(client.stop())
    done, _ = await asyncio.wait({stopping}, timeout=timeout)
    if done and not stopping.cancelled() and stopping.exception() is None:
        return
    stopping.cancel()
    connections = getattr(client, "client", None) or client._client
    closing = asyncio.create_task(connections.close())
    await asyncio.wait({stopping, closing}, timeout=1.0)
    sender = getattr(getattr(client, "_sender", None), "sender_task", None)
    if sender is not None and not sender.done():
        sender.cancel()
        await asyncio.wait({sender}, timeout=1.0)
    log.warning("client closed by force", action="client_forced")
