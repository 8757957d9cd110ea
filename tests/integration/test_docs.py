"""The examples of the guides are run as they stand there, against a real broker."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from contracts import topics
from contracts.actions import ActionEvidence, ReturnAction
from contracts.envelope import from_headers
from contracts.keys import action_id
from contracts.retailers import ReturnActionStage
from contracts.returns import Option, ReturnUpload
from streams import event_loop
from streams.engine.kafka import partition_of
from tests.command_line import returnstreams
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka

DOCS = Path(__file__).parents[2] / "docs"
PARTITIONS = 3


@pytest.fixture
def settings(kafka: str, topic_prefix: str) -> dict[str, str]:
    """An installation with its topics."""
    found = {
        "KAFKA__BOOTSTRAP_SERVERS": kafka,
        "KAFKA__TOPIC_PREFIX": topic_prefix,
        "TOPICS__PARTITIONS": str(PARTITIONS),
        "TOPICS__REPLICATION": "1",
        "TOPICS__MIN_INSYNC": "1",
    }
    assert returnstreams("topics", "apply", "--yes", **found).code == 0
    return found


def example(guide: str, settings: dict[str, str], folder: Path, **more: str) -> subprocess.Popen[str]:
    """The guide's one Python block, as a process of its own."""
    [block] = re.findall(r"^```python\n(.*?)^```", (DOCS / guide).read_text(), re.MULTILINE | re.DOTALL)
    script = folder / "example.py"
    script.write_text(block)
    environ = {**os.environ, **{f"RETURNSTREAMS_{name}": value for name, value in settings.items()}, **more}
    with (folder / "output").open("w") as output, (folder / "errors").open("w") as errors:
        return subprocess.Popen([sys.executable, str(script)], env=environ, stdout=output, stderr=errors, text=True)


def test_what_the_publishers_guide_writes_is_an_upload_in_the_right_partition(
    settings: dict[str, str], tmp_path: Path
) -> None:
    for _ in range(2):
        assert example("publishers.md", settings, tmp_path).wait(30) == 0, (tmp_path / "errors").read_text()
    lines = [
        json.loads(line) for line in returnstreams("topics", "tail", "return-uploads", **settings).out.splitlines()
    ]

    first, second = lines
    assert first["key"] == "acme/1001"
    assert first["partition"] == partition_of(b"acme/1001", PARTITIONS)
    assert ReturnUpload.model_validate(first["value"]).units[0].return_action == "REFUND"
    envelope = from_headers([(name, value.encode()) for name, value in first["headers"].items()])
    assert envelope.type == topics.RETURN_UPLOADS.events[0].type
    assert first["headers"]["ce_id"] == second["headers"]["ce_id"]


def test_what_the_subscribers_guide_reads_is_paid_once(settings: dict[str, str], tmp_path: Path) -> None:
    paid_twice, other = action(1), action(2)
    event_loop.run(write(settings, paid_twice, paid_twice, other))
    reader = example("subscribers.md", settings, tmp_path, DATABASE=str(tmp_path / "payments.db"))
    output = tmp_path / "output"
    try:
        wait_until(lambda: other.action_id in output.read_text() or reader.poll() is not None, "both are paid")
    finally:
        reader.terminate()
        reader.wait(10)
    assert output.read_text().splitlines() == [
        f"pay refund 50.00 USD {paid_twice.action_id}",
        f"pay refund 50.00 USD {other.action_id}",
    ]


def action(ordinal: int) -> ReturnAction:
    """A refund of one shirt."""
    return ReturnAction(
        action_id=action_id("acme/1001", "R1", "TEE-M", ordinal, "refund"),
        retailer="acme",
        order_key="acme/1001",
        order_id="1",
        rma="R1",
        sku="TEE-M",
        ordinal=ordinal,
        option=Option.REFUND,
        amount=Decimal("50.00"),
        tax=Decimal("0.00"),
        currency="USD",
        taxes_included=False,
        line_id="11",
        line_index=0,
        stage=ReturnActionStage.FIRST_SCAN,
        evidence=ActionEvidence(milestone="first_scan"),
        decided_by="customer",
        settings_version=1,
        acted_at=datetime(2026, 11, 2, 9, 14, tzinfo=UTC),
    )


async def write(settings: dict[str, str], *actions: ReturnAction) -> None:
    """Write actions as return-actions would."""
    producer = AIOKafkaProducer(bootstrap_servers=settings["KAFKA__BOOTSTRAP_SERVERS"], acks="all")
    await producer.start()
    try:
        for each in actions:
            topic = f"{settings['KAFKA__TOPIC_PREFIX']}{topics.REFUNDS.name}"
            await producer.send_and_wait(topic, each.model_dump_json().encode(), each.order_key.encode())
    finally:
        await producer.stop()


def test_the_retailers_guide_shows_what_trying_rules_prints(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [tried, printed] = re.findall(
        r"^<!-- tested.*?^```sh\n(.*?)^```\n\n^```\n(.*?)^```", (DOCS / "retailers.md").read_text(), re.M | re.S
    )[0]
    shutil.copy(DOCS.parent / "retailers.example.yaml", tmp_path)
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    done = subprocess.run(
        ["/bin/sh", "-ec", tried], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True
    )

    assert done.stdout == printed
