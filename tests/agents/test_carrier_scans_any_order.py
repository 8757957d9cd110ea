"""carrier-scans: reports, links and recounts in any order and repetition tell the same events."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.returns import EventItem, Meaning
from contracts.tracking import CarrierFormat, CarrierReport, Consignment
from streams.agents.carrier_scans import carrier_scans
from streams.engine.driver import AgentTestDriver
from tests.agents.carrier_scans_kit import DELIVERED, FIRST_SCAN, ON_ITS_WAY, events, linked, report
from tests.builders import PARCEL, hub_report, link, parcel_report, scan, source


def _easypost() -> CarrierReport:
    details = [
        {"status": "in_transit", "datetime": "2026-11-02T09:14:00Z", "message": "Picked up"},
        {"status": "delivered", "datetime": "2026-11-04T09:14:00Z", "message": ""},
    ]
    element = {"result": {"tracking_code": PARCEL, "carrier": "USPS", "tracking_details": details}}
    return CarrierReport(
        format=CarrierFormat.EASYPOST, source=source(sender="easypost"), tracking_number=PARCEL, element=element
    )


HISTORY: tuple[CarrierReport | Consignment, ...] = (
    parcel_report(FIRST_SCAN),
    parcel_report(FIRST_SCAN, ON_ITS_WAY),
    parcel_report(DELIVERED, ON_ITS_WAY, FIRST_SCAN, by=source("acme", account="acme")),
    parcel_report(scan("OP-3", text="awaiting parcel"), scan("OP-3")),
    parcel_report(scan("OP-21"), by=source("bolt", account="bolt")),
    _easypost(),
    hub_report("DS"),
    hub_report("RC", "TEE-M", "MUG"),
    link("R1"),
    link("R2"),
    link("B1", order_key="bolt/7"),
)


def outcome(history: Sequence[CarrierReport | Consignment]) -> set[tuple[str, str, str | None, Meaning, str]]:
    driver = AgentTestDriver(carrier_scans)
    for step in history:
        if isinstance(step, Consignment):
            linked(driver, step)
        else:
            report(driver, step)
    written = events(driver)
    assert driver.dead_letters == []
    assert len(written) == len({event.event_id for event in written})
    return {(e.event_id, e.order_key, e.rma, e.meaning, e.code) for e in written}


IN_ORDER = outcome(HISTORY)


@given(st.permutations(HISTORY), st.lists(st.sampled_from(HISTORY), max_size=8))
@settings(max_examples=60, deadline=None)
def test_any_order_and_any_repetition_tell_the_same_events(
    history: list[CarrierReport | Consignment], again: list[CarrierReport | Consignment]
) -> None:
    assert outcome([*again, *history]) == IN_ORDER


RECOUNTS = (["TEE-M"], ["TEE-M", "TEE-M", "MUG"], ["MUG", "MUG"], ["HAT"])


@given(st.permutations([*map(tuple, RECOUNTS), None]))
@settings(max_examples=40, deadline=None)
def test_any_order_of_recounts_ends_with_the_larger_count_of_each_sku(steps: list[tuple[str, ...] | None]) -> None:
    driver = AgentTestDriver(carrier_scans)
    for skus in steps:
        if skus is None:
            linked(driver, link())
        else:
            report(driver, hub_report("RP", *skus))

    assert set(events(driver)[-1].items) == {
        EventItem(sku="TEE-M", count=2),
        EventItem(sku="MUG", count=2),
        EventItem(sku="HAT", count=1),
    }
