"""carrier-scans: what a hub says of a parcel, and which of the returns in it that can mean."""

from __future__ import annotations

import pytest

from contracts import topics
from contracts.actions import AlertKind
from contracts.returns import Meaning
from streams.agents.carrier_scans import carrier_scans
from streams.engine.driver import AgentTestDriver
from tests.agents.carrier_scans_kit import alerts, events, linked, report, told
from tests.builders import hub_report, link, link_key, source


@pytest.fixture
def driver() -> AgentTestDriver:
    return AgentTestDriver(carrier_scans)


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
