"""OmniRPS: which elements are one event, what identifies it, and how many units of a sku it names."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from contracts.returns import EventItem, Meaning, ReturnEvent
from contracts.tracking import Source
from streams.domain.fields import BadField
from streams.domain.omnirps import HubElement, counts_per_sku, elements_of, grouped, parse, to_event

HUB = Source(sender="omnirps", account="hub", retailers=("acme",))
RP = {
    "ConsignmentNo": "SEK-1",
    "OmniRPSTrackingNo": "RPS77",
    "OrderNo": "#1001",
    "Code": "RP",
    "Status": "Return Processed",
    "EventDT": "2026-11-06 11:00:00",
    "SourceLocation": "Egham, United Kingdom-GB",
    "ItemNo": "TEE-M",
    "ReturnReason": "Faulty",
    "ReturnAction": "refund",
}


def processed(sku: str, **changes: str) -> HubElement:
    return parse({**RP, "ItemNo": sku, **changes})


def event(*elements: HubElement, order_key: str = "acme/1001", rma: str | None = None) -> ReturnEvent:
    return to_event(elements, retailer="acme", order_key=order_key, source=HUB, rma=rma)


def test_an_element_becomes_an_event_with_all_that_it_says() -> None:
    happened = event(processed("TEE-M"))

    assert happened.meaning is Meaning.PROCESSED
    assert (happened.consignment, happened.consignment_no, happened.omnirps_no) == ("SEK1", "SEK-1", "RPS77")
    assert (happened.at, happened.local_time) == (None, "2026-11-06 11:00:00")
    assert (happened.place, happened.source_location) == ("Egham, United Kingdom-GB",) * 2
    assert happened.items == (EventItem(sku="TEE-M", count=1, reason="Faulty", action="refund"),)
    assert (happened.order_key, happened.rma, happened.source) == ("acme/1001", None, HUB)


@pytest.mark.parametrize(
    ("code", "meaning"),
    [
        ("RC", Meaning.LABEL),
        ("RT", Meaning.FIRST_SCAN),
        ("RDTPF", Meaning.DELIVERED),
        ("DS", Meaning.DEPOT),
        ("RE", Meaning.EXPORTED),
        ("RDBTC", Meaning.DELIVERED_BACK),
        ("RR", Meaning.REJECTED),
        ("XX", Meaning.UNKNOWN),
    ],
)
def test_every_code_has_its_meaning(code: str, meaning: Meaning) -> None:
    assert event(processed("", Code=code)).meaning is meaning


def test_the_rp_elements_of_one_post_are_one_event_with_a_count_per_sku() -> None:
    posted = [processed("TEE-M"), processed("MUG"), processed("tee-m "), processed("TEE-M", ReturnReason="Too small")]

    (group,) = grouped(posted)

    assert [(i.sku, i.count, i.reason) for i in event(*group).items] == [
        ("TEE-M", 2, "Faulty"),
        ("MUG", 1, "Faulty"),
        ("TEE-M", 1, "Too small"),
    ]
    assert counts_per_sku(event(*group).items) == {"tee-m": 3, "mug": 1}


@pytest.mark.parametrize(
    "other",
    [
        {"OrderNo": "1002"},
        {"ConsignmentNo": "SEK2"},
        {"EventDT": "2026-11-06 11:00:01"},
        {"OmniRPSTrackingNo": "RPS78"},
        {"Code": "RC"},
    ],
)
def test_another_order_consignment_time_or_number_is_another_event(other: dict[str, str]) -> None:
    assert len(grouped([processed("TEE-M"), processed("TEE-M", **other)])) == 2


@pytest.mark.parametrize("same", [{"OrderNo": " 1001"}, {"ConsignmentNo": "sek 1"}, {"Code": "rp"}])
def test_another_spelling_is_the_same_event(same: dict[str, str]) -> None:
    assert len(grouped([processed("TEE-M"), processed("TEE-M", **same)])) == 1


def test_elements_of_other_codes_are_each_an_event_in_their_order() -> None:
    posted = [processed("", Code="DS"), processed("A"), processed("", Code="DS"), processed("B")]

    assert [[e.code for e in group] for group in grouped(posted)] == [["DS"], ["RP", "RP"], ["DS"]]


def test_an_rp_without_skus_names_no_items() -> None:
    assert event(processed(""), processed(" ")).items == ()


class TestIdentity:
    def test_the_counts_do_not_belong_to_it(self) -> None:
        one, two = event(processed("A")), event(processed("A"), processed("A"), processed("B"))

        assert one.event_id == two.event_id

    def test_an_rp_is_the_same_whether_told_under_the_order_or_under_its_consignment(self) -> None:
        assert event(processed("A")).event_id == event(processed("A", OrderNo=""), rma="R1").event_id

    def test_a_transport_milestone_is_one_for_each_return_of_a_shared_consignment(self) -> None:
        scan = processed("", Code="RT")

        assert event(scan, rma="R1").event_id != event(scan, rma="R2").event_id

    @pytest.mark.parametrize(
        ("code", "change"),
        [
            ("RP", {"OmniRPSTrackingNo": "RPS78"}),
            ("RP", {"EventDT": "2026-11-07 11:00:00"}),
            ("RP", {"ConsignmentNo": "SEK2"}),
            ("RP", {"ConsignmentNo": ""}),
            ("DS", {"SourceLocation": "Carson, United States-US"}),
            ("DS", {"EventDT": "2026-11-07 11:00:00"}),
            ("DS", {"Code": "RE"}),
        ],
    )
    def test_what_makes_it_another_event(self, code: str, change: dict[str, str]) -> None:
        known = event(processed("A", Code=code))

        assert event(processed("A", **{"Code": code, **change})).event_id != known.event_id
        assert event(processed("A", Code=code), order_key="acme/1002").event_id != known.event_id

    def test_a_repeat_of_a_scan_is_the_same_though_other_fields_differ(self) -> None:
        told = event(processed("", Code="DS", Status="Depot Scan", OmniRPSTrackingNo=""))

        assert told.event_id == event(processed("", Code="ds", Status="depot")).event_id


def test_a_report_holds_one_element_or_all_of_one_event() -> None:
    assert [e.item_no for e in elements_of({**RP})] == ["TEE-M"]
    assert [e.item_no for e in elements_of({"Elements": [RP, {**RP, "ItemNo": "MUG"}]})] == ["TEE-M", "MUG"]


def test_a_field_that_is_no_text_is_named_by_pointer() -> None:
    with pytest.raises(BadField, match=r"^/3/OrderNo: must be a text, not a number$"):
        parse({**RP, "OrderNo": 1001}, "/3")
    with pytest.raises(BadField, match=r"^/Elements/0/Code: must be a text, not an object$"):
        elements_of({"Elements": [{"Code": {}}]})


def test_no_event_without_elements() -> None:
    with pytest.raises(ValueError, match="at least one element"):
        event()


def test_every_field_of_an_element_is_in_its_event() -> None:
    said = {
        **RP,
        "EventDT": "2026-11-06T12:00:00+01:00",
        "Carrier": "DHL",
        "MAWB": "020-1",
        "ExportedConsignmentNo": "EXP9",
        "ShipDate": "2026-11-01",
        "DeliveryDate": "2026-11-05",
        "DestinationLocation": "Carson, United States-US",
    }
    happened = event(parse(said), rma="R1")

    assert (happened.retailer, happened.order_key, happened.rma) == ("acme", "acme/1001", "R1")
    assert (happened.code, happened.text, happened.carrier) == ("RP", "Return Processed", "DHL")
    assert happened.at == datetime(2026, 11, 6, 11, 0, tzinfo=UTC)
    assert (happened.mawb, happened.exported_consignment_no) == ("020-1", "EXP9")
    assert (happened.ship_date, happened.delivery_date) == ("2026-11-01", "2026-11-05")
    assert happened.destination_location == "Carson, United States-US"


def test_elements_without_a_sku_name_no_item_among_those_that_do() -> None:
    happened = event(processed("TEE"), processed(""), processed("CAP"))

    assert [(item.sku, item.count) for item in happened.items] == [("TEE", 1), ("CAP", 1)]
