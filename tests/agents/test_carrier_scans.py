"""carrier-scans: every event of a parcel reaches every return in it, once, whichever came first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts import topics
from contracts.actions import AlertKind, ReturnAlert
from contracts.keys import tracking_key
from contracts.returns import EventItem, Meaning, ReturnEvent
from contracts.tracking import CarrierFormat, CarrierReport, Consignment
from streams.agents.carrier_scans import carrier_scans, parcels
from streams.engine.driver import START, AgentTestDriver, Written
from tests.builders import PARCEL, hub_report, link, link_key, parcel_report, scan, source

DAY = timedelta(days=1)
FIRST_SCAN = scan("OP-10", "2026-11-02T09:14:00Z")
ON_ITS_WAY = scan("OP-3", "2026-11-03T09:14:00Z")
DELIVERED = scan("OP-71", "2026-11-04T09:14:00Z")


@pytest.fixture
def driver() -> AgentTestDriver:
    return AgentTestDriver(carrier_scans)


def report(driver: AgentTestDriver, said: CarrierReport) -> list[Written]:
    return driver.pipe(topics.CARRIER_EVENTS, said, key=tracking_key(said.tracking_number))


def linked(driver: AgentTestDriver, to: Consignment) -> list[Written]:
    return driver.pipe(topics.CONSIGNMENTS, to, key=link_key(to))


def events(driver: AgentTestDriver) -> list[ReturnEvent]:
    return driver.of(topics.RETURN_EVENTS, ReturnEvent)


def alerts(driver: AgentTestDriver) -> list[ReturnAlert]:
    return driver.of(topics.RETURN_ALERTS, ReturnAlert)


def told(driver: AgentTestDriver) -> list[tuple[str | None, Meaning]]:
    return [(event.rma, event.meaning) for event in events(driver)]


def test_a_scan_of_a_linked_parcel_becomes_an_event_of_its_return(driver: AgentTestDriver) -> None:
    linked(driver, link())

    (written,) = report(driver, parcel_report(FIRST_SCAN))

    event = written.read(ReturnEvent)
    assert (written.topic, written.key) == ("return-events", "acme/1001")
    assert written.envelope.id == event.event_id
    assert (event.retailer, event.order_key, event.rma) == ("acme", "acme/1001", "R1")
    assert (event.consignment, event.consignment_no) == ("SEK1", "SEK-1")
    assert (event.meaning, event.code, event.carrier) == (Meaning.FIRST_SCAN, "OP-10", "DHL")


def test_a_return_linked_after_the_scans_gets_them_in_the_order_of_their_times(driver: AgentTestDriver) -> None:
    assert report(driver, parcel_report(DELIVERED, FIRST_SCAN)) == []
    assert report(driver, parcel_report(ON_ITS_WAY)) == []

    linked(driver, link())

    assert told(driver) == [("R1", Meaning.FIRST_SCAN), ("R1", Meaning.IN_TRANSIT), ("R1", Meaning.DELIVERED)]


def test_a_return_linked_after_its_rejection_hears_of_that_before_any_scan(driver: AgentTestDriver) -> None:
    report(driver, parcel_report(DELIVERED))
    report(driver, hub_report("RR"))

    linked(driver, link())

    assert told(driver) == [("R1", Meaning.REJECTED), ("R1", Meaning.DELIVERED)]


def test_everything_twice_is_told_once(driver: AgentTestDriver) -> None:
    for _ in range(2):
        linked(driver, link())
        report(driver, parcel_report(FIRST_SCAN))
        report(driver, parcel_report(FIRST_SCAN, DELIVERED))

    assert told(driver) == [("R1", Meaning.FIRST_SCAN), ("R1", Meaning.DELIVERED)]


@pytest.mark.parametrize(
    "said",
    [
        {"OmniCode": "OP-3", "Description": "Awaiting Item from the sender"},
        {"OmniCode": "OP-3", "Description": "electronic notification received"},
        {"OmniCode": "OP-1", "Description": "anything"},
    ],
)
def test_an_awaited_parcel_is_a_label(driver: AgentTestDriver, said: dict[str, str]) -> None:
    linked(driver, link())

    report(driver, parcel_report({**scan(), **said}))

    assert told(driver) == [("R1", Meaning.LABEL)]


def test_an_unknown_code_is_kept_as_evidence_and_never_in_transit(driver: AgentTestDriver) -> None:
    linked(driver, link())

    report(driver, parcel_report(scan("OP-999")))

    assert [(event.code, event.meaning) for event in events(driver)] == [("OP-999", Meaning.UNKNOWN)]


def test_a_transport_milestone_counts_for_every_return_in_the_parcel(driver: AgentTestDriver) -> None:
    linked(driver, link("R1"))
    linked(driver, link("R2"))
    linked(driver, link("R3", order_key="acme/1002"))

    report(driver, parcel_report(FIRST_SCAN))

    assert {(event.order_key, event.rma) for event in events(driver)} == {
        ("acme/1001", "R1"),
        ("acme/1001", "R2"),
        ("acme/1002", "R3"),
    }
    assert len({event.event_id for event in events(driver)}) == 3


def test_a_link_of_another_parcel_with_a_longer_number_gets_nothing(driver: AgentTestDriver) -> None:
    linked(driver, link(number="SEK-12"))

    assert report(driver, parcel_report(FIRST_SCAN)) == []


def test_a_link_taken_back_gets_no_more(driver: AgentTestDriver) -> None:
    linked(driver, link())
    driver.pipe(topics.CONSIGNMENTS, None, key=link_key(link()))

    assert report(driver, parcel_report(FIRST_SCAN)) == []


class TestTwoTenants:
    def test_a_source_is_heard_for_its_own_retailer_only_and_the_other_is_called_once(
        self, driver: AgentTestDriver
    ) -> None:
        linked(driver, link("R1", order_key="acme/1001"))
        linked(driver, link("B1", order_key="bolt/7"))

        report(driver, parcel_report(FIRST_SCAN, by=source("acme")))
        report(driver, parcel_report(FIRST_SCAN, DELIVERED, by=source("acme")))

        assert told(driver) == [("R1", Meaning.FIRST_SCAN), ("R1", Meaning.DELIVERED)]
        assert [(a.kind, a.retailer, a.rma) for a in alerts(driver)] == [(AlertKind.FOREIGN_EVIDENCE, "bolt", "B1")]

    def test_a_link_that_comes_after_foreign_evidence_is_not_told_either(self, driver: AgentTestDriver) -> None:
        report(driver, parcel_report(FIRST_SCAN, by=source("acme")))

        linked(driver, link("B1", order_key="bolt/7"))

        assert events(driver) == []
        assert [a.kind for a in alerts(driver)] == [AlertKind.FOREIGN_EVIDENCE]

    def test_what_a_foreigner_said_first_counts_once_its_own_source_says_it(self, driver: AgentTestDriver) -> None:
        linked(driver, link("B1", order_key="bolt/7"))
        report(driver, parcel_report(FIRST_SCAN, by=source("acme", account="acme-key")))

        report(driver, parcel_report(FIRST_SCAN, by=source("bolt", account="bolt-key")))
        report(driver, parcel_report(FIRST_SCAN, by=source("bolt", account="bolt-key")))

        (event,) = events(driver)
        assert (event.rma, event.source.account) == ("B1", "bolt-key")


class TestHub:
    def test_a_hub_scan_counts_for_every_return_in_the_parcel(self, driver: AgentTestDriver) -> None:
        linked(driver, link("R1"))
        linked(driver, link("R2"))

        report(driver, hub_report("DS"))

        assert told(driver) == [("R1", Meaning.DEPOT), ("R2", Meaning.DEPOT)]

    def test_processing_waits_for_its_only_return(self, driver: AgentTestDriver) -> None:
        report(driver, hub_report("RP", "TEE-M", "TEE-M", "MUG"))

        linked(driver, link())

        (event,) = events(driver)
        assert (event.rma, event.meaning) == ("R1", Meaning.PROCESSED)
        assert {item.sku: item.count for item in event.items} == {"TEE-M": 2, "MUG": 1}

    @pytest.mark.parametrize("code", ["RP", "RR"])
    def test_what_could_mean_several_returns_calls_a_person_and_acts_on_none(
        self, driver: AgentTestDriver, code: str
    ) -> None:
        linked(driver, link("R1"))
        linked(driver, link("R2"))

        report(driver, hub_report(code))
        report(driver, hub_report(code))
        linked(driver, link("R3"))

        assert events(driver) == []
        assert [a.kind for a in alerts(driver)] == [AlertKind.AMBIGUOUS_EVENT]

    def test_ambiguous_stays_ambiguous_when_a_link_goes(self, driver: AgentTestDriver) -> None:
        linked(driver, link("R1"))
        linked(driver, link("R2"))
        report(driver, hub_report("RP", "TEE-M"))
        driver.pipe(topics.CONSIGNMENTS, None, key=link_key(link("R2")))

        report(driver, hub_report("RP", "TEE-M", "TEE-M"))

        assert events(driver) == []

    def test_an_attribution_stays_when_another_return_joins(self, driver: AgentTestDriver) -> None:
        linked(driver, link("R1"))
        report(driver, hub_report("RP", "TEE-M"))

        linked(driver, link("R2"))
        report(driver, hub_report("RP", "TEE-M", "TEE-M"))

        assert [(event.rma, event.items[0].count) for event in events(driver)] == [("R1", 1), ("R1", 2)]
        assert alerts(driver) == []

    def test_the_same_processing_again_is_told_only_when_its_counts_rise(self, driver: AgentTestDriver) -> None:
        linked(driver, link())
        for skus in (["TEE-M", "MUG"], ["MUG"], ["MUG", "MUG"], ["tee-m", "MUG"]):
            report(driver, hub_report("RP", *skus))

        first, second = events(driver)
        assert first.event_id == second.event_id
        assert {item.sku: item.count for item in second.items} == {"TEE-M": 1, "MUG": 2}

    def test_the_whole_return_exceeds_every_count(self, driver: AgentTestDriver) -> None:
        linked(driver, link())
        for skus in (["MUG"], [], ["MUG", "MUG"]):
            report(driver, hub_report("RP", *skus))

        assert [len(event.items) for event in events(driver)] == [1, 0]

    def test_two_processings_at_different_times_are_two_events(self, driver: AgentTestDriver) -> None:
        linked(driver, link())
        report(driver, hub_report("RP", "MUG"))
        report(driver, hub_report("RP", "MUG", EventDT="2026-11-06 10:00:00"))

        assert len({event.event_id for event in events(driver)}) == 2

    def test_two_retailers_hubs_each_mean_their_own_return(self, driver: AgentTestDriver) -> None:
        linked(driver, link("R1", order_key="acme/1001"))
        linked(driver, link("B1", order_key="bolt/7"))

        for tenant in ("acme", "bolt"):
            report(driver, hub_report("RP", "MUG", by=source(tenant, sender="omnirps", account=tenant)))

        assert {event.rma for event in events(driver)} == {"R1", "B1"}

    def test_an_element_with_an_order_number_means_that_orders_returns_only(self, driver: AgentTestDriver) -> None:
        linked(driver, link("R1", order_key="acme/1001"))
        linked(driver, link("R2", order_key="acme/1002"))

        report(driver, hub_report("DS", OrderNo="#1002"))

        assert told(driver) == [("R2", Meaning.DEPOT)]


class TestThirtyDays:
    def test_an_event_is_forgotten_thirty_days_after_it_first_came(self, driver: AgentTestDriver) -> None:
        report(driver, parcel_report(FIRST_SCAN))
        driver.advance(20 * DAY)
        report(driver, parcel_report(FIRST_SCAN, DELIVERED))  # the repeat prolongs nothing
        driver.advance(10 * DAY)

        linked(driver, link())

        assert told(driver) == [("R1", Meaning.DELIVERED)]

    def test_the_row_vanishes_with_its_last_event(self, driver: AgentTestDriver) -> None:
        report(driver, parcel_report(FIRST_SCAN))
        driver.advance(DAY)
        report(driver, parcel_report(DELIVERED))

        driver.advance(29 * DAY)
        assert [len(row.kept) for row in driver.store(parcels).values()] == [1]
        driver.advance(DAY)
        assert driver.store(parcels) == {}

    def test_one_that_comes_again_later_is_a_new_event_of_the_same_identity(self, driver: AgentTestDriver) -> None:
        linked(driver, link())
        report(driver, parcel_report(FIRST_SCAN))
        driver.advance(31 * DAY)

        report(driver, parcel_report(FIRST_SCAN))

        first, second = events(driver)
        assert first.event_id == second.event_id

    def test_records_time_decides_even_where_the_sweep_is_late(self, driver: AgentTestDriver) -> None:
        report(driver, parcel_report(FIRST_SCAN))
        late = START + 30 * DAY

        driver.pipe(topics.CONSIGNMENTS, link(), key=link_key(link()), at=late)

        assert events(driver) == []


class TestPoison:
    def test_a_field_of_the_wrong_type_is_named_by_its_pointer(self, driver: AgentTestDriver) -> None:
        said = parcel_report(scan(), {**scan(), "OmniCode": 10})  # type: ignore[dict-item]

        report(driver, said)

        (letter,) = driver.dead_letters
        headers = dict(letter.record.headers)
        assert headers["dl_error"] == b"ContractViolation"
        assert b"/Events/1/OmniCode" in headers["dl_message"]

    def test_a_key_that_is_not_the_tracking_key_is_refused(self, driver: AgentTestDriver) -> None:
        driver.pipe(topics.CARRIER_EVENTS, parcel_report(scan()), key="SEK-1")

        assert len(driver.dead_letters) == 1

    def test_a_link_under_a_foreign_key_is_refused_and_not_followed(self, driver: AgentTestDriver) -> None:
        driver.pipe(topics.CONSIGNMENTS, link("R1"), key=link_key(link("R2")))

        assert len(driver.dead_letters) == 1
        assert report(driver, parcel_report(scan())) == []


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
