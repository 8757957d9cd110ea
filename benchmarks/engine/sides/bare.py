"""A bare aiokafka loop, at least once: rows in a plain dict without a changelog, one producer, offsets now and then.

python -m benchmarks.engine.sides.bare SPEC

After a crash its rows are gone, and what was not committed is done again.
"""

from __future__ import annotations

import asyncio
import signal
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from benchmarks.engine.sides import profiled
from benchmarks.engine.sides.wire import Bare
from benchmarks.engine.spec import BATCH, FETCH_BYTES, Mark, Spec, told


async def run(spec: Spec) -> None:
    """Until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    wire, rows, mark = Bare(), dict[str, bytes](), Mark(spec.mark)
    producer = AIOKafkaProducer(bootstrap_servers=spec.bootstrap, acks="all", linger_ms=0, max_batch_size=900_000)
    consumer = AIOKafkaConsumer(
        spec.given,
        bootstrap_servers=spec.bootstrap,
        group_id=spec.name,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=FETCH_BYTES,
        check_crcs=False,
    )
    await producer.start()
    await consumer.start()
    while not stop.is_set():
        found = await consumer.getmany(timeout_ms=200, max_records=BATCH)
        if not found:
            continue
        if mark.waiting:
            mark.taken()
        sent = []
        for given, messages in found.items():
            batch: Any = producer.create_batch()
            for message in messages:
                key = message.key.decode()
                if wire.is_order(message):
                    rows[key] = wire.row(message)
                    continue
                for value, headers in wire.actions(key, rows[key], message):
                    if batch.append(timestamp=None, key=message.key, value=value, headers=headers) is None:
                        sent.append(await producer.send_batch(batch, spec.actions, partition=given.partition))
                        batch = producer.create_batch()
                        batch.append(timestamp=None, key=message.key, value=value, headers=headers)
            if batch.record_count():
                sent.append(await producer.send_batch(batch, spec.actions, partition=given.partition))
        await asyncio.gather(*sent)
        await consumer.commit()
    await producer.stop()
    await consumer.stop()


if __name__ == "__main__":
    with profiled():
        asyncio.run(run(told()))
