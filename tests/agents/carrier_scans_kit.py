"""What the tests of carrier-scans share: reports and links in, and what was told of which return."""

from __future__ import annotations

from contracts import topics
from contracts.actions import ReturnAlert
from contracts.keys import tracking_key
from contracts.returns import Meaning, ReturnEvent
from contracts.tracking import CarrierReport, Consignment
from streams.engine.driver import AgentTestDriver, Written
from tests.builders import link_key, scan

FIRST_SCAN = scan("OP-10", "2026-11-02T09:14:00Z")
ON_ITS_WAY = scan("OP-3", "2026-11-03T09:14:00Z")
DELIVERED = scan("OP-71", "2026-11-04T09:14:00Z")


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
