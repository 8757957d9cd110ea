"""How soon a transaction that was refused for a moment is asked for again. What the brokers do is in integration/."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import islice
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import ConcurrentTransactions, ProducerFenced
from aiokafka.errors import InvalidProducerEpoch as Fenced
from aiokafka.producer.sender import BACKOFF_OVERRIDE, Sender

from streams.engine.kafka.patience import PAUSES_S, ask_again_soon, pauses

PLACE = TopicPartition("rows", 0)
REFUSED, FENCED, TAKEN = ConcurrentTransactions.errno, Fenced.errno, 0


class Brokers:
    """Answer with these codes in turn, and note how long was waited after each."""

    def __init__(self, codes: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
        self._codes = codes
        self.waited: list[float] = []

        async def sleep(seconds: float) -> None:
            self.waited.append(seconds)

        monkeypatch.setattr(asyncio, "sleep", sleep)

    async def send(self, node: int, request: Any, group: Any) -> Any:
        """As a client does."""
        return SimpleNamespace(errors=[(PLACE.topic, [(PLACE.partition, self._codes.pop(0))])])


@pytest.fixture
async def producer(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[AIOKafkaProducer]:
    made = AIOKafkaProducer(bootstrap_servers="localhost:1", transactional_id="task-0")

    async def coordinator(kind: Any, key: str) -> int:
        return 1

    monkeypatch.setattr(made._sender, "_find_coordinator", coordinator)
    ask_again_soon(made)
    made._txn_manager.set_pid_and_epoch(1, 0)
    made._txn_manager.begin_transaction()
    made._txn_manager.maybe_add_partition_to_txn(PLACE)
    yield made
    await made.stop()


async def _begin(producer: AIOKafkaProducer, times: int) -> list[bool]:
    return [await producer._sender._do_add_partitions_to_txn({PLACE}) for _ in range(times)]


async def test_pauses_grow_to_aiokafkas_own_and_begin_anew_with_the_next_transaction(
    producer: AIOKafkaProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals = len(PAUSES_S) + 2
    brokers = Brokers([*[REFUSED] * refusals, TAKEN, REFUSED, TAKEN], monkeypatch)
    monkeypatch.setattr(producer.client, "send", brokers.send)
    assert await _begin(producer, refusals + 1) == [False] * refusals + [True]
    assert brokers.waited == [*PAUSES_S, BACKOFF_OVERRIDE, BACKOFF_OVERRIDE]
    producer._txn_manager._pending_txn_partitions.add(PLACE)
    assert await _begin(producer, 2) == [False, True]
    assert brokers.waited[refusals:] == [PAUSES_S[0]]


async def test_what_is_no_refusal_for_a_moment_is_raised_as_ever(
    producer: AIOKafkaProducer, monkeypatch: pytest.MonkeyPatch
) -> None:
    brokers = Brokers([FENCED], monkeypatch)
    monkeypatch.setattr(producer.client, "send", brokers.send)
    with pytest.raises(ProducerFenced):
        await _begin(producer, 1)
    assert brokers.waited == []


def test_a_pause_is_never_longer_than_aiokafkas_own() -> None:
    assert max(islice(pauses(), 100)) == BACKOFF_OVERRIDE
    assert hasattr(Sender, "_do_add_partitions_to_txn"), "aiokafka calls it otherwise now: we replace nothing"
