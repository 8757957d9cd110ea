"""The publisher against a producer in memory: bounded in time and bytes, rid of broken producers, sure to stop."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka.errors import KafkaConnectionError, MessageSizeTooLargeError, OutOfOrderSequenceNumber
from aiokafka.partitioner import DefaultPartitioner

from contracts.topics import ORDER_EVENTS
from producers import publisher as module
from producers.messages import Message, partition_of
from producers.metrics import Metrics
from producers.problems import TooLarge, Unavailable
from producers.publisher import Publisher
from producers.settings import KafkaSettings
from tests.waiting import eventually

LIMIT = 1_000


class FakeClient:
    """What the publisher asks of aiokafka's client."""

    def __init__(self) -> None:
        self.answers = True

    async def force_metadata_update(self) -> bool:
        return self.answers

    async def close(self) -> None:
        return None


class FakeProducer:
    """Acknowledges at once, or never, or with an error."""

    def __init__(self, **options: Any) -> None:
        self.options = options
        self.client = FakeClient()
        self.sent: list[tuple[int, bytes]] = []
        self.open: list[asyncio.Future[None]] = []
        self.silent = False
        self.error: Exception | None = None
        self.hangs = False
        self.stopped = False
        self._sender = SimpleNamespace(sender_task=asyncio.get_running_loop().create_future())

    async def start(self) -> None:
        if self.error is not None:
            raise self.error

    async def stop(self) -> None:
        self.stopped = True
        if self.hangs:
            await asyncio.Event().wait()

    async def partitions_for(self, topic: str) -> set[int]:
        return {0, 1, 2}

    async def send(self, topic: str, *, value: bytes, key: bytes, partition: int, headers: Any) -> asyncio.Future[None]:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.sent.append((partition, value))
        if self.silent:
            self.open.append(future)
        elif self.error is not None:
            future.set_exception(self.error)
        else:
            future.set_result(None)
        return future


class Rig:
    """A publisher, and every producer that it made."""

    def __init__(self) -> None:
        self.made: list[FakeProducer] = []
        self.unreachable = 0
        self.publisher = Publisher(KafkaSettings(), Metrics(), LIMIT, self._make)

    def _make(self, **options: Any) -> FakeProducer:
        producer = FakeProducer(**options)
        if len(self.made) < self.unreachable:
            producer.error = KafkaConnectionError("away")
        self.made.append(producer)
        return producer

    async def ready(self) -> FakeProducer:
        await eventually(lambda: self.publisher.ready, "the publisher is ready")
        return self.made[-1]


@pytest.fixture
async def rig(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Rig]:
    monkeypatch.setattr(module, "PUBLISH_TIMEOUT_S", 0.1)
    monkeypatch.setattr(module, "PROBE_EVERY_S", 0.02)
    monkeypatch.setattr(module, "RESTART_PAUSE_S", 0.02)
    rig = Rig()
    await rig.publisher.start()
    yield rig
    await rig.publisher.stop(0.1)


def message(size: int = 10, *, key: str = "acme/1", everywhere: bool = False) -> Message:
    return Message(ORDER_EVENTS, key, b"x" * (size - len(key)), everywhere=everywhere)


async def test_it_asks_for_every_replica_and_no_duplicates(rig: Rig) -> None:
    options = (await rig.ready()).options
    assert (options["acks"], options["enable_idempotence"]) == ("all", True)


@pytest.mark.parametrize("key", ["acme/1001", "bölt/AC 7", "x"])
def test_partitions_are_those_of_the_java_client(key: str) -> None:
    assert partition_of(key, 12) == DefaultPartitioner()(key.encode(), list(range(12)), [])


def test_a_known_murmur2_value_holds() -> None:
    # org.apache.kafka.common.utils.UtilsTest.testMurmur2: "21" hashes to -973932308.
    assert partition_of("21", 1_000_000) == (-973932308 & 0x7FFFFFFF) % 1_000_000


async def test_a_message_for_everywhere_goes_to_each_partition(rig: Rig) -> None:
    producer = await rig.ready()
    await rig.publisher.publish([message(everywhere=True), message()])
    assert [partition for partition, _ in producer.sent] == [0, 1, 2, partition_of("acme/1", 3)]


