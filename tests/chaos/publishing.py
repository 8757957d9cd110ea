"""Writes the history to the topics, in bursts over the time there is, whatever happens to the brokers meanwhile."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from random import Random

from aiokafka import AIOKafkaProducer

from contracts.topics import MAX_MESSAGE_BYTES
from streams.engine.kafka import Cluster
from tests.chaos.history import Input

# Small, so that there is always something in flight when a fault comes.
LARGEST_BURST = 100
# An idempotent producer repeats in order until it is heard; a broker that is away for longer stays away.
PATIENCE_S = 120.0
STOP_TIMEOUT_S = 10.0


@asynccontextmanager
async def producing(cluster: Cluster) -> AsyncIterator[AIOKafkaProducer]:
    """A connected producer; let go of in any case."""
    producer = AIOKafkaProducer(
        **cluster.options, acks="all", enable_idempotence=True, linger_ms=5, max_request_size=MAX_MESSAGE_BYTES
    )
    await producer.start()
    try:
        yield producer
    finally:
        await asyncio.wait({asyncio.ensure_future(producer.stop())}, timeout=STOP_TIMEOUT_S)


async def publish(
    producer: AIOKafkaProducer, cluster: Cluster, history: Sequence[Input], seconds: float, random: Random
) -> None:
    """Returns when all is acknowledged. Bursts of random size, evenly over so many seconds on the whole."""
    began, done = time.monotonic(), 0
    while done < len(history):
        burst = history[done : done + random.randint(1, LARGEST_BURST)]
        sent = [await _send(producer, cluster, record) for record in burst]
        async with asyncio.timeout(PATIENCE_S):
            await asyncio.gather(*sent)
        done += len(burst)
        due = began + seconds * done / len(history)
        await asyncio.sleep(max(0.0, due - time.monotonic()))


async def _send(producer: AIOKafkaProducer, cluster: Cluster, record: Input) -> asyncio.Future[object]:
    kind = record.topic.event_for(type(record.value)).type.encode()
    value = record.value.model_dump_json().encode()
    sent: asyncio.Future[object] = await producer.send(
        cluster.name(record.topic.name), value, record.key.encode(), headers=[("ce_type", kind)]
    )
    return sent
