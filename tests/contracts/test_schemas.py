"""The generated schemas: as the models say, noticed when not, and true of everything that is published."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

import contracts
from contracts.retailers import Retailer
from contracts.schemas import __main__ as command
from contracts.schemas import generate, rendered
from contracts.topics import CATALOGUE, ORDER_EVENTS, RETAILERS, EventType, Topic
from tests.contracts.values import values_of

HERE = Path(contracts.__file__).parent
SHOPIFY = Path(__file__).parent.parent / "fixtures" / "shopify"
EVENTS = sorted({event for topic in CATALOGUE for event in topic.events}, key=lambda event: event.type)
every_event = pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.type)


def schema_of(event: EventType) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((HERE / "schemas" / f"{event.type}.json").read_text())
    return loaded


def complaints(event: EventType, value: object) -> list[str]:
    return [error.message for error in Draft202012Validator(schema_of(event)).iter_errors(value)]


# --- drift ------------------------------------------------------------------------------------------------------------


def test_what_is_checked_in_is_what_the_models_say() -> None:
    assert command.drift(rendered()) == []
    assert command.main(["--check"]) == 0


class RetailerOfTomorrow(Retailer):
    """A retailer with one field more."""

    season: str = ""


def test_a_changed_model_is_noticed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    changed = EventType(RetailerOfTomorrow, RETAILERS.events[0].type)
    catalogue = tuple(t if t is not RETAILERS else dataclasses.replace(t, events=(changed,)) for t in CATALOGUE)
    monkeypatch.setattr(generate, "CATALOGUE", catalogue)

    assert command.main(["--check"]) == 1
    told = capsys.readouterr().err
    assert "com.returnstreams.retailer.applied.v1.json" in told
    assert "orders" not in told
    assert "make schemas" in told


def test_a_topic_that_is_gone_leaves_a_stale_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generate, "CATALOGUE", tuple(topic for topic in CATALOGUE if topic is not RETAILERS))
    assert command.drift(rendered()) == ["com.returnstreams.retailer.applied.v1.json", "../asyncapi.yaml"]


def test_changed_retention_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    changed = dataclasses.replace(ORDER_EVENTS, retention_days=8)
    monkeypatch.setattr(generate, "CATALOGUE", (changed, *CATALOGUE[1:]))
    assert command.drift(rendered()) == ["../asyncapi.yaml"]


# --- truth ------------------------------------------------------------------------------------------------------------


@every_event
def test_a_schema_is_a_schema_and_says_whose(event: EventType) -> None:
    schema = schema_of(event)
    Draft202012Validator.check_schema(schema)
    assert schema["$id"] == event.dataschema


@every_event
@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.data())
def test_whatever_is_published_fits_its_schema(event: EventType, data: st.DataObject) -> None:
    value = data.draw(values_of(event.model))
    assert complaints(event, json.loads(value.model_dump_json())) == []


@pytest.mark.parametrize("body", sorted(SHOPIFY.glob("order_20*.json")), ids=lambda path: path.stem)
def test_the_orders_that_shopify_sends_fit_theirs(body: Path) -> None:
    """They are published as they came: ids are numbers, and absent lists are null."""
    order = json.loads(body.read_text())
    assert complaints(ORDER_EVENTS.events[0], order) == []
    assert complaints(ORDER_EVENTS.events[0], {**order, "line_items": None, "refunds": None}) == []


def test_a_reader_of_actions_can_rely_on_money_as_text() -> None:
    schema = json.loads((HERE / "schemas" / "com.returnstreams.return.acted.v1.json").read_text())
    assert schema["properties"]["amount"]["type"] == "string"
    assert schema["properties"]["order_id"]["type"] == "string"


GOLDEN = sorted((SHOPIFY.parent / "loop").glob("*.json"))


def body_complaints(body: object) -> list[str]:
    schema = json.loads((HERE / "schemas" / "hook.omnirps-1.json").read_text())
    Draft202012Validator.check_schema(schema)
    return [error.message for error in Draft202012Validator(schema).iter_errors(body)]


@pytest.mark.parametrize("body", GOLDEN, ids=lambda path: path.stem)
def test_what_a_hook_is_told_fits_its_schema(body: Path) -> None:
    assert body_complaints(json.loads(body.read_text())) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"EventDT": "2026-11-02T09:14:00Z"},
        {"Carrier": None},
        {"Code": "OP-10"},
        {"Code": "RP"},
        {"Extra": ""},
        {"ItemNo": "TEE"},
    ],
)
def test_what_no_receiver_could_read_does_not(wrong: dict[str, Any]) -> None:
    (flat,) = json.loads((SHOPIFY.parent / "loop" / "RT.json").read_text())

    assert body_complaints([{**flat, **wrong}])
    assert body_complaints([{name: text for name, text in flat.items() if name != "MAWB"}])
    assert body_complaints([flat, flat])
    assert body_complaints([])


# --- AsyncAPI ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((HERE / "asyncapi.yaml").read_text())
    return loaded


def references(node: object) -> Iterator[str]:
    if isinstance(node, dict):
        if "$ref" in node:
            yield node["$ref"]
        for child in node.values():
            yield from references(child)
    elif isinstance(node, list):
        for child in node:
            yield from references(child)


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    found = set(references(document))
    assert found
    for reference in found:
        if reference.startswith("#/"):
            target: Any = document
            for part in reference.removeprefix("#/").split("/"):
                target = target[part]
        else:
            assert (HERE / reference).is_file(), reference


@pytest.mark.parametrize("topic", CATALOGUE, ids=lambda topic: topic.name)
def test_every_topic_is_a_channel_with_its_messages(document: dict[str, Any], topic: Topic) -> None:
    channel = next(c for c in document["channels"].values() if c["address"] == topic.name)
    kept = channel["bindings"]["kafka"]["topicConfiguration"]
    assert kept["cleanup.policy"] == (["compact"] if topic.compacted else ["delete"])
    assert {message["name"] for message in channel["messages"].values()} == {event.type for event in topic.events}
    for message in channel["messages"].values():
        assert message["payload"]["$ref"] == f"schemas/{message['name']}.json"
        assert message["headers"]["properties"]["ce_type"]["const"] == message["name"]
