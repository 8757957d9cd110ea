"""One transaction, request by request: what goes first, and what waits for it."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.producer.message_accumulator import BatchBuilder

from streams.engine.kafka import Cluster, Transactions, producing
from streams.engine.records import OutRecord
from tests.waiting import eventually


class Producer:
    """aiokafka's, as far as a commit needs it: a batch is acknowledged when the test says so."""

    def __init__(self, **options: Any) -> None:
        self.steps: list[str] = []
        self.acknowledged: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._message_accumulator = SimpleNamespace(_batches={})
        self._sender = SimpleNamespace()

    async def begin_transaction(self) -> None:
        self.steps.append("begin")

    def create_batch(self) -> BatchBuilder:
        return BatchBuilder(900_000, 0, is_transactional=1)

    async def send_batch(self, batch: BatchBuilder, topic: str, *, partition: int) -> asyncio.Future[Any]:
        self.steps.append("batch")
        return self.acknowledged

    async def send_offsets_to_transaction(self, offsets: Any, group: str) -> None:
        self.steps.append("offsets")

    async def commit_transaction(self) -> None:
        self.steps.append("commit")


async def test_offsets_wait_for_the_batches_because_brokers_verify_one_request_of_a_transaction_at_a_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(producing, "AIOKafkaProducer", Producer)
    transactions = Transactions(Cluster({}), "toy-0")
    producer: Any = transactions._producer
    record = OutRecord("echoes", b"k", b"v", partition=0)

    committing = asyncio.create_task(transactions.commit([record], {("numbers", 0): 1}, "toy"))
    await eventually(lambda: "batch" in producer.steps, "the batch is sent")
    await asyncio.sleep(0)
    assert producer.steps == ["begin", "batch"]

    producer.acknowledged.set_result(SimpleNamespace(offset=7, timestamp=0, timestamp_type=0))
    assert await committing == {("echoes", 0): 8}
    assert producer.steps == ["begin", "batch", "offsets", "commit"]
