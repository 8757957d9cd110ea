"""EasyPost, AfterShip and OmniParcel: who it is, and each parcel's element untouched under its tracking key."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import unicodedata
from typing import Any

import pytest

from contracts.topics import CARRIER_EVENTS
from contracts.tracking import CarrierFormat, CarrierReport
from producers.messages import KEPT
from producers.sources import aftership, easypost, omniparcel
from producers.sources.base import Received, Split
from streams.domain.carriers import checkpoints
from tests.unit.producers.support import AFTERSHIP, EASYPOST, SEKO, SEKO_TOKEN, body, directory

EVENT = body("easypost/tracker_updated.json")
PARCELS = body("omniparcel/status.json")


def reports(result: Split) -> list[CarrierReport]:
    assert all(message.topic == CARRIER_EVENTS for message in result.messages)
    return [CarrierReport.model_validate_json(message.value) for message in result.messages]


def easypost_signature_of(raw: bytes, secret: str) -> str:
    key = unicodedata.normalize("NFKD", secret).encode()
    return "hmac-sha256-hex=" + hmac.new(key, raw, hashlib.sha256).hexdigest()


def test_easypost_signs_with_the_decomposed_secret() -> None:
    # Computed apart (openssl dgst -sha256 -hmac over the decomposed secret), so that both sides cannot be wrong alike.
    raw = b'{"description":"tracker.updated"}'
    digest = "hmac-sha256-hex=" + DIGEST
    assert easypost.verify(Received({"x-hmac-signature": digest}, raw), [EASYPOST]) is EASYPOST
    assert easypost.verify(Received({"x-hmac-signature": digest}, raw + b"\n"), [EASYPOST]) is None
    assert easypost.verify(Received({"x-hmac-signature": DIGEST}, raw), [EASYPOST]) is None
    assert easypost.verify(Received({}, raw), [EASYPOST]) is None


DIGEST = "562be7a716cb4c03373fe99c34ee0da0f3fd9184950e5f060f6309cd8398fd19"


def test_a_tracker_event_is_one_report_of_its_parcel() -> None:
    result = easypost.split(EASYPOST, Received({}, EVENT), directory())

    (report,) = reports(result)
    assert report.element == json.loads(EVENT)
    assert (report.format, report.tracking_number) == (CarrierFormat.EASYPOST, "EZ 1000-1000")
    assert (report.source.sender, report.source.account, report.source.retailers) == ("easypost", "easypost", ("acme",))
    assert result.messages[0].key == "EZ10001000"
    assert result.messages[0].header("ce_time") == "2026-11-04T10:51:54+00:00"
    assert len(checkpoints(report)) == 2


def test_a_repeated_delivery_has_the_same_id_though_its_tried_urls_grow() -> None:
    again = EVENT.replace(b'"completed_urls":[]', b'"completed_urls":["https://a.example"]')
    ids = {
        easypost.split(EASYPOST, Received({}, raw), directory()).messages[0].header("ce_id") for raw in (EVENT, again)
    }
    assert len(ids) == 1


def test_other_easypost_events_need_nothing() -> None:
    result = easypost.split(EASYPOST, Received({}, body("easypost/batch_updated.json")), directory())
    assert (result.messages, result.outcome) == ((), "ignored")


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"result": None}, "wrong_shape"),
        ({"result": {"tracking_code": ""}}, "no_tracking_number"),
        ({"result": {"tracking_code": "1" * 200}}, "wrong_fields"),
        ({"description": 3}, "wrong_shape"),
    ],
)
def test_a_signed_event_without_its_parcel_is_kept(change: dict[str, Any], reason: str) -> None:
    raw = json.dumps({**json.loads(EVENT), **change}).encode()
    result = easypost.split(EASYPOST, Received({}, raw), directory())
    assert [(message.topic, message.value) for message in result.messages] == [(KEPT, raw)]
    assert result.kept == (reason,)


def test_aftership_signs_the_raw_body_and_becomes_one_report() -> None:
    raw = body("aftership/tracking.json")
    signature = base64.b64encode(hmac.new(b"after", raw, hashlib.sha256).digest()).decode()
    assert aftership.verify(Received({"aftership-hmac-sha256": signature}, raw), [AFTERSHIP]) is AFTERSHIP
    assert aftership.verify(Received({"aftership-hmac-sha256": signature}, raw[:-1]), [AFTERSHIP]) is None

    result = aftership.split(AFTERSHIP, Received({}, raw), directory())
    (report,) = reports(result)
    assert result.messages[0].key == "1Z999AA1"
    assert report.element == json.loads(raw)
    assert len(checkpoints(report)) == 1


@pytest.mark.parametrize(
    ("headers", "account"),
    [
        ({"username": "seko", "password": "pass"}, SEKO),
        ({"token": "seko-token"}, SEKO_TOKEN),
        ({"username": "seko", "password": "wrong"}, None),
        ({"username": "", "password": ""}, None),
        ({"token": "seko-token "}, None),
        ({}, None),
    ],
)
def test_omniparcel_shows_a_login_or_a_token(headers: dict[str, str], account: object) -> None:
    assert omniparcel.verify(Received(headers, PARCELS), [SEKO, SEKO_TOKEN]) is account


def test_each_parcel_of_the_array_is_a_report() -> None:
    result = omniparcel.split(SEKO, Received({}, PARCELS), directory())

    assert [message.key for message in result.messages] == ["NZ000123", "TRK55"]
    found = reports(result)
    assert [report.element for report in found] == json.loads(PARCELS)
    assert [len(checkpoints(report)) for report in found] == [2, 1]
    assert result.outcome == "published"


def test_a_parcel_without_a_number_is_kept_and_the_others_go_on() -> None:
    raw = json.dumps([{"Events": []}, *json.loads(PARCELS), 7]).encode()
    result = omniparcel.split(SEKO, Received({}, raw), directory())

    assert [message.topic for message in result.messages] == [CARRIER_EVENTS, CARRIER_EVENTS, KEPT]
    kept = result.messages[-1]
    assert (kept.value, kept.header("dl_path")) == (raw, "/0/ConsignmentNo")
    assert result.kept == ("no_tracking_number",)


def test_the_same_history_has_the_same_id_and_a_longer_one_another() -> None:
    longer = PARCELS.replace(b'"Events":[', b'"Events":[{"EventDT":"2026-11-06 08:00:00","OmniCode":"OP-21"},', 1)
    first, again, other = (
        omniparcel.split(SEKO, Received({}, raw), directory()).messages[0].header("ce_id")
        for raw in (PARCELS, json.dumps(json.loads(PARCELS)).encode(), longer)
    )
    assert first == again != other
