"""Follows the `retailers` topic, whole and outside of any group, into the directory."""

from __future__ import annotations

import asyncio
from typing import Any

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from contracts.topics import RETAILERS
from producers.clients import close
from producers.metrics import Metrics
from producers.retailers import BadRetailer, Directory
from producers.settings import KafkaSettings, aiokafka_options
from streams.header_names import read_leniently

log = structlog.get_logger(__name__)

START_TIMEOUT_S = 10.0
RESTART_PAUSE_S = 1.0
POLL_MS = 1_000
# Only how long a tail of control records may cost: a fetch returns as soon as there is something.
CATCH_UP_MS = 100
CLOSE_TIMEOUT_S = 2.0


class NoRetailersTopic(RuntimeError):
    """The topics of this installation have not been applied, or another prefix was meant."""


class RetailersReader:
    """Ready once every partition's end, as it was when reading began, has been reached. Reconnects for ever."""

    def __init__(self, kafka: KafkaSettings, directory: Directory, metrics: Metrics) -> None:
        self._kafka = kafka
        self._directory = directory
        self._metrics = metrics
        self._task: asyncio.Task[None] | None = None
        self.ready = False
        self.turns = 0

    async def start(self) -> None:
        """Begin to read; the brokers and the topic need not be there yet."""
        read_leniently()
        self._task = asyncio.create_task(self._follow(), name="retailers-reader")

    async def stop(self) -> None:
        """Stop reading, within a few seconds."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=CLOSE_TIMEOUT_S + 3)

    async def _follow(self) -> None:
        while True:
            self.turns += 1
            consumer = AIOKafkaConsumer(
                **aiokafka_options(self._kafka),
                group_id=None,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                isolation_level="read_committed",  # an apply that was broken off has changed nothing
            )
            try:
                await self._read(consumer)
            except (KafkaError, OSError, TimeoutError) as error:
                log.warning(
                    "retailers cannot be read",
                    action="retailers_unreachable",
                    brokers=self._kafka.bootstrap_servers,
                    error=type(error).__name__,
                )
            except NoRetailersTopic as error:
                log.warning("retailers cannot be read", action="retailers_unreachable", error=str(error))
            finally:
                await close(consumer, CLOSE_TIMEOUT_S)
            await asyncio.sleep(RESTART_PAUSE_S)

    async def _read(self, consumer: Any) -> None:
        """Take over all that the topic holds now, at once, and go on.

        The topic begins with rows that were replaced long ago. Read again, they must not be in force for a moment: that
        is when a sender would hear 401 or 404 without having done anything.
        """
        topic = self._kafka.topic(RETAILERS)
        async with asyncio.timeout(START_TIMEOUT_S):
            await consumer.start()
            partitions = [TopicPartition(topic, number) for number in await self._partitions(consumer, topic)]
            consumer.assign(partitions)
            await consumer.seek_to_beginning(*partitions)
            ends = await consumer.end_offsets(partitions)
        anew = self._directory.anew()
        while not await self._reached(consumer, ends):
            await self._take(consumer, anew, CATCH_UP_MS)
        self._directory.replace_by(anew)
        self._metrics.retailers.set(len(self._directory))
        self.ready = True
        log.info("retailers are known", action="retailers_ready", count=len(self._directory))
        while True:
            await self._take(consumer, self._directory, POLL_MS)
            self._metrics.retailers.set(len(self._directory))

    async def _take(self, consumer: Any, into: Directory, timeout_ms: int) -> None:
        self.turns += 1
        fetched = await consumer.getmany(timeout_ms=timeout_ms)
        for records in fetched.values():
            for record in records:
                self._apply(into, record)

    async def _partitions(self, consumer: Any, topic: str) -> set[int]:
        # Asked for by its name, a topic that is not there is an error in the client's log ten times a second.
        if topic not in await consumer.topics():
            raise NoRetailersTopic(f"there is no topic {topic!r}: run `returnstreams topics apply`")
        while True:
            await consumer._client._wait_on_metadata(topic)
            if numbers := consumer.partitions_for_topic(topic):
                return set(numbers)

    async def _reached(self, consumer: Any, ends: dict[Any, int]) -> bool:
        # The position, not "the last record": compaction and transaction markers leave offsets without records.
        return all([await consumer.position(partition) >= end for partition, end in ends.items()])

    def _apply(self, into: Directory, record: Any) -> None:
        key = (record.key or b"").decode("utf-8", "replace")
        try:
            into.apply(key, record.value)
        except BadRetailer as error:
            log.error("retailer not understood", action="retailer_unreadable", retailer=key, error=str(error))
            into.keep(key, self._directory)  # the last good row may have been compacted away
