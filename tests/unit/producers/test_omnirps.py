"""OmniRPS: uploads, events and return statuses; whole array or nothing, each bad field named, no tenant for another."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from contracts.returns import Meaning, ReturnEvent, ReturnUpload
from contracts.topics import CARRIER_EVENTS, RETURN_EVENTS, RETURN_UPLOADS
from contracts.tracking import CarrierReport
from producers.problems import FieldError, Invalid, NotJson, Problem, Unauthenticated, Unknown
from producers.sources import omnirps, omnirps_events, omnirps_returns, omnirps_status
from producers.sources.base import Received, Split
from streams.domain.carriers import checkpoints
from tests.unit.producers.support import ACME_TOKEN, BOLT_TOKEN, body, directory

UPLOAD = body("omnirps/returns.json")
EVENTS = body("omnirps/events.json")
STATUS = body("omnirps/return_status.json")
ACME = {"token": "acme-token", "retailer": "Acme Outdoors"}


def upload(raw: bytes, headers: dict[str, str] = ACME) -> Split:
    return omnirps_returns.split(ACME_TOKEN, Received(headers, raw), directory())


def events(raw: bytes) -> Split:
    return omnirps_events.split(ACME_TOKEN, Received(ACME, raw), directory())


def status(headers: dict[str, str] | None = None, **change: object) -> Split:
    raw = json.dumps({**json.loads(STATUS), **change}).encode()
    return omnirps_status.split(ACME_TOKEN, Received({"token": "acme-token", **(headers or {})}, raw), directory())


def pointers(problem: pytest.ExceptionInfo[Invalid]) -> list[str]:
    return [error.pointer for error in problem.value.errors]


def changed(at: int, **change: object) -> bytes:
    elements: list[dict[str, Any]] = json.loads(UPLOAD)
    elements[at].update(change)
    return json.dumps(elements).encode()


def test_the_token_says_who_it_is() -> None:
    accounts = [ACME_TOKEN, BOLT_TOKEN]
    assert omnirps.verify(Received({"token": "bolt-token"}, b""), accounts) is BOLT_TOKEN
    for headers in ({"token": "bolt"}, {"token": ""}, {}, {"token": "bölt-token"}):
        assert omnirps.verify(Received(headers, b""), accounts) is None


def test_one_upload_per_return_in_order_of_first_appearance() -> None:
    result = upload(UPLOAD)

    assert all(message.topic == RETURN_UPLOADS for message in result.messages)
    assert [message.key for message in result.messages] == ["acme/AC-1001", "acme/AC-1002"]
    first, second = (ReturnUpload.model_validate_json(message.value) for message in result.messages)
    assert (first.retailer, first.order_name, first.rma) == ("acme", "#ac-1001", "RMA-7")
    assert [(unit.sku, unit.reason, unit.return_action) for unit in first.units] == [
        ("TENT-2", "Faulty", "REFUND"),
        ("TENT-2", "Changed mind", "EXCHANGE"),
    ]
    assert first.units[1].exchange_variant_id == "44002"
    assert first.consignments == ("LOOP-1", "LOOP-3")
    assert (second.units[0].reason, second.units[0].item_weight) == ("", "0.4")
    assert first.source is not None
    assert (first.source.account, first.source.retailers) == ("acme-loop", ("acme",))


def test_the_answer_says_what_became_of_each_return() -> None:
    result = upload(UPLOAD)
    assert [(r["rma"], r["order"], r["units"], r["consignments"]) for r in result.answer["results"]] == [
        ("RMA-7", "#ac-1001", 2, ["LOOP-1", "LOOP-3"]),
        ("RMA-8", "AC-1002", 1, ["LOOP-2"]),
    ]
    assert [r["id"] for r in result.answer["results"]] == [m.header("ce_id") for m in result.messages]


def test_nothing_personal_of_the_customer_is_written() -> None:
    written = b"".join(message.value for message in upload(UPLOAD).messages)
    for personal in (b"Ann", b"example.com", b"High Street", b"N1 7AA"):
        assert personal in UPLOAD
        assert personal not in written


def test_a_repeat_has_the_same_id_and_an_edit_another() -> None:
    ids = [upload(raw).messages[0].header("ce_id") for raw in (UPLOAD, changed(0), changed(0, Reason="Too small"))]
    assert ids[0] == ids[1] != ids[2]


def test_all_bad_fields_are_named_at_once() -> None:
    elements = json.loads(UPLOAD)
    del elements[0]["Sku"], elements[0]["ItemWeight"]
    elements[1].update(RMA="  ", EAN=None, ItemValue=["4"], OrderNumber="#")
    elements[2].update(ConsignmentNo=True, CommodityCode=630622, RMA=1.5)
    with pytest.raises(Invalid) as problem:
        upload(json.dumps([*elements, "x"]).encode())

    assert pointers(problem) == [
        "/0/Sku", "/0/ItemWeight",
        "/1/OrderNumber", "/1/RMA", "/1/EAN", "/1/ItemValue",
        "/2/ConsignmentNo", "/2/RMA",
        "/3",
    ]  # fmt: skip


@pytest.mark.parametrize("raw", [b"{}", b"[]", b'"x"', b"null"])
def test_an_upload_is_an_array_with_something_in_it(raw: bytes) -> None:
    with pytest.raises(Invalid) as problem:
        upload(raw)
    assert pointers(problem) == [""]


def test_an_upload_that_is_no_json_is_refused() -> None:
    with pytest.raises(NotJson):
        upload(b"[{")


@pytest.mark.parametrize("name", ["acme outdoors", "Acme Outdoor", "Acme Outdoors - Loop"])
def test_the_retailers_name_must_match_exactly(name: str) -> None:
    with pytest.raises(Unknown, match="'Acme Outdoors' is: the name must match exactly"):
        upload(UPLOAD, {**ACME, "retailer": name})


def test_a_name_that_is_not_ascii_is_matched_byte_for_byte() -> None:
    as_http_hands_it_on = "Bölt - Loop".encode().decode("latin-1")
    received = Received({"token": "bolt-token", "retailer": as_http_hands_it_on}, UPLOAD)
    assert omnirps_returns.split(BOLT_TOKEN, received, directory()).messages[0].key == "bolt/AC-1001"


@pytest.mark.parametrize("split", [omnirps_returns.split, omnirps_events.split, omnirps_status.split])
def test_a_token_speaks_for_its_own_retailer_alone(split: Any) -> None:
    raw = {omnirps_returns.split: UPLOAD, omnirps_events.split: EVENTS, omnirps_status.split: STATUS}[split]
    with pytest.raises(Unauthenticated):
        split(BOLT_TOKEN, Received(ACME, raw), directory())


def test_events_with_an_order_go_under_it_with_counts_and_those_without_under_their_parcel() -> None:
    result = events(EVENTS)

    assert [(message.topic, message.key) for message in result.messages] == [
        (RETURN_EVENTS, "acme/AC-1001"),
        (RETURN_EVENTS, "acme/AC-1001"),
        (CARRIER_EVENTS, "LOOP2"),
        (CARRIER_EVENTS, "LOOP2"),
    ]
    transit, processed = (ReturnEvent.model_validate_json(message.value) for message in result.messages[:2])
    assert (transit.meaning, transit.consignment, transit.rma) == (Meaning.FIRST_SCAN, "LOOP1", None)
    assert (processed.meaning, processed.items[0].sku, processed.items[0].count) == (Meaning.PROCESSED, "TENT-2", 2)
    assert processed.source.retailers == ("acme",)
    group, scan = (CarrierReport.model_validate_json(message.value) for message in result.messages[2:])
    assert group.element == {"Elements": json.loads(EVENTS)[3:5]}
    assert scan.element == json.loads(EVENTS)[5]
    assert [checkpoint.meaning for report in (group, scan) for checkpoint in checkpoints(report)]
    assert group.source.retailers == ("acme",)


def test_the_same_events_again_have_the_same_ids() -> None:
    first, again = ([message.header("ce_id") for message in events(EVENTS).messages] for _ in range(2))
    assert first == again
    assert len(set(first)) == len(first)


def test_a_bad_element_refuses_the_whole_array() -> None:
    elements = json.loads(EVENTS)
    elements[0].update(OrderNo="", ConsignmentNo=" - ")
    elements[1].update(Code="")
    elements[2].update(EventDT=7)
    with pytest.raises(Invalid) as problem:
        events(json.dumps([*elements, []]).encode())
    assert pointers(problem) == ["/0/OrderNo", "/1/Code", "/2/EventDT", "/6"]


def test_no_events_are_nothing_to_do() -> None:
    assert events(b"[]").outcome == "ignored"


@pytest.mark.parametrize(
    ("word", "meaning"),
    [
        ("CLOSED", Meaning.CLOSED),
        ("processed", Meaning.PROCESSED),
        ("REJECTED", Meaning.REJECTED),
        ("CANCELLED", Meaning.CANCELLED),
    ],
)
def test_a_return_status_speaks_of_the_whole_return(word: str, meaning: Meaning) -> None:
    (message,) = status(Status=word).messages
    said = ReturnEvent.model_validate_json(message.value)
    assert (message.topic, message.key) == (RETURN_EVENTS, "acme/AC-1001")
    assert (said.meaning, said.rma, said.whole_return, said.items) == (meaning, "RMA-7", True, ())
    assert (said.at, said.local_time, said.code) == (None, "2026-11-09 12:00:00", word.upper())


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"Status": "OPEN"}, "/Status"),
        ({"RMA": None}, "/RMA"),
        ({"RMA": ""}, "/RMA"),
        ({"OrderNumber": 7}, "/OrderNumber"),
        ({"EventDT": None}, "/EventDT"),
        ({"Retailer": ""}, "/Retailer"),
    ],
)
def test_a_bad_return_status_names_its_field(change: dict[str, Any], pointer: str) -> None:
    with pytest.raises(Invalid) as problem:
        status(**change)
    assert pointers(problem) == [pointer]


def test_a_header_that_names_another_retailer_than_the_body_is_refused() -> None:
    assert status({"retailer": "Acme Outdoors"}).messages
    with pytest.raises(Invalid):
        status({"retailer": "Acme Outdoors "})


def test_an_unknown_retailer_in_a_status_is_told_the_near_one() -> None:
    with pytest.raises(Problem, match="'Acme Outdoors' is"):
        status(Retailer="Acme Outdors")


def test_a_name_that_only_looks_the_same_is_shown_so_that_the_difference_is_seen() -> None:
    with pytest.raises(Unknown) as problem:
        omnirps.retailer_named(BOLT_TOKEN, "Bo\u0308lt - Loop", directory())
    assert r"'Bo\u0308lt - Loop' is not known; 'B\xf6lt - Loop' is" in str(problem.value)


def test_no_more_bad_fields_are_looked_for_than_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_at: list[int] = []
    look = omnirps_returns._errors

    def counting(at: int, element: object) -> Iterator[FieldError]:
        looked_at.append(at)
        yield from look(at, element)

    monkeypatch.setattr(omnirps_returns, "_errors", counting)
    with pytest.raises(Invalid) as problem:
        upload(b"[" + b"{}," * 9_999 + b"{}]")
    assert len(pointers(problem)) == omnirps_returns.MAX_ERRORS
    assert len(looked_at) < omnirps_returns.MAX_ERRORS