async def test_what_is_not_acknowledged_in_time_is_unavailable_and_still_counts(rig: Rig) -> None:
    producer = await rig.ready()
    producer.silent = True
    began = time.monotonic()
    with pytest.raises(Unavailable):
        await rig.publisher.publish([message(600)])
    assert time.monotonic() - began < 1

    with pytest.raises(Unavailable, match="too much is in flight"):
        await rig.publisher.publish([message(600)])

    producer.open[0].set_result(None)
    await asyncio.sleep(0)
    producer.silent = False
    await rig.publisher.publish([message(600)])


async def test_behind_a_record_that_waits_long_a_request_is_sent_away_at_once_and_elsewhere_not(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    producer = await rig.ready()
    producer.silent = True
    with pytest.raises(Unavailable, match="acknowledge it in time"):
        await rig.publisher.publish([message()])
    producer.silent = False
    monkeypatch.setattr(module, "SLOW_S", 0.05)

    with pytest.raises(Unavailable, match="slow") as refused:
        await rig.publisher.publish([message()])
    assert refused.value.cause == "slow"
    assert len(producer.sent) == 1, "nothing was handed over"
    elsewhere = next(key for key in ("b", "c", "d", "e") if partition_of(key, 3) != partition_of("acme/1", 3))
    await rig.publisher.publish([message(key=elsewhere)])

    producer.open[0].set_result(None)
    await asyncio.sleep(0)
    await rig.publisher.publish([message()])


async def test_brokers_that_take_a_second_for_each_request_are_not_too_slow(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record that comes just behind a request waits for two of them, and whoever comes then hears in time, too."""
    await rig.ready()
    waited = {"s": 1.99}
    monkeypatch.setattr(rig.publisher._pending, "waited_s", lambda place: waited["s"])
    await rig.publisher.publish([message()])

    waited["s"] = 2.4
    with pytest.raises(Unavailable, match="slow"):
        await rig.publisher.publish([message()])


async def test_a_producer_that_fails_for_good_is_replaced(rig: Rig) -> None:
    first = await rig.ready()
    first.error = OutOfOrderSequenceNumber()
    with pytest.raises(Unavailable):
        await rig.publisher.publish([message()])
    second = await rig.ready()
    assert second is not first
    await rig.publisher.publish([message()])
    assert second.sent
    assert first.stopped


async def test_a_record_that_the_brokers_find_too_large_is_said_so(rig: Rig) -> None:
    (await rig.ready()).error = MessageSizeTooLargeError()
    with pytest.raises(TooLarge):
        await rig.publisher.publish([message()])


async def test_one_record_that_can_never_be_written_writes_none(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    producer = await rig.ready()
    monkeypatch.setattr(module, "MAX_RECORD_BYTES", 100)
    with pytest.raises(TooLarge):
        await rig.publisher.publish([message(10), message(101)])
    assert producer.sent == []


async def test_the_brokers_may_come_later(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RESTART_PAUSE_S", 0.02)
    rig = Rig()
    rig.unreachable = 2
    await rig.publisher.start()
    assert not rig.publisher.ready
    await rig.ready()
    await rig.publisher.publish([message()])
    await rig.publisher.stop(0.1)


async def test_while_the_brokers_do_not_answer_a_request_is_sent_away_at_once(rig: Rig) -> None:
    producer = await rig.ready()
    producer.client.answers = False
    await eventually(lambda: not rig.publisher.ready, "the publisher sees that nobody answers")
    with pytest.raises(Unavailable, match="not reachable"):
        await rig.publisher.publish([message()])
    assert producer.sent == []


async def test_a_producer_that_hangs_although_the_brokers_answer_is_replaced(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await rig.ready()
    first.silent = True
    monkeypatch.setattr(module, "STUCK_S", 0.05)
    with pytest.raises(Unavailable):
        await rig.publisher.publish([message(600)])
    await eventually(lambda: len(rig.made) > 1 and rig.publisher.ready, "another producer is ready")
    await rig.publisher.publish([message(300)])


async def test_it_stops_although_the_producer_does_not(rig: Rig) -> None:
    (await rig.ready()).hangs = True
    began = time.monotonic()
    await rig.publisher.stop(0.05)
    assert time.monotonic() - began < 2
