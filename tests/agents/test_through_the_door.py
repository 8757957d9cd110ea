"""What the ingress answers 2xx, the agents take: nothing that it lets in is a dead letter of theirs."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts import topics
from producers.accounts import Account
from producers.messages import KEPT
from producers.problems import Problem
from producers.sources import aftership, easypost, omniparcel, omnirps_events, omnirps_returns, omnirps_status, shippo
from producers.sources.base import Received, Sender
from streams.agents.carrier_scans import carrier_scans, parcels
from streams.agents.return_actions import return_actions
from streams.agents.return_rules import AGENT as return_rules
from streams.engine.agent import Agent
from streams.engine.driver import AgentTestDriver
from tests.unit.producers.support import ACME_TOKEN, AFTERSHIP, EASYPOST, RETAILERS, SEKO, SHIPPO, body, directory

READERS: dict[str, Callable[[], Agent]] = {
    topics.RETURN_UPLOADS.name: lambda: return_rules,
    topics.CARRIER_EVENTS.name: lambda: carrier_scans,
    topics.RETURN_EVENTS.name: lambda: return_actions,
}
PARCEL = {"ConsignmentNo": "LOOP2", "Code": "RT", "Status": "Return in Transit", "EventDT": "2026-11-06 09:00:00"}
SAMPLES: dict[str, tuple[Sender[Any], Account, Any]] = {
    "upload": (omnirps_returns.SENDER, ACME_TOKEN, json.loads(body("omnirps/returns.json"))[:1]),
    "event of a parcel": (omnirps_events.SENDER, ACME_TOKEN, [PARCEL]),
    "event of an order": (omnirps_events.SENDER, ACME_TOKEN, [{**PARCEL, "OrderNo": "#1"}]),
    "status": (omnirps_status.SENDER, ACME_TOKEN, json.loads(body("omnirps/return_status.json"))),
    "easypost": (easypost.SENDER, EASYPOST, json.loads(body("easypost/tracker_updated.json"))),
    "aftership": (aftership.SENDER, AFTERSHIP, json.loads(body("aftership/tracking.json"))),
    "shippo": (shippo.SENDER, SHIPPO, json.loads(body("shippo/track_updated.json"))),
    "omniparcel": (omniparcel.SENDER, SEKO, json.loads(body("omniparcel/status.json"))[:1]),
}
# Where the number stands that makes the record's key; what stands elsewhere is the reader's to judge.
NUMBERS: dict[str, tuple[str, ...]] = {
    "upload": ("ConsignmentNo", "OrderNumber", "RMA", "Sku"),
    "event of a parcel": ("ConsignmentNo",),
    "event of an order": ("ConsignmentNo", "OrderNo"),
    "status": ("OrderNumber", "RMA"),
    "easypost": ("tracking_code",),
    "aftership": ("tracking_number",),
    "shippo": ("tracking_number",),
    "omniparcel": ("ConsignmentNo",),
}
# Among them what grows in upper case (ß), and every length around a bound.
NUMBER = st.text("a1ß#-/| \x00\n\x7f\u00a0", max_size=5) | st.builds(
    str.__mul__, st.sampled_from(["x", "ß", "- x"]), st.sampled_from([64, 65, 127, 128, 129, 254, 255, 256])
)


def taken(name: str, value: object) -> bool:
    """Whether the ingress takes it; AssertionError where an agent then does not."""
    sender, account, _ = SAMPLES[name]
    received = Received({"retailer": "Acme Outdoors"}, json.dumps(value).encode())
    try:
        split = sender.split(account, received, directory())
    except Problem:
        return False
    for message in split.messages:
        if message.topic is KEPT:
            continue
        driver = AgentTestDriver(READERS[message.topic.name](), retailers={known.id: known for known in RETAILERS})
        driver.pipe_record(message.topic, (message.key or "").encode(), message.value, message.headers)
        assert [dict(letter.record.headers)["dl_message"] for letter in driver.dead_letters] == []
    return not split.kept


def with_field(value: Any, name: str, new: object) -> Any:
    """The sample with this in the field of that name, wherever it stands."""
    if isinstance(value, list):
        return [with_field(each, name, new) for each in value]
    if isinstance(value, dict):
        return {key: new if key == name else with_field(inner, name, new) for key, inner in value.items()}
    return value


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_of_each_is_taken(name: str) -> None:
    assert taken(name, SAMPLES[name][2])


@pytest.mark.parametrize("name", SAMPLES)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), number=NUMBER)
def test_a_number_that_is_let_in_is_one_to_the_agents(name: str, data: st.DataObject, number: str) -> None:
    taken(name, with_field(SAMPLES[name][2], data.draw(st.sampled_from(NUMBERS[name])), number))


@pytest.mark.parametrize("said", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "0001-01-01 00:00:00"])
@pytest.mark.parametrize("name", SAMPLES)
def test_times_at_the_ends_of_the_calendar_are_let_in_and_stop_nobody(name: str, said: str) -> None:
    value = SAMPLES[name][2]
    for written in ("EventDT", "created_at", "updated_at", "status_date", "datetime", "checkpoint_time"):
        value = with_field(value, written, said)
    assert taken(name, value)


@pytest.mark.parametrize("inside", [[], None, "x", {}, [{}], [{"Code": 7}], [{**PARCEL, "ConsignmentNo": "OTHER9"}]])
@pytest.mark.parametrize("code", ["RT", "RP"])
def test_our_own_word_for_several_elements_means_nothing_in_a_senders_element(code: str, inside: object) -> None:
    sender, account, _ = SAMPLES["event of a parcel"]
    element = {**PARCEL, "Code": code}
    odd = json.dumps([{**element, "Elements": inside}]).encode()
    assert taken("event of a parcel", json.loads(odd))
    [message] = sender.split(account, Received({"retailer": "Acme Outdoors"}, odd), directory()).messages
    driver = AgentTestDriver(carrier_scans, retailers={known.id: known for known in RETAILERS})
    driver.pipe_record(message.topic, (message.key or "").encode(), message.value, message.headers)
    assert driver.store(parcels), "what it says of its own parcel is kept"
