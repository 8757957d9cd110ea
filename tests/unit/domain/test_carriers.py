"""Carriers: each format's own webhook becomes checkpoints, and what is not in the format is named by pointer."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from contracts.returns import Meaning
from contracts.tracking import CarrierFormat, CarrierReport, Source
from streams.domain.carriers import Checkpoint, checkpoints
from streams.domain.fields import BadField

FIXTURES = Path(__file__).parents[2] / "fixtures" / "carriers"
NUMBERS = {
    "omniparcel": "SEK-00112233",
    "easypost": "EZ 4000 0004",
    "aftership": "1Z999",
    "shippo": "9205590164917312751089",
    "omnirps": "SEK00112233",
}


def element(name: str) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((FIXTURES / f"{name}.json").read_text())
    return read


def report(name: str, body: dict[str, Any] | None = None) -> CarrierReport:
    return CarrierReport(
        format=CarrierFormat(name),
        source=Source(sender=name, account="main", retailers=("acme",)),
        tracking_number=NUMBERS[name],
        element=element(name) if body is None else body,
    )


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_omniparcel_tells_local_times_and_its_own_code() -> None:
    label, scan, unknown = checkpoints(report("omniparcel"))

    assert (label.code, label.meaning) == ("OP-1", Meaning.LABEL)
    assert scan == Checkpoint(
        tracking_key="SEK00112233",
        code="OP-10",
        at=None,
        local_time="2026-11-02T09:14:00",
        place="Egham, GB",
        text="Picked up",
        meaning=Meaning.FIRST_SCAN,
        carrier="",
    )
    assert (unknown.code, unknown.meaning) == ("ZX9", Meaning.UNKNOWN)


def test_easypost_tells_instants_and_a_label_hidden_in_transit() -> None:
    found = checkpoints(report("easypost"))

    assert [c.meaning for c in found] == [Meaning.LABEL, Meaning.LABEL, Meaning.IN_TRANSIT, Meaning.DELIVERED]
    assert {c.tracking_key for c in found} == {"EZ40000004"}
    assert found[2].at == at("2026-11-03T19:27:00")
    assert (found[2].place, found[2].carrier, found[2].text) == ("ORLANDO, FL, US", "FedEx", "Picked up")
    assert found[0].place == "US"


def test_aftership_keeps_the_local_text_of_an_instant() -> None:
    first, second = checkpoints(report("aftership"))

    assert (first.at, first.local_time) == (at("2026-11-03T08:30:00"), "2026-11-03T10:30:00+02:00")
    assert (first.place, first.carrier, first.meaning) == ("Berlin, DEU", "dhl", Meaning.IN_TRANSIT)
    assert (second.at, second.local_time) == (None, "2026-11-04T07:00:00")


@pytest.mark.parametrize("wrapped", [True, False])
def test_shippo_is_read_with_and_without_its_wrapper(wrapped: bool) -> None:
    body = element("shippo")

    found = checkpoints(report("shippo", body if wrapped else body["data"]))

    assert [c.meaning for c in found] == [Meaning.LABEL, Meaning.IN_TRANSIT]
    assert found[1].place == "San Francisco, CA, US"


def test_omnirps_is_one_checkpoint_an_element() -> None:
    (found,) = checkpoints(report("omnirps"))

    assert (found.code, found.meaning, found.at) == ("DS", Meaning.DEPOT, None)
    assert (found.local_time, found.place) == ("2026-11-05 16:20:00", "Egham, United Kingdom-GB")


def test_a_summary_status_is_no_checkpoint() -> None:
    body = element("easypost")
    body["result"]["tracking_details"] = []
    bare = element("omniparcel")
    bare["Events"] = None

    assert body["result"]["status"] == "delivered"
    assert checkpoints(report("easypost", body)) == ()
    assert checkpoints(report("omniparcel", bare)) == ()


@pytest.mark.parametrize("name", ["omniparcel", "easypost", "aftership", "shippo"])
def test_a_repeated_history_adds_nothing(name: str) -> None:
    body = element(name)
    inside = {"easypost": "result", "aftership": "msg", "shippo": "data"}
    lists = {"omniparcel": "Events", "easypost": "tracking_details", "aftership": "checkpoints"}
    tracking = body[inside[name]] if name in inside else body
    history = tracking[lists.get(name, "tracking_history")]
    once = checkpoints(report(name))

    history.extend(copy.deepcopy(history))

    assert checkpoints(report(name, body)) == once


def test_of_a_repeat_the_first_words_are_kept() -> None:
    body = element("easypost")
    detail = body["result"]["tracking_details"][2]
    body["result"]["tracking_details"] = [detail, {**detail, "message": "Collected"}]

    assert [c.text for c in checkpoints(report("easypost", body))] == ["Picked up"]


def test_a_label_does_not_hide_a_scan_of_the_same_minute_and_place() -> None:
    body = element("easypost")
    detail = body["result"]["tracking_details"][2]
    awaited = {**detail, "message": "Shipment information sent to FedEx"}
    body["result"]["tracking_details"] = [awaited, detail]

    assert [c.meaning for c in checkpoints(report("easypost", body))] == [Meaning.LABEL, Meaning.IN_TRANSIT]


@pytest.mark.parametrize(
    ("name", "path", "value", "pointer"),
    [
        ("easypost", ["result"], None, "/result"),
        ("easypost", ["result"], [], "/result"),
        ("easypost", ["result", "carrier"], 7, "/result/carrier"),
        ("easypost", ["result", "tracking_details"], {}, "/result/tracking_details"),
        ("easypost", ["result", "tracking_details", 1], "scan", "/result/tracking_details/1"),
        ("easypost", ["result", "tracking_details", 1, "status"], 5, "/result/tracking_details/1/status"),
        (
            "easypost",
            ["result", "tracking_details", 2, "tracking_location", "city"],
            ["x"],
            "/result/tracking_details/2/tracking_location/city",
        ),
        ("easypost", ["result", "tracking_code"], "EZ5", "/result/tracking_code"),
        ("omniparcel", ["Events", 0, "EventDT"], 20261102, "/Events/0/EventDT"),
        ("omniparcel", ["ConsignmentNo"], "OTHER", "/ConsignmentNo"),
        ("aftership", ["msg"], None, "/msg"),
        ("aftership", ["msg", "checkpoints", 0, "tag"], True, "/msg/checkpoints/0/tag"),
        ("shippo", ["data"], "x", "/data"),
        ("shippo", ["data", "tracking_history", 0, "location"], "SF", "/data/tracking_history/0/location"),
        ("omnirps", ["Code"], 1, "/Code"),
        ("omnirps", ["ConsignmentNo"], "OTHER", "/ConsignmentNo"),
    ],
)
def test_what_is_not_in_the_format_is_named_by_pointer(
    name: str, path: list[str | int], value: object, pointer: str
) -> None:
    body = element(name)
    place: Any = body
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value

    with pytest.raises(BadField) as raised:
        checkpoints(report(name, body))
    assert raised.value.pointer == pointer
    assert str(raised.value).startswith(f"{pointer}: ")


def test_a_time_that_cannot_be_read_is_kept_as_text() -> None:
    body = element("easypost")
    body["result"]["tracking_details"][0]["datetime"] = "yesterday"

    first = checkpoints(report("easypost", body))[0]

    assert (first.at, first.local_time) == (None, "yesterday")
