"""`orders show` on real brokers: from the process that has the order, from the topic, and after its deletion."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from contracts import topics
from contracts.keys import order_key
from contracts.model import Model
from contracts.orders import OrderErasure, ShopifyOrder
from contracts.returns import ReturnUpload
from contracts.topics import Topic
from streams.engine.kafka import Cluster
from streams.engine.records import OutRecord
from tests.builders import erasure, shopify_order, unit, upload
from tests.integration.conftest import Command
from tests.integration.test_commands import agents, ended, free_port, ready
from tests.integration.test_returns_commands import ACME, written
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka

NOW = datetime.now(UTC)


@pytest.fixture(autouse=True)
def _applied(installed: None, command: Command, tmp_path: Path) -> None:
    file = tmp_path / "retailers.yaml"
    file.write_text(
        "retailers:\n"
        "  - id: acme\n    name: Acme\n    portal: omnireturns\n"
        "    shopify: {shop: acme.myshopify.com}\n    return_action: first_scan\n"
        "    rules: [{name: everything, when: always, then: refund}]\n"
    )
    assert command("retailers", "apply", str(file), "--yes").code == 0


def sent(topic: Topic, value: Model, key: str, partition: int | None = None) -> OutRecord:
    kind = (("ce_type", topic.event_for(type(value)).type.encode()), ("ce_shop", b"acme.myshopify.com"))
    return OutRecord(topic.name, key.encode(), value.to_json(), kind, partition=partition)


def ordered(name: str, **changes: object) -> OutRecord:
    order: ShopifyOrder = shopify_order(name=name, created_at=NOW - timedelta(days=1), updated_at=NOW, **changes)
    return sent(topics.ORDER_EVENTS, order, order_key("acme", name))


@contextmanager
def running(environment: dict[str, str], folder: Path) -> Iterator[None]:
    """A process of all agents, ready; ended in order."""
    port = free_port()
    with agents({**environment, "HEALTH__PORT": str(port)}, folder) as (process, log):
        wait_until(lambda: ready(port, process, log), "/readyz says 200", 60)
        yield
        assert ended(process) == 0


def test_an_order_from_its_first_webhook_to_after_its_erasure(
    command: Command, environment: dict[str, str], cluster: Cluster, tmp_path: Path
) -> None:
    said: ReturnUpload = upload(unit(), rma="R1", order_name="#1001")
    returned = sent(topics.RETURN_UPLOADS, said, "acme/1001")
    written(cluster, ordered("#1001", email="kim@example.com"), ordered("#1002", id="2"), returned)

    def show(name: str = "1001") -> dict[str, object]:
        outcome = command("orders", "show", "acme", name, "--json")
        assert outcome.code == 0, outcome.err
        found: dict[str, object] = json.loads(outcome.out)
        return found

    with running(environment, tmp_path):
        wait_until(lambda: command("orders", "show", "acme", "#1001").code == 0, "the order is there")
        wait_until(lambda: bool(show()["claims"]), "its unit is claimed")
        asked, other = show(" #1001 "), show("1002")
        text = command("orders", "show", "acme", "#1001").out
        assert (asked["from"], other["from"]) == ("process", "process")
        assert "kim@example" not in text
        assert "expires on" in text
        assert "returnstreams returns show acme 'R1' --order '1001'" in text
        missing = command("orders", "show", "acme", "1003")
        assert (missing.code, missing.out) == (78, "")
        assert "acme has no order '1003'" in missing.err

        what: OrderErasure = erasure("1")
        written(cluster, *(sent(topics.ORDER_EVENTS, what, "acme/?1", partition) for partition in range(2)))
        wait_until(lambda: show()["order"] is None, "erased")

    assert show("1002") == {**other, "from": "topic"}, "the topics say the same as the process"
    gone = show()
    assert (gone["deleted_because"], gone["expires_on"], gone["claims"]) == ("erased", None, asked["claims"])
    assert "erased on" in command("orders", "show", "acme", "1001").out


def test_what_is_wrong_is_named(command: Command, cluster: Cluster) -> None:
    assert ACME.id == "acme"
    assert "no retailer 'acne' is in force; there are: acme" in command("orders", "show", "acne", "1").err
    assert "name is blank" in command("orders", "show", "acme", " # ").err
