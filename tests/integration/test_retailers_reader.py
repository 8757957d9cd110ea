"""How the ingress learns the retailers, where it cannot."""

from __future__ import annotations

import pytest
from structlog.testing import capture_logs

from producers.metrics import Metrics
from producers.retailers import Directory
from producers.retailers_reader import RetailersReader
from producers.settings import KafkaSettings
from tests.waiting import eventually

pytestmark = pytest.mark.kafka


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
