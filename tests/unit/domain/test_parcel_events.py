"""What a report says as events that do not know their return, and what becomes of them once they do."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from contracts.returns import EventItem, Meaning, ReturnEvent
from contracts.tracking import CarrierFormat
from streams.domain.omnirps import parse, to_event
from streams.domain.parcel_events import ParcelEvent, addressed, larger_counts, moment, parcel_events
from tests.builders import hub_report, link, parcel_report, return_event, scan, source

RP = {
    "ConsignmentNo": "SEK-1",
    "OmniRPSTrackingNo": "rps77",
    "Code": "RP",
    "EventDT": "2026-11-06 11:00:00",
    "SourceLocation": "Egham, United Kingdom-GB",
}


def told_of_parcel(fields: dict[str, str], *skus: str) -> ReturnEvent:
    """An element without an order number, once its return is known."""
    report = hub_report(fields["Code"], number=fields["ConsignmentNo"])
    elements = [{**fields, "ItemNo": sku} for sku in skus] or [fields]
    (said,) = parcel_events(report.model_copy(update={"element": {"Elements": elements}}))
    return addressed(said.event, said.format, link(number=fields["ConsignmentNo"]), said.event.source)


def told_under_order(fields: dict[str, str]) -> ReturnEvent:
    return to_event([parse(fields)], retailer="acme", order_key="acme/1001", source=source())


class TestCarriers:
    def test_an_event_is_complete_but_for_its_return(self) -> None:
        report = parcel_report(scan("OP-10", "2026-11-02T10:14:00+01:00", "Egham, GB", "Collected"), number="sek 1")
        (said,) = parcel_events(report)

        assert (said.format, said.order_no, said.identity) == (CarrierFormat.OMNIPARCEL, "", said.event.event_id)
        event = said.event
        assert (event.retailer, event.order_key, event.rma) == ("", "", None)
        assert (event.consignment, event.consignment_no) == ("SEK1", "sek 1")
        assert (event.meaning, event.code, event.text) == (Meaning.FIRST_SCAN, "OP-10", "Collected")
        assert (event.at, event.local_time) == (datetime(2026, 11, 2, 9, 14, tzinfo=UTC), "2026-11-02T10:14:00+01:00")
        assert (event.place, event.carrier, event.source) == ("Egham, GB", "DHL", report.source)

    def test_the_earliest_is_told_first_and_each_once(self) -> None:
        first, second = scan("OP-10", "2026-11-02T09:00:00Z"), scan("OP-3", "2026-11-02T08:30:00-05:00")

        assert [s.event.code for s in parcel_events(parcel_report(second, first, second))] == ["OP-10", "OP-3"]

    def test_each_return_of_a_parcel_has_its_own_event_of_the_same_fact(self) -> None:
        (said,) = parcel_events(parcel_report(scan()))
        one, again, other = (
            addressed(said.event, said.format, link(rma), source("acme")) for rma in ("R1", "R1", "R2")
        )

        assert one == again
        assert one.event_id != other.event_id
        assert (one.retailer, one.order_key, one.rma) == ("acme", "acme/1001", "R1")
        assert (one.consignment, one.consignment_no, one.source) == ("SEK1", "SEK-1", source("acme"))


class TestTheHub:
    @pytest.mark.parametrize("code", ["RP", "RR"])
    def test_what_speaks_of_one_return_is_one_event_under_its_order_and_under_its_consignment(self, code: str) -> None:
        fields = {**RP, "Code": code}

        assert told_of_parcel(fields).event_id == told_under_order({**fields, "OrderNo": "#1001"}).event_id

    @pytest.mark.parametrize("other", ["ConsignmentNo", "OmniRPSTrackingNo", "Code", "EventDT"])
    def test_and_another_where_anything_that_identifies_it_differs(self, other: str) -> None:
        changed = {**RP, other: {"Code": "RR"}.get(other, "2026-11-07 11:00:00")}

        assert told_of_parcel(RP).event_id != told_under_order(changed).event_id
        assert told_of_parcel(RP).event_id != told_of_parcel(changed).event_id

    def test_its_id_is_the_same_for_ever(self) -> None:
        # With another one an RP that is told again after an update would count twice, and a scan be forwarded twice.
        assert told_of_parcel(RP).event_id == "07cce55e-6749-5c6c-a17e-48e0bcb007c6"
        assert told_of_parcel({**RP, "Code": "DS"}).event_id == "c11a484a-2c85-5e5d-b8d5-0cb6f8e99637"
        (said,) = parcel_events(parcel_report(scan()))
        scanned = addressed(said.event, said.format, link(), source("acme"))
        assert scanned.event_id == "5bb50781-c56d-565f-b800-e0b17e4b716c"

    def test_its_place_belongs_to_it_in_transit_only(self) -> None:
        scans = [told_of_parcel({**RP, "Code": "DS", "SourceLocation": place}).event_id for place in ("Egham", "Leeds")]
        processed = [told_of_parcel({**RP, "SourceLocation": place}).event_id for place in ("Egham", "Leeds")]

        assert scans[0] != scans[1]
        assert processed[0] == processed[1]

    def test_it_knows_no_return_yet_and_which_order_it_names(self) -> None:
        (said,) = parcel_events(hub_report("RP", "TEE", OrderNo="#1001", OmniRPSTrackingNo="rps77"))

        assert (said.event.retailer, said.event.order_key, said.event.rma) == ("", "", None)
        assert (said.order_no, said.format) == ("#1001", CarrierFormat.OMNIRPS)
        assert (said.event.consignment, said.event.omnirps_no) == ("SEK1", "rps77")
        assert said.event.items == (EventItem(sku="TEE"),)

    def test_a_scan_told_twice_in_one_report_is_one_event(self) -> None:
        scan_ = {**RP, "Code": "DS"}
        (said,) = parcel_events(hub_report("DS").model_copy(update={"element": {"Elements": [scan_, scan_]}}))

        assert (said.event.meaning, said.event.items) == (Meaning.DEPOT, ())

    def test_the_elements_of_one_rp_are_counted_per_sku(self) -> None:
        report = hub_report("DS", "TEE")
        twice = [{**RP, "ItemNo": sku} for sku in ("TEE", "TEE", "CAP")]
        (said,) = parcel_events(report.model_copy(update={"element": {"Elements": twice}}))

        assert [(item.sku, item.count) for item in said.event.items] == [("TEE", 2), ("CAP", 1)]

    def test_events_of_one_report_that_differ_in_their_order_are_two(self) -> None:
        named = {**RP, "OrderNo": "#1001"}
        said = parcel_events(hub_report("RP").model_copy(update={"element": {"Elements": [RP, named]}}))

        assert len({one.identity for one in said}) == 2
        assert sorted(one.order_no for one in said) == ["", "#1001"]

    def test_an_element_is_its_returns_under_the_returns_own_spelling_of_its_parcel(self) -> None:
        (said,) = parcel_events(hub_report("DS", number="sek 1"))
        event = addressed(said.event, said.format, link(number="SEK-1"), source("acme"))

        assert said.event.consignment == event.consignment == "SEK1"
        assert (said.event.consignment_no, event.consignment_no) == ("sek 1", "SEK-1")

    def test_two_hubs_that_tell_the_same_of_a_shared_parcel_speak_each_of_its_own_return(self) -> None:
        def said(code: str, *retailers: str) -> ParcelEvent:
            (one,) = parcel_events(hub_report(code, by=source(*retailers, sender="omnirps")))
            return one

        for code, same in (("RP", False), ("RR", False), ("DS", True)):
            assert (said(code, "acme").identity == said(code, "other").identity) is same
        assert said("RP", "acme", "other").identity == said("RP", "other", "acme").identity


ONE_TEE, TWO_TEES = (EventItem(sku="TEE"),), (EventItem(sku="tee", count=2),)
TORN_AND_WORN = (EventItem(sku="TEE", reason="torn"), EventItem(sku="TEE", reason="worn"))
CAP = (EventItem(sku="CAP"),)


@pytest.mark.parametrize(
    ("known", "said", "after"),
    [
        (ONE_TEE, TWO_TEES, TWO_TEES),
        (TWO_TEES, ONE_TEE, TWO_TEES),
        (ONE_TEE, CAP, (*ONE_TEE, *CAP)),
        (ONE_TEE, TORN_AND_WORN, TORN_AND_WORN),
        (TWO_TEES, TORN_AND_WORN, TWO_TEES),
        (TORN_AND_WORN, TWO_TEES, TORN_AND_WORN),
        (ONE_TEE, (), ()),
        ((), ONE_TEE, ()),
    ],
)
def test_of_an_event_told_twice_the_larger_count_of_each_sku_holds(
    known: tuple[EventItem, ...], said: tuple[EventItem, ...], after: tuple[EventItem, ...]
) -> None:
    assert larger_counts(known, said) == after


def test_a_local_time_is_sorted_as_if_it_were_utc_and_none_at_all_comes_last() -> None:
    with_zone = return_event(Meaning.DEPOT)
    local = with_zone.model_copy(update={"at": None, "local_time": "2026-11-02 09:14:01"})
    never = with_zone.model_copy(update={"at": None, "local_time": "soon"})

    assert sorted([never, local, with_zone], key=moment) == [with_zone, local, never]
    assert moment(with_zone) == datetime(2026, 11, 2, 9, 14, tzinfo=UTC)
