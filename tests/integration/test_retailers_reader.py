"""How the ingress learns the retailers, where it cannot, and where it has to learn them again."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import NewTopic
from structlog.testing import capture_logs

from contracts.retailers import Retailer
from contracts.topics import RETAILERS
from producers.metrics import Metrics
from producers.retailers import Directory
from producers.retailers_reader import RetailersReader
from producers.settings import KafkaSettings
from tests.integration.administration import admin
from tests.integration.header_names import send_with_a_bad_name
from tests.unit.producers.support import retailer
from tests.waiting import eventually

pytestmark = pytest.mark.kafka


class Watched(Directory):
    """Remembers what a sender would have heard after each record that was taken into it: whether it is known."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.heard: list[bool] = []

    def apply(self, key: str, value: bytes | None) -> None:
        """See Directory."""
        super().apply(key, value)
        self.heard.append(self.named(self.name) is not None)


@pytest.fixture
async def prefix(kafka: str, topic_prefix: str) -> str:
    """The prefix of an installation that has the topic."""
    async with admin(kafka) as client:
        await client.create_topics([NewTopic(f"{topic_prefix}{RETAILERS.name}", 1, 1)])
    return topic_prefix


@asynccontextmanager
async def reading(kafka: str, prefix: str, directory: Directory) -> AsyncIterator[RetailersReader]:
    """A reader that has read it all."""
    reader = RetailersReader(KafkaSettings(bootstrap_servers=kafka, topic_prefix=prefix), directory, Metrics())
    await reader.start()
    try:
        await eventually(lambda: reader.ready, "the retailers are known")
        yield reader
    finally:
        await reader.stop()


async def write(kafka: str, prefix: str, *written: Retailer | str) -> None:
    """Retailers, and tombstones for the ids."""
    async with AIOKafkaProducer(bootstrap_servers=kafka, acks="all") as producer:
        for each in written:
            key, value = (each, None) if isinstance(each, str) else (each.id, each.to_json())
            await producer.send_and_wait(f"{prefix}{RETAILERS.name}", value, key.encode())


async def test_nobody_is_unknown_while_the_topic_is_read_again(kafka: str, prefix: str) -> None:
    """After a lost broker: what stands first in the topic was replaced long ago."""
    await write(kafka, prefix, retailer("acme", "Acme"), "acme", retailer("acme", "Acme Outdoors"))
    directory = Watched("Acme Outdoors")
    async with reading(kafka, prefix, directory):
        assert directory.named("Acme Outdoors") is not None
    directory.heard.clear()
    async with reading(kafka, prefix, directory):
        await write(kafka, prefix, retailer("late", "Late Ltd"))
        await eventually(lambda: directory.named("Late Ltd") is not None, "what comes later is followed")
    assert all(directory.heard)
    assert len(directory) == 2


async def test_what_was_removed_meanwhile_is_gone_and_the_last_good_row_stays(kafka: str, prefix: str) -> None:
    directory = Directory()
    for known in (retailer("gone", "Gone Ltd"), retailer("acme", "Acme Outdoors")):
        directory.apply(known.id, known.to_json())
    async with AIOKafkaProducer(bootstrap_servers=kafka, acks="all") as producer:
        await producer.send_and_wait(f"{prefix}{RETAILERS.name}", b"{}", b"acme")
    async with reading(kafka, prefix, directory):
        assert directory.named("Gone Ltd") is None
        assert directory.named("Acme Outdoors") is not None


async def test_a_header_whose_name_is_no_text_does_not_stop_it(kafka: str, prefix: str) -> None:
    await write(kafka, prefix, retailer("early", "Early Ltd"))
    late = retailer("late", "Late Ltd")
    await send_with_a_bad_name(kafka, f"{prefix}{RETAILERS.name}", [(b"late", late.to_json())])
    directory = Directory()
    async with reading(kafka, prefix, directory):
        assert directory.named("Late Ltd") is not None
        assert directory.named("Early Ltd") is not None


async def test_without_its_topic_it_says_what_to_do_once_an_attempt(
    kafka: str, topic_prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    reader = RetailersReader(KafkaSettings(bootstrap_servers=kafka, topic_prefix=topic_prefix), Directory(), Metrics())
    with capture_logs() as logs:
        await reader.start()
        try:
            await eventually(lambda: bool(logs), "it says why it does not begin", 10)
        finally:
            await reader.stop()
    assert not reader.ready
    assert logs[0]["error"] == f"there is no topic '{topic_prefix}retailers': run `returnstreams topics apply`"
    assert not [record for record in caplog.records if record.name == "aiokafka.cluster"]
