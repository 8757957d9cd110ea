"""carrier-scans: every event of a parcel reaches every return in it, once, whichever came first."""

from __future__ import annotations

from datetime import timedelta

import pytest

from contracts import topics
from contracts.actions import AlertKind
from contracts.returns import Meaning, ReturnEvent
from streams.agents.carrier_scans import carrier_scans, parcels
from streams.engine.driver import START, AgentTestDriver
from tests.agents.carrier_scans_kit import DELIVERED, FIRST_SCAN, ON_ITS_WAY, alerts, events, linked, report, told
from tests.builders import hub_report, link, link_key, parcel_report, scan, source

DAY = timedelta(days=1)


@pytest.fixture
def driver() -> AgentTestDriver:
    return AgentTestDriver(carrier_scans)


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
