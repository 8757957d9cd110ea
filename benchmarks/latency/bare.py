"""The bare chain's processes: what one writes by hand with aiokafka, with no engine, state, contract or header.

python -m benchmarks.latency.bare ingress BOOTSTRAP TOPIC PORT
python -m benchmarks.latency.bare hop BOOTSTRAP SOURCE TARGET
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from demo.stack import PARTITIONS

BATCH = 2_000
SESSION_MS = 10_000
# The default of 100 doubles the median: see README.md.
RETRY_BACKOFF_MS = 20


def ingress(bootstrap: str, topic: str, port: int) -> None:
    """Append each body under the key that its header names; 200 once all in-sync replicas have it."""
    producers: list[AIOKafkaProducer] = []

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True) as producer:
            producers.append(producer)
            yield

    async def take(request: Request) -> Response:
        await producers[0].send_and_wait(topic, await request.body(), request.headers["x-key"].encode())
        return Response()

    app = Starlette(routes=[Route("/", take, methods=["POST"])], lifespan=lifespan)
    uvicorn.run(app, host="127.0.0.1", port=port, access_log=False, log_level="warning", timeout_keep_alive=75)


class Hop:
    """Copies one topic to another: a transaction for each partition of each fetch, a producer for each partition."""

    def __init__(self, bootstrap: str, source: str, target: str) -> None:
        self._bootstrap, self._source, self._target = bootstrap, source, target
        self._producers: list[AIOKafkaProducer] = []

    async def run(self) -> None:
        """Until killed."""
        for partition in range(PARTITIONS):
            producer = AIOKafkaProducer(
                bootstrap_servers=self._bootstrap,
                transactional_id=f"{self._target}-{partition}",
                acks="all",
                retry_backoff_ms=RETRY_BACKOFF_MS,
            )
            await producer.start()
            self._producers.append(producer)
        consumer = AIOKafkaConsumer(
            self._source,
            bootstrap_servers=self._bootstrap,
            group_id=self._target,
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=SESSION_MS,
            check_crcs=False,
        )
        await consumer.start()
        while True:
            found = await consumer.getmany(timeout_ms=500, max_records=BATCH)
            await asyncio.gather(*(self._copy(tp, records) for tp, records in found.items()))

    async def _copy(self, tp: TopicPartition, records: list[Any]) -> None:
        producer = self._producers[tp.partition]
        async with producer.transaction():
            waits = [await producer.send(self._target, r.value, r.key, partition=r.partition) for r in records]
            await producer.send_offsets_to_transaction({tp: records[-1].offset + 1}, self._target)
            await asyncio.gather(*waits)


if __name__ == "__main__":
    what, *rest = sys.argv[1:]
    if what == "ingress":
        ingress(rest[0], rest[1], int(rest[2]))
    else:
        asyncio.run(Hop(*rest).run())
