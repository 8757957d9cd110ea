"""One transaction, request by request: what goes first, and what waits for it."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import ProducerFenced
from aiokafka.producer.message_accumulator import BatchBuilder

from streams.engine.kafka import Cluster, Transactions, producing
from streams.engine.records import OutRecord
from tests.waiting import eventually


class Producer:
    """aiokafka's, as far as a commit needs it: batches and offsets are acknowledged when the test says so."""

    def __init__(self, **options: Any) -> None:
        self.steps: list[str] = []
        self.acknowledged: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.marked: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._message_accumulator = SimpleNamespace(_batches={})
        self._sender = SimpleNamespace()
        self.client = SimpleNamespace(send=None)
        self._txn_manager = SimpleNamespace(_pending_txn_offsets=[])

    async def begin_transaction(self) -> None:
        self.steps.append("begin")

    def create_batch(self) -> BatchBuilder:
        return BatchBuilder(900_000, 0, is_transactional=1)

    async def send_batch(self, batch: BatchBuilder, topic: str, *, partition: int) -> asyncio.Future[Any]:
        self.steps.append("batch")
        return self.acknowledged

    async def send_offsets_to_transaction(self, offsets: Any, group: str) -> None:
        self.steps.append("offsets")
        await self.marked

    async def commit_transaction(self) -> None:
        self.steps.append("commit")


WENT = SimpleNamespace(offset=7, timestamp=0, timestamp_type=0)


@pytest.fixture
async def transactions(monkeypatch: pytest.MonkeyPatch) -> Transactions:
    monkeypatch.setattr(producing, "AIOKafkaProducer", Producer)
    return Transactions(Cluster({}), "toy-0")


def _committing(transactions: Transactions) -> asyncio.Task[dict[tuple[str, int], int]]:
    record = OutRecord("echoes", b"k", b"v", partition=0)
    return asyncio.create_task(transactions.commit([record], {("numbers", 0): 1}, "toy"))


@pytest.mark.parametrize("first", ["acknowledged", "marked"])
async def test_offsets_go_behind_the_batches_unanswered_yet_and_the_end_waits_for_both(
    transactions: Transactions, first: str
) -> None:
    producer: Any = transactions._producer
    committing = _committing(transactions)
    await eventually(lambda: "offsets" in producer.steps, "the offsets are sent")
    answers = {"acknowledged": WENT, "marked": None}

    getattr(producer, first).set_result(answers.pop(first))
    for _ in range(5):
        await asyncio.sleep(0)
    assert producer.steps == ["begin", "batch", "offsets"]

    for last, answer in answers.items():
        getattr(producer, last).set_result(answer)
    assert await committing == {("echoes", 0): 8}
    assert producer.steps == ["begin", "batch", "offsets", "commit"]


@pytest.mark.parametrize("failing", ["acknowledged", "marked"])
async def test_nothing_is_committed_where_batches_or_offsets_failed_and_nobody_waits_for_the_others(
    transactions: Transactions, failing: str
) -> None:
    producer: Any = transactions._producer
    committing = _committing(transactions)
    await eventually(lambda: "offsets" in producer.steps, "the offsets are sent")

    getattr(producer, failing).set_exception(ProducerFenced())
    with pytest.raises(ProducerFenced):
        await committing
    await asyncio.sleep(0)
    assert producer.steps == ["begin", "batch", "offsets"]
    assert asyncio.all_tasks() == {asyncio.current_task()}
