"""What the work itself costs: an order verified, validated, keyed and written by hand, and nothing beside it.

No bounds, no limits, no other senders, no retailers, no metrics, no traces, nothing for a broker that is away; the same
server, the same validation and the same client of Kafka. `python -m … PORT BROKERS TOPIC`, the secret in SECRET.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import sys
from typing import Any

import uvicorn
import uvloop
from aiokafka import AIOKafkaProducer

from benchmarks.engine import traffic
from contracts.keys import fact_id, order_key
from producers.messages import partition_of
from producers.sources.base import digest
from producers.sources.shopify_order import read

SECRET = os.environ.get("SECRET", "").encode()
KIND = b"com.returnstreams.order.v1"


class Hand:
    """An ASGI application that writes orders to one topic."""

    def __init__(self, producer: Any, topic: str, partitions: int) -> None:
        self._producer = producer
        self._topic = topic
        self._partitions = partitions

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """200 once all in-sync replicas have it; 401, 400 or 500 otherwise."""
        status = 200 if scope["method"] == "GET" else await self._taken(dict(scope["headers"]), receive)
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    async def _taken(self, headers: dict[bytes, bytes], receive: Any) -> int:
        raw, more = b"", True
        while more:
            message = await receive()
            raw, more = raw + message["body"], message["more_body"]
        mac = base64.b64encode(hmac.digest(SECRET, raw, hashlib.sha256))
        if not hmac.compare_digest(headers[b"x-shopify-hmac-sha256"], mac):
            return 401
        if (order := read(raw)) is None:
            return 400
        facts, shop = order[0], headers[b"x-shopify-shop-domain"]
        key = order_key(traffic.RETAILER, facts.name)
        ident = fact_id("shopify", shop.decode(), facts.id, facts.updated_at.isoformat(), digest(raw))
        attributes = {"id": ident.encode(), "source": shop, "type": KIND, "subject": key.encode()}
        attributes |= {"specversion": b"1.0", "time": headers[b"x-shopify-triggered-at"], "shop": shop}
        future = await self._producer.send(
            self._topic,
            value=raw,
            key=key.encode(),
            partition=partition_of(key, self._partitions),
            headers=[(f"ce_{name}", value) for name, value in attributes.items()],
        )
        await future
        return 200


async def main(port: int, brokers: str, topic: str) -> None:
    """Serve until the process is ended."""
    async with AIOKafkaProducer(bootstrap_servers=brokers, enable_idempotence=True, max_batch_size=900_000) as producer:
        app = Hand(producer, topic, len(await producer.partitions_for(topic)))
        config = uvicorn.Config(app, "127.0.0.1", port, http="httptools", lifespan="off", access_log=False)
        await uvicorn.Server(config).serve()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), sys.argv[2], sys.argv[3]))
