"""The payload for Loop: golden files for every code, field by field and in the order of the format."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from contracts.returns import EventItem, Meaning, ReturnEvent
from contracts.tracking import Source
from streams.domain.loop_payload import FIELDS, ITEM_FIELDS, STATUSES, code_of, location, payload

GOLDEN = Path(__file__).parents[2] / "fixtures" / "loop"


def event(meaning: Meaning, **changes: Any) -> ReturnEvent:
    """An event that knows everything, so that a golden file shows what each code leaves out."""
    values: dict[str, Any] = {
        "event_id": "e",
        "retailer": "acme",
        "order_key": "acme/1001",
        "rma": "R1",
        "consignment": "SEK1",
        "consignment_no": "SEK-1",
        "meaning": meaning,
        "code": "whatever the sender said",
        "text": "in the sender's words",
        "at": None,
        "local_time": "2026-11-02T09:14:00",
        "place": "Egham, Surrey, GB",
        "carrier": "DHL",
        "items": (
            EventItem(sku="TEE-M", count=2, reason="Faulty", action="refund"),
            EventItem(sku="MUG", reason="Broken", action="store credit"),
        ),
        "omnirps_no": "RPS77",
        "mawb": "176-11112222",
        "exported_consignment_no": "EXP9",
        "ship_date": "2026-11-02T09:14:00",
        "delivery_date": "2026-11-09 10:00:00",
        "destination_location": "Carson, United States-US",
        "source": Source(sender="omniparcel", account="a", retailers=("acme",)),
    }
    return ReturnEvent(**{**values, **changes})


@pytest.mark.parametrize("meaning", list(STATUSES))
def test_each_code_is_told_as_in_its_golden_file(meaning: Meaning) -> None:
    told = payload(event(meaning))

    golden = (GOLDEN / f"{code_of(meaning)}.json").read_text()
    assert json.dumps(told, indent=2) + "\n" == golden


def test_the_codes_are_those_of_the_format() -> None:
    assert [(status.code, status.text) for status in STATUSES.values()] == [
        ("RC", "Return Created"),
        ("RT", "Return in Transit"),
        ("RDTPF", "Return Delivered to Processing Facility"),
        ("DS", "Depot Scan"),
        ("RP", "Return Processed"),
        ("RE", "Return Exported"),
        ("RDBTC", "Return Delivered Back To Customer"),
        ("RR", "Return Rejected"),
    ]


@pytest.mark.parametrize("meaning", sorted(set(Meaning) - STATUSES.keys()))
def test_what_the_format_has_no_code_for_is_not_told(meaning: Meaning) -> None:
    assert code_of(meaning) is None
    assert payload(event(meaning)) is None


def test_a_carriers_event_can_be_told_as_the_first_scan_that_it_implies() -> None:
    assert payload(event(Meaning.IN_TRANSIT), told_as=Meaning.FIRST_SCAN) == payload(event(Meaning.FIRST_SCAN))


@pytest.mark.parametrize("meaning", list(STATUSES))
def test_every_field_is_there_in_order_as_a_text_and_absent_ones_are_empty(meaning: Meaning) -> None:
    bare = ReturnEvent(
        event_id="e",
        retailer="acme",
        order_key="acme/1001",
        meaning=meaning,
        code="x",
        source=Source(sender="omnirps", account="a", retailers=("acme",)),
    )

    told = payload(bare)

    assert told is not None
    (flat,) = told
    items = ITEM_FIELDS if meaning in (Meaning.CREATED, Meaning.PROCESSED) else ()
    assert list(flat) == [*FIELDS, *items]
    assert {name: value for name, value in flat.items() if value} == {
        "OrderNo": "1001",
        "Code": STATUSES[meaning].code,
        "Status": STATUSES[meaning].text,
    }


@pytest.mark.parametrize(
    ("local", "at", "told"),
    [
        ("2026-11-02T09:14:00", None, "2026-11-02 09:14:00"),
        ("2026-11-02 09:14:00", None, "2026-11-02 09:14:00"),
        ("2026-11-03T10:30:00.5+02:00", datetime(2026, 11, 3, 8, 30, tzinfo=UTC), "2026-11-03 10:30:00"),
        ("", datetime(2026, 11, 3, 8, 30, tzinfo=UTC), "2026-11-03 08:30:00"),
        ("yesterday", None, ""),
        ("", None, ""),
    ],
)
def test_the_time_is_the_local_one_without_zone(local: str, at: datetime | None, told: str) -> None:
    (flat,) = payload(event(Meaning.DEPOT, local_time=local, at=at)) or []

    assert flat["EventDT"] == told


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("ORLANDO, FL, US", "ORLANDO, United States-US"),
        ("Berlin, DEU", "Berlin, Germany-DE"),
        ("Rozenburg, Provincie Noord-Holland, Netherlands The", "Rozenburg, Netherlands The-NL"),
        ("Egham, United Kingdom-GB", "Egham, United Kingdom-GB"),
        ("Auckland, New Zealand", "Auckland, New Zealand-NZ"),
        ("US", ""),
        ("SAN FRANCISCO", ""),
        ("Springfield, Somewhere", ""),
        ("", ""),
        (" , ,", ""),
    ],
)
def test_a_location_is_city_and_country_where_both_can_be_told(place: str, told: str) -> None:
    assert location(place) == told


def test_the_hubs_own_locations_are_handed_on_as_they_are() -> None:
    (flat,) = payload(event(Meaning.DEPOT, source_location="Hub 5", place="Egham, GB")) or []

    assert (flat["SourceLocation"], flat["DestinationLocation"]) == ("Hub 5", "Carson, United States-US")


def test_an_order_name_with_a_slash_is_whole() -> None:
    (flat,) = payload(event(Meaning.DEPOT, order_key="acme/EU/1001")) or []

    assert flat["OrderNo"] == "EU/1001"


@pytest.mark.parametrize(
    ("written", "key", "told"),
    [("SEK-1", "SEK1", "SEK-1"), ("", "SEK1", "SEK1"), ("", None, ""), ("SEK-1", None, "SEK-1")],
)
def test_a_parcel_is_named_as_it_was_spelt_else_by_its_key(written: str, key: str | None, told: str) -> None:
    (flat,) = payload(event(Meaning.DEPOT, consignment_no=written, consignment=key)) or []

    assert flat["ConsignmentNo"] == told
