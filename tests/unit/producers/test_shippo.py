"""Shippo: token, signature with its time, or both; the whole event untouched under its tracking key."""

from __future__ import annotations

import hashlib
import hmac
import json
from typing import Any

import pytest
from pydantic import ValidationError

from contracts.returns import Meaning
from contracts.topics import CARRIER_EVENTS
from contracts.tracking import CarrierFormat, CarrierReport
from producers.accounts import ShippoAccount
from producers.messages import KEPT, Message
from producers.sources.base import Received, Split
from producers.sources.shippo import split, verify
from streams.domain.carriers import checkpoints
from tests.unit.producers.support import SHIPPO, SHIPPO_BOTH, SHIPPO_SIGNED, body, directory, shippo_signature

EVENT = body("shippo/track_updated.json")
NOW = 1_762_250_400.0
ACCOUNTS = [SHIPPO, SHIPPO_SIGNED, SHIPPO_BOTH]


def signed(at: float = NOW, raw: bytes = EVENT, secret: str = "ship-secret", **received: Any) -> Received:
    """A request signed at this time, which comes at NOW."""
    headers = {"shippo-auth-signature": shippo_signature(raw, at, secret)}
    return Received(headers, received.pop("come", raw), at=NOW, **received)


def taken(raw: bytes) -> Split:
    return split(SHIPPO, Received({}, raw, at=NOW), directory())


def only(result: Split) -> Message:
    (message,) = result.messages
    return message


def changed(**change: Any) -> bytes:
    return json.dumps({**json.loads(EVENT), **change}).encode()


@pytest.mark.parametrize(
    ("query", "account"),
    [
        ({"token": "ship-token"}, SHIPPO),
        ({"token": "ship-token-before"}, SHIPPO),
        ({"token": "ship-token "}, None),
        ({"token": ""}, None),
        ({"Token": "ship-token"}, None),
        ({}, None),
    ],
)
def test_a_token_in_the_url_is_the_accounts(query: dict[str, str], account: ShippoAccount | None) -> None:
    assert verify(Received({}, EVENT, query=query, at=NOW), ACCOUNTS) is account


def test_a_signature_is_made_over_the_time_a_dot_and_the_body() -> None:
    # Computed apart: printf '1762250400.{"event":"track_updated"}' | openssl dgst -sha256 -hmac ship-secret
    raw = b'{"event":"track_updated"}'
    header = f"t=1762250400,v1={DIGEST}"
    assert verify(Received({"shippo-auth-signature": header}, raw, at=NOW), ACCOUNTS) is SHIPPO_SIGNED
    assert verify(Received({"shippo-auth-signature": header}, raw + b"\n", at=NOW), ACCOUNTS) is None


DIGEST = "2d07475983f45f1d50dd7cba4e92a029635684868ec362757b48d8cc9ad61f47"


@pytest.mark.parametrize("secret", ["ship-secret", "ship-secret-before"])
def test_the_current_and_the_previous_secret_count(secret: str) -> None:
    assert verify(signed(secret=secret), ACCOUNTS) is SHIPPO_SIGNED


@pytest.mark.parametrize(("late", "counts"), [(0, True), (300, True), (-300, True), (301, False), (-301, False)])
def test_a_signature_counts_for_five_minutes(late: float, counts: bool) -> None:
    assert (verify(signed(NOW - late), ACCOUNTS) is SHIPPO_SIGNED) is counts


def test_the_time_cannot_be_moved_without_the_secret() -> None:
    old = shippo_signature(EVENT, NOW - 86_400)
    moved = {"shippo-auth-signature": old.replace(f"{NOW - 86_400:.0f}", f"{NOW:.0f}")}
    assert verify(Received(moved, EVENT, at=NOW), ACCOUNTS) is None


@pytest.mark.parametrize(
    "header",
    ["", ",", "=", "t=", "v1=", "t=1762250400", "t=1762250400,v1=", f"v1={'0' * 64}", f"t=x,v1={'0' * 64}", "\udcff"],
)
def test_no_signature_and_half_a_one_are_nobodys(header: str) -> None:
    assert verify(Received({"shippo-auth-signature": header}, EVENT, at=NOW), ACCOUNTS) is None


@pytest.mark.parametrize("time", ["1e9", "-1762250400", "", "nan", "inf", "\u0661762250400", "1762250400.0"])
def test_a_signed_time_that_is_no_count_of_seconds_is_nobodys(time: str) -> None:
    mac = hmac.digest(b"ship-secret", f"{time}.".encode() + EVENT, hashlib.sha256)
    header = f"t={time},v1={mac.hex()}"
    assert verify(Received({"shippo-auth-signature": header}, EVENT, at=NOW), [SHIPPO_SIGNED]) is None


def test_an_account_with_both_wants_both() -> None:
    token = {"token": "both-token"}
    assert verify(signed(secret="both-secret", query=token), ACCOUNTS) is SHIPPO_BOTH
    assert verify(signed(secret="both-secret"), ACCOUNTS) is None
    assert verify(signed(secret="wrong", query=token), ACCOUNTS) is None
    assert verify(Received({}, EVENT, query=token, at=NOW), ACCOUNTS) is None


def test_an_account_without_token_and_secret_is_refused() -> None:
    with pytest.raises(ValidationError, match="give 'token', or 'secret', or both"):
        ShippoAccount(name="shippo", retailers=("*",))


def test_a_tracking_event_is_one_report_of_its_parcel() -> None:
    message = only(taken(EVENT))

    assert (message.topic, message.key) == (CARRIER_EVENTS, "9205590164917312")
    assert message.header("ce_time") == "2026-11-04T10:00:00+00:00"
    report = CarrierReport.model_validate_json(message.value)
    assert report.element == json.loads(EVENT)
    assert (report.format, report.source.sender, report.source.account) == (CarrierFormat.SHIPPO, "shippo", "shippo")
    assert [found.meaning for found in checkpoints(report)] == [Meaning.LABEL, Meaning.IN_TRANSIT]


def test_the_same_history_has_the_same_id_and_a_longer_one_another() -> None:
    data = json.loads(EVENT)["data"]
    longer = changed(data={**data, "tracking_history": [*data["tracking_history"], {"status": "DELIVERED"}]})
    ids = [only(taken(raw)).header("ce_id") for raw in (EVENT, EVENT, longer)]
    assert ids[0] == ids[1] != ids[2]


def test_other_events_need_nothing() -> None:
    result = taken(changed(event="transaction_created"))
    assert (result.messages, result.outcome) == ((), "ignored")


@pytest.mark.parametrize(
    ("raw", "reason", "path"),
    [
        (changed(data=None), "wrong_shape", "/data"),
        (changed(data={"tracking_number": " "}), "no_tracking_number", "/data/tracking_number"),
        (changed(data={"tracking_number": 7}), "no_tracking_number", "/data/tracking_number"),
        (changed(data={"tracking_number": "1" * 200}), "wrong_fields", "/data/tracking_number"),
        (changed(event=None), "wrong_shape", "/event"),
        (b"[]", "wrong_shape", "/event"),
        (b"{", "not_json", ""),
    ],
)
def test_a_signed_event_without_its_parcel_is_kept(raw: bytes, reason: str, path: str) -> None:
    result = taken(raw)
    message = only(result)
    assert (message.topic, message.value) == (KEPT, raw)
    assert (message.header("dl_reason"), message.header("dl_path")) == (reason, path)
    assert result.kept == (reason,)
