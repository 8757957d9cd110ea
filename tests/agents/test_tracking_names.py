"""tracking-forward: a return is told of once, by whatever names its events come."""

from __future__ import annotations

from datetime import timedelta

import pytest

from contracts.returns import Meaning
from streams.agents.tracking_forward import tracking_forward
from streams.engine.driver import AgentTestDriver
from tests.agents.forwarding import RETAILERS, codes, happens, hub_event, told
from tests.builders import return_event


@pytest.fixture
def driver() -> AgentTestDriver:
    return AgentTestDriver(tracking_forward(), retailers=dict(RETAILERS))


class TestNames:
    """The hub names a parcel, a carrier's event the parcel and the return, and either may come first."""

    @pytest.mark.parametrize("first", ["hub", "carrier"])
    def test_the_hub_and_a_carrier_tell_one_milestone_of_one_parcel(self, driver: AgentTestDriver, first: str) -> None:
        hub, carrier = hub_event(Meaning.DELIVERED), return_event(Meaning.DELIVERED)
        for event in (hub, carrier) if first == "hub" else (carrier, hub):
            happens(driver, event)

        assert codes(driver) == ["RT", "RDTPF"]

    def test_a_parcel_of_a_known_return_goes_by_the_return(self, driver: AgentTestDriver) -> None:
        happens(driver, return_event(Meaning.LABEL, consignment="SEK2"))
        happens(driver, return_event(Meaning.DEPOT, consignment="SEK1"))

        happens(driver, hub_event(Meaning.DEPOT, consignment="SEK2"))

        assert codes(driver) == ["RT", "DS"]

    def test_another_parcel_of_the_order_is_another_return(self, driver: AgentTestDriver) -> None:
        happens(driver, hub_event(Meaning.DEPOT, consignment="SEK1"))
        happens(driver, hub_event(Meaning.DEPOT, consignment="SEK2"))

        assert codes(driver) == ["RT", "DS", "RT", "DS"]

    def test_a_shared_parcel_is_told_while_any_of_its_returns_has_not_heard(self, driver: AgentTestDriver) -> None:
        happens(driver, return_event(Meaning.LABEL, rma="R1", consignment="SEK2"))
        happens(driver, return_event(Meaning.LABEL, rma="R2", consignment="SEK2"))
        happens(driver, return_event(Meaning.FIRST_SCAN, rma="R1", consignment="SEK1"))

        happens(driver, hub_event(Meaning.FIRST_SCAN, consignment="SEK2"))
        happens(driver, return_event(Meaning.FIRST_SCAN, rma="R2", consignment="SEK2"))

        assert [call.rma for call in told(driver)] == ["R1", None]

    @pytest.mark.parametrize("number", ["", "RPS7"])
    def test_without_a_parcel_the_hub_means_the_orders_only_return(self, driver: AgentTestDriver, number: str) -> None:
        happens(driver, hub_event(Meaning.DEPOT, consignment=None, omnirps_no=number))
        happens(driver, return_event(Meaning.DEPOT))
        happens(driver, return_event(Meaning.LABEL, rma="R2", consignment="SEK2"))
        happens(driver, return_event(Meaning.FIRST_SCAN))
        happens(driver, hub_event(Meaning.DEPOT, consignment=None, omnirps_no=number))

        heard = told(driver)
        assert [call.code for call in heard[:2]] == ["RT", "DS"]
        assert [call.rma for call in heard] == [None] * len(heard)

    def test_what_is_known_of_an_order_is_forgotten_after_half_a_year(self, driver: AgentTestDriver) -> None:
        happens(driver, return_event(Meaning.FIRST_SCAN))
        told(driver)

        driver.advance(timedelta(days=180))

        assert driver.store(driver.agent.stores["told"]) == {}
