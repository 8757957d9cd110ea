"""Topics as an API: what an upstream writes and the ingress would have refused is a dead letter and changes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from contracts import topics
from contracts.actions import AlertKind, ReturnAlert
from contracts.model import Model
from contracts.returns import Meaning
from contracts.topics import Topic
from streams.agents.carrier_scans import carrier_scans
from streams.agents.order_table import order_table
from streams.agents.return_actions import return_actions
from streams.agents.return_rules import AGENT as return_rules
from streams.engine.agent import Agent
from streams.engine.driver import AgentTestDriver
from tests.builders import HASH_KEY, parcel_report, retailer, return_event, scan, shopify_order, source, upload

ORDER = json.loads(shopify_order().model_dump_json())
UPLOAD = json.loads(upload().model_dump_json())
REPORT = json.loads(parcel_report(scan()).model_dump_json())
EVENT = json.loads(return_event(Meaning.DELIVERED).model_dump_json())

READERS: dict[str, tuple[Callable[[], Agent], Topic, str, dict[str, Any]]] = {
    "order-events": (lambda: order_table(HASH_KEY), topics.ORDER_EVENTS, "acme/1001", ORDER),
    "return-uploads": (lambda: return_rules, topics.RETURN_UPLOADS, "acme/1001", UPLOAD),
    "carrier-events": (lambda: carrier_scans, topics.CARRIER_EVENTS, "SEK1", REPORT),
    "return-events": (lambda: return_actions, topics.RETURN_EVENTS, "acme/1001", EVENT),
}
each_topic = pytest.mark.parametrize("name", READERS)


class Reader:
    """The agent that reads a topic, which knows two retailers."""

    def __init__(self, name: str) -> None:
        make, self.topic, self.key, self.value = READERS[name]
        self.driver = AgentTestDriver(make(), retailers={known: retailer(known) for known in ("acme", "bolt")})

    def take(
        self, value: object, key: str | bytes | None = None, headers: tuple[tuple[str, bytes], ...] = ()
    ) -> dict[str, bytes]:
        """The headers of the dead letter that this record became; that, and nothing else, came of it."""
        key = self.key if key is None else key
        raw = value if isinstance(value, bytes) else json.dumps(value).encode()
        stores = self.stores()
        self.driver.pipe_record(self.topic, key if isinstance(key, bytes) else key.encode(), raw, headers)
        [letter] = self.driver.dead_letters
        assert self.driver.written == [letter]
        assert letter.record.value == raw
        assert self.stores() == stores
        return dict(letter.record.headers)

    def stores(self) -> dict[str, dict[str, Model]]:
        return {name: self.driver.store(store) for name, store in self.driver.agent.stores.items()}


def said(topic: Topic, header: tuple[str, bytes]) -> tuple[tuple[str, bytes], ...]:
    """Sound headers but for this one."""
    sound = {"ce_specversion": b"1.0", "ce_id": b"1", "ce_source": b"x", "ce_type": topic.events[0].type.encode()}
    return tuple({**sound, header[0]: header[1]}.items())


@each_topic
def test_the_sound_record_is_taken(name: str) -> None:
    reader = Reader(name)
    reader.driver.pipe_record(reader.topic, reader.key.encode(), json.dumps(reader.value).encode())
    assert reader.driver.dead_letters == []
    assert any(reader.stores().values())


@each_topic
@pytest.mark.parametrize(
    "raw", [b"", b"{", b"[]", b"null", b'"x"', b"\xff", b"{}", b"[" * 300, b'{"x": NaN}', b"1" * 5000]
)
def test_what_is_no_json_or_no_such_thing(name: str, raw: bytes) -> None:
    assert Reader(name).take(raw)["dl_kind"] == b"poison"


@each_topic
@pytest.mark.parametrize("key", ["bolt/1002", "acme/1002", "acme", "acme/", "/1001", "", "sek-1", "SEK2", b"\xff"])
def test_the_key_of_something_else(name: str, key: str | bytes) -> None:
    assert Reader(name).take(Reader(name).value, key)["dl_kind"] == b"poison"


@each_topic
@pytest.mark.parametrize(
    "header",
    [("ce_type", b"com.example.other.v1"), ("ce_time", b"2026-11-01T10:00:00"), ("ce_source", b"\xff")],
    ids=lambda header: header[0],
)
def test_headers_that_say_something_else(name: str, header: tuple[str, bytes]) -> None:
    reader = Reader(name)
    assert reader.take(reader.value, headers=said(reader.topic, header))["dl_kind"] == b"poison"


@pytest.mark.parametrize(
    ("name", "change", "pointer"),
    [
        ("order-events", {"total_price": "much"}, "/total_price"),
        ("order-events", {"updated_at": "2026-11-01T10:00:00"}, "/updated_at"),
        ("order-events", {"line_items": [{"id": 1, "quantity": -1, "price": "1"}]}, "/line_items/0/quantity"),
        ("order-events", {"id": {}}, "/id"),
        ("return-uploads", {"units": []}, "/units"),
        ("return-uploads", {"units": [{"sku": 7}]}, "/units/0/sku"),
        ("return-uploads", {"units": [{"sku": " "}]}, "/units/0/sku"),
        ("return-uploads", {"units": [{"sku": "x" * 256}]}, "/units/0/sku"),
        ("return-uploads", {"rma": " "}, "/rma"),
        ("return-uploads", {"rma": "R\x001"}, "/rma"),
        ("return-uploads", {"rma": "x" * 256}, "/rma"),
        ("return-uploads", {"rma": None}, "/rma"),
        ("return-uploads", {"consignments": ["-"]}, "/consignments/0"),
        ("return-uploads", {"source": {"sender": "x"}}, "/source/account"),
        ("carrier-events", {"format": "pigeon"}, "/format"),
        ("carrier-events", {"element": []}, "/element"),
        ("carrier-events", {"element": {"Events": [{"OmniCode": 10}]}}, "/Events/0/OmniCode"),
        ("carrier-events", {"source": None}, "/source"),
        ("return-events", {"meaning": "paid"}, "/meaning"),
        ("return-events", {"at": "yesterday"}, "/at"),
        ("return-events", {"source": None}, "/source"),
    ],
)
def test_fields_of_the_wrong_type_are_named(name: str, change: dict[str, Any], pointer: str) -> None:
    reader = Reader(name)
    letter = reader.take({**reader.value, **change})
    assert pointer.encode() in letter["dl_message"]


@pytest.mark.parametrize(
    ("name", "change", "key"),
    [
        ("carrier-events", {"tracking_number": "-"}, ""),
        ("carrier-events", {"tracking_number": "1" * 129}, "1" * 129),
        ("return-uploads", {"order_name": "x" * 256}, f"acme/{'X' * 256}"),
        ("return-uploads", {"retailer": "bolt"}, None),
        ("return-events", {"order_key": "bolt/1001"}, None),
        ("return-events", {"retailer": "bolt"}, None),
    ],
)
def test_identities_that_are_blank_endless_or_foreign(name: str, change: dict[str, Any], key: str | None) -> None:
    reader = Reader(name)
    assert reader.take({**reader.value, **change}, key)["dl_kind"] == b"poison"


@pytest.mark.parametrize("header", [("ce_shop", b"bolt.myshopify.com"), ("ce_source", b"shopify://bolt.myshopify.com")])
def test_an_order_of_another_shop_than_its_retailers(header: tuple[str, bytes]) -> None:
    reader = Reader("order-events")
    assert b"is of shop" in reader.take(reader.value, headers=said(reader.topic, header))["dl_message"]


@pytest.mark.parametrize("name", ["return-uploads", "return-events"])
def test_a_source_that_may_not_speak_for_the_retailer_is_dropped_and_told(name: str) -> None:
    reader = Reader(name)
    foreign = json.loads(source("bolt").model_dump_json())
    # An event that would pay: PROCESSED confirms all units.
    value = {**reader.value, "source": foreign} | ({"meaning": Meaning.PROCESSED} if name == "return-events" else {})
    reader.driver.pipe_record(reader.topic, reader.key.encode(), json.dumps(value).encode())

    assert [alert.kind for alert in reader.driver.of(topics.RETURN_ALERTS, ReturnAlert)] == [AlertKind.FOREIGN_EVIDENCE]
    assert len(reader.driver.written) == 1
    assert not any(reader.stores().values())
