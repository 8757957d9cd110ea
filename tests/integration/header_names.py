"""Records as a clumsy client in C may write them: with a header whose name is no text."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy


class _NotText(str):
    """The name."""

    def encode(self, *args: Any) -> bytes:
        """See str."""
        return b"\xe9t\xe9"


async def send_with_a_bad_name(
    servers: str, topic: str, records: Sequence[tuple[bytes, bytes]], *, compression: int = 0
) -> None:
    """One batch to partition 0, of keys and values; every second record's first header has such a name."""
    builder = _DefaultRecordBatchBuilderPy(2, compression, 0, -1, -1, -1, 1_000_000)
    for offset, (key, value) in enumerate(records):
        name = _NotText("x") if offset % 2 == 0 else "x"
        builder.append(offset, int(time.time() * 1000), key, value, [(name, b"1"), ("null", None)])
    async with AIOKafkaProducer(bootstrap_servers=servers) as producer:
        batch = producer.create_batch()
        batch._builder, batch._relative_offset = builder, len(records)
        await (await producer.send_batch(batch, topic, partition=0))
