"""Every field that is read of each sender's element: what it becomes, and how it is named where it is no text."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from contracts.returns import Meaning
from contracts.tracking import CarrierFormat, CarrierReport
from streams.domain.carriers import Checkpoint, checkpoints
from streams.domain.fields import BadField, children
from tests.builders import source

AT, WRITTEN, TEXT = (
    datetime(2026, 11, 2, 9, 14, tzinfo=UTC),
    "2026-11-02T10:14:00+01:00",
    "Label created, not yet received",
)

# One checkpoint with everything in it; in each of these words the carrier says that it has the parcel, and its text
# that it has not.
ELEMENTS: dict[CarrierFormat, dict[str, Any]] = {
    CarrierFormat.OMNIPARCEL: {
        "ConsignmentNo": "sek-1",
        "Carrier": "DHL",
        "Events": [{"EventDT": WRITTEN, "OmniCode": "OP-3", "Location": "Egham, GB", "Description": TEXT}],
    },
    CarrierFormat.EASYPOST: {
        "result": {
            "tracking_code": "sek-1",
            "carrier": "DHL",
            "tracking_details": [
                {
                    "status": "in_transit",
                    "datetime": WRITTEN,
                    "message": TEXT,
                    "tracking_location": {"city": "Egham", "state": "Surrey", "country": "GB"},
                }
            ],
        }
    },
    CarrierFormat.AFTERSHIP: {
        "msg": {
            "tracking_number": "sek-1",
            "slug": "royal-mail",
            "checkpoints": [
                {
                    "tag": "InTransit",
                    "checkpoint_time": WRITTEN,
                    "message": TEXT,
                    "city": "Egham",
                    "state": "Surrey",
                    "country_iso3": "GB",
                    "slug": "DHL",
                }
            ],
        }
    },
    CarrierFormat.SHIPPO: {
        "data": {
            "tracking_number": "sek-1",
            "carrier": "DHL",
            "tracking_history": [
                {
                    "status": "TRANSIT",
                    "status_date": WRITTEN,
                    "status_details": TEXT,
                    "location": {"city": "Egham", "state": "Surrey", "country": "GB"},
                }
            ],
        }
    },
}
CODES = {sender: code for sender, code in zip(ELEMENTS, ("OP-3", "in_transit", "InTransit", "TRANSIT"), strict=True)}


def read(sender: CarrierFormat, element: dict[str, Any], number: str = "SEK 1") -> tuple[Checkpoint, ...]:
    report = CarrierReport(format=sender, source=source(), tracking_number=number, element=element)
    return checkpoints(report)


def leaves(value: Any, pointer: str = "") -> Iterator[str]:
    """The pointers of all texts in an element."""
    if isinstance(value, str):
        yield pointer
    for name, child in (
        value.items() if isinstance(value, dict) else enumerate(value if isinstance(value, list) else ())
    ):
        yield from leaves(child, f"{pointer}/{name}")


def changed(element: dict[str, Any], pointer: str, to: Any) -> dict[str, Any]:
    """The element with another value there."""
    copied = copy.deepcopy(element)
    *way, last = [int(part) if part.isdigit() else part for part in pointer.split("/")[1:]]
    parent: Any = copied
    for part in way:
        parent = parent[part]
    parent[last] = to
    return copied


@pytest.mark.parametrize("sender", list(ELEMENTS))
def test_a_checkpoint_has_everything_that_its_sender_says(sender: CarrierFormat) -> None:
    place = "Egham, GB" if sender is CarrierFormat.OMNIPARCEL else "Egham, Surrey, GB"

    assert read(sender, ELEMENTS[sender]) == (
        Checkpoint(
            tracking_key="SEK1",
            code=CODES[sender],
            at=AT,
            local_time=WRITTEN,
            place=place,
            text=TEXT,
            meaning=Meaning.LABEL,
            carrier="DHL",
        ),
    )


WRONG = [(sender, pointer) for sender, element in ELEMENTS.items() for pointer in leaves(element)]


@pytest.mark.parametrize(("sender", "pointer"), WRONG)
def test_a_field_that_is_no_text_is_named_by_its_place(sender: CarrierFormat, pointer: str) -> None:
    with pytest.raises(BadField, match="must be a text, not a number") as refused:
        read(sender, changed(ELEMENTS[sender], pointer, 7))

    assert refused.value.pointer == pointer


@pytest.mark.parametrize(("sender", "pointer"), [(s, p) for s, p in WRONG if p.endswith(("/city", "/slug", "Carrier"))])
def test_a_field_that_is_missing_is_none_the_worse(sender: CarrierFormat, pointer: str) -> None:
    (said,) = read(sender, changed(ELEMENTS[sender], pointer, None))

    assert (said.meaning, said.at) == (Meaning.LABEL, AT)
    assert said.place in ("Egham, GB", "Surrey, GB", "Egham, Surrey, GB")


@pytest.mark.parametrize("sender", list(ELEMENTS))
def test_an_element_of_another_parcel_is_refused_and_says_where(sender: CarrierFormat) -> None:
    with pytest.raises(BadField, match="is 'sek-1', but the record is about 'SEK2'") as refused:
        read(sender, ELEMENTS[sender], number="sek-2")

    assert refused.value.pointer == next(leaves(ELEMENTS[sender]))


def test_a_list_that_holds_nothing_says_so() -> None:
    with pytest.raises(BadField) as refused:
        read(CarrierFormat.OMNIPARCEL, {"Events": [None]})

    assert str(refused.value) == "/Events/0: must be an object, not null"


def test_a_bare_shippo_tracking_is_read_like_a_wrapped_one() -> None:
    wrapped, bare = ELEMENTS[CarrierFormat.SHIPPO], ELEMENTS[CarrierFormat.SHIPPO]["data"]
    assert read(CarrierFormat.SHIPPO, bare) == read(CarrierFormat.SHIPPO, wrapped)

    for pointer in leaves(bare):
        with pytest.raises(BadField) as refused:
            read(CarrierFormat.SHIPPO, changed(bare, pointer, 7))
        assert refused.value.pointer == pointer


def test_aftership_names_a_place_in_one_text_and_the_carrier_once_for_all() -> None:
    element = ELEMENTS[CarrierFormat.AFTERSHIP]
    point = {"tag": "Delivered", "checkpoint_time": WRITTEN, "location": " Egham, GB "}
    plain = {"msg": {**element["msg"], "checkpoints": [point]}}

    (said,) = read(CarrierFormat.AFTERSHIP, plain)
    assert (said.place, said.carrier, said.meaning) == ("Egham, GB", "royal-mail", Meaning.DELIVERED)
    with pytest.raises(BadField) as refused:
        read(CarrierFormat.AFTERSHIP, changed(plain, "/msg/checkpoints/0/location", 7))
    assert refused.value.pointer == "/msg/checkpoints/0/location"


def test_a_carriers_own_code_counts_only_where_seko_gives_none() -> None:
    def code(**event: str) -> tuple[str, Meaning]:
        (said,) = read(CarrierFormat.OMNIPARCEL, {"ConsignmentNo": "SEK1", "Events": [{"EventDT": WRITTEN, **event}]})
        return said.code, said.meaning

    assert code(OmniCode="OP-74", Code="OP-10") == ("OP-74", Meaning.DELIVERED)
    assert code(Code="OP-10") == ("OP-10", Meaning.FIRST_SCAN)
    with pytest.raises(BadField) as refused:
        read(CarrierFormat.OMNIPARCEL, {"Events": [{"Code": 7}]})
    assert refused.value.pointer == "/Events/0/Code"


def test_the_hubs_elements_are_checkpoints_too() -> None:
    element = {"ConsignmentNo": "sek-1", "Code": "DS", "EventDT": WRITTEN, "Status": "Depot Scan", "Carrier": "DHL"}
    (said,) = read(CarrierFormat.OMNIRPS, {**element, "SourceLocation": "Egham"})

    assert (said.tracking_key, said.code, said.at, said.place) == ("SEK1", "DS", AT, "Egham")
    assert (said.text, said.carrier, said.meaning) == ("Depot Scan", "DHL", Meaning.DEPOT)


@pytest.mark.parametrize(
    ("sender", "pointer", "wrong"),
    [
        (CarrierFormat.OMNIPARCEL, "/Events", "must be a list, not a text"),
        (CarrierFormat.OMNIPARCEL, "/Events/0", "must be an object, not a text"),
        (CarrierFormat.EASYPOST, "/result", "must be an object, not a text"),
        (CarrierFormat.EASYPOST, "/result/tracking_details", "must be a list"),
        (CarrierFormat.EASYPOST, "/result/tracking_details/0/tracking_location", "must be an object"),
        (CarrierFormat.AFTERSHIP, "/msg", "must be an object"),
        (CarrierFormat.AFTERSHIP, "/msg/checkpoints", "must be a list"),
        (CarrierFormat.SHIPPO, "/data", "must be an object"),
        (CarrierFormat.SHIPPO, "/data/tracking_history", "must be a list"),
        (CarrierFormat.SHIPPO, "/data/tracking_history/0/location", "must be an object"),
    ],
)
def test_what_is_no_list_or_no_object_is_named_too(sender: CarrierFormat, pointer: str, wrong: str) -> None:
    with pytest.raises(BadField, match=wrong) as refused:
        read(sender, changed(ELEMENTS[sender], pointer, "x"))

    assert refused.value.pointer == pointer


@pytest.mark.parametrize(
    ("value", "kind"),
    [(True, "true or false"), ([], "a list"), ({}, "an object"), (1, "a number"), (1.5, "a number"), (b"", "bytes")],
)
def test_what_it_is_instead_of_a_text_is_said(value: object, kind: str) -> None:
    with pytest.raises(BadField) as refused:
        read(CarrierFormat.OMNIPARCEL, {"ConsignmentNo": "SEK1", "Carrier": value})

    assert str(refused.value) == f"/Carrier: must be a text, not {kind}"


def test_a_list_without_an_end_is_refused_before_it_is_read() -> None:
    """A body of 10 MiB holds 170,000 checkpoints: to read them held a task for longer than a slow one may be silent."""
    assert children({"Events": [{}] * 10_000}, "Events")[-1] == ({}, "/Events/9999")
    element = {"ConsignmentNo": "sek-1", "Events": [{}] * 10_001}
    report = CarrierReport(format=CarrierFormat.OMNIPARCEL, source=source(), tracking_number="sek-1", element=element)
    with pytest.raises(BadField, match="/Events: must hold at most 10000 entries, not 10001"):
        checkpoints(report)
