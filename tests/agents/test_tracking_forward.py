"""tracking-forward: each milestone of a return is told once, in order per order key."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts import topics
from contracts.actions import AlertKind
from contracts.retailers import Portal
from contracts.returns import EventItem, Meaning, ReturnEvent
from streams.agents.tracking_forward import HookCall, tracking_forward
from streams.engine.driver import AgentTestDriver
from streams.engine.outbox import Call
from tests.agents.forwarding import RETAILERS, URL, alerts, answer, codes, deliveries, happens, hub_event, told, wait
from tests.builders import retailer, return_event, source


@pytest.fixture
def driver() -> AgentTestDriver:
    return AgentTestDriver(tracking_forward(), retailers=dict(RETAILERS))


class TestMilestones:
    @pytest.mark.parametrize(
        ("meaning", "heard"),
        [
            (Meaning.CREATED, ["RC"]),
            (Meaning.LABEL, []),
            (Meaning.FIRST_SCAN, ["RT"]),
            (Meaning.IN_TRANSIT, ["RT"]),
            (Meaning.OUT_FOR_DELIVERY, ["RT"]),
            (Meaning.DELIVERED, ["RT", "RDTPF"]),
            (Meaning.DEPOT, ["RT", "DS"]),
            (Meaning.PROCESSED, ["RT", "RP"]),
            (Meaning.EXPORTED, ["RT", "RE"]),
            (Meaning.DELIVERED_BACK, ["RT", "RDBTC"]),
            (Meaning.REJECTED, ["RR"]),
            (Meaning.CLOSED, []),
            (Meaning.CANCELLED, []),
            (Meaning.EXCEPTION, []),
            (Meaning.UNKNOWN, []),
        ],
    )
    def test_each_is_told_under_its_code_after_the_first_scan_that_it_proves(
        self, driver: AgentTestDriver, meaning: Meaning, heard: list[str]
    ) -> None:
        happens(driver, return_event(meaning))

        assert codes(driver) == heard

    def test_a_milestone_is_told_once_a_return_and_not_once_a_checkpoint(self, driver: AgentTestDriver) -> None:
        for meaning in (Meaning.CREATED, Meaning.FIRST_SCAN, Meaning.IN_TRANSIT, Meaning.DELIVERED):
            for day in ("02", "03"):
                happens(driver, return_event(meaning, local_time=f"2026-11-{day}T09:14:00Z"))

        assert codes(driver) == ["RC", "RT", "RDTPF"]

    def test_the_first_scan_has_the_time_of_the_event_that_proves_it(self, driver: AgentTestDriver) -> None:
        happens(driver, return_event(Meaning.DELIVERED, local_time="2026-11-04T08:00:00+01:00"))

        assert [call.payload[0]["EventDT"] for call in told(driver)] == ["2026-11-04 08:00:00"] * 2

    def test_the_label_that_the_hub_calls_return_created_is_that(self, driver: AgentTestDriver) -> None:
        happens(driver, hub_event(Meaning.LABEL, code="RC", items=(EventItem(sku="MUG"),)))
        happens(driver, return_event(Meaning.LABEL, code="RC"))

        (call,) = told(driver)
        assert (call.code, call.payload[0]["ItemNo"]) == ("RC", "MUG")

    def test_two_returns_in_one_parcel_are_told_apart(self, driver: AgentTestDriver) -> None:
        happens(driver, return_event(Meaning.FIRST_SCAN, rma="R1"))
        happens(driver, return_event(Meaning.FIRST_SCAN, rma="R2"))

        assert [call.rma for call in told(driver)] == ["R1", "R2"]

    def test_two_parcels_of_one_return_are_one_milestone(self, driver: AgentTestDriver) -> None:
        happens(driver, return_event(Meaning.FIRST_SCAN, consignment="SEK1"))
        happens(driver, return_event(Meaning.FIRST_SCAN, consignment="SEK2"))

        assert codes(driver) == ["RT"]

    def test_a_retailer_without_a_hook_is_told_nothing(self, driver: AgentTestDriver) -> None:
        happens(driver, return_event(Meaning.FIRST_SCAN, retailer="quiet", order_key="quiet/1"))

        assert driver.calls == []

    def test_a_retailer_on_loop_without_a_hook_calls_somebody_once_a_day(self, driver: AgentTestDriver) -> None:
        driver.retailers["acme"] = retailer("acme", portal=Portal.LOOP)
        for n in range(3):
            happens(driver, return_event(Meaning.LABEL, order_key=f"acme/{n}"))  # nothing that Loop would be told
            assert alerts(driver) == []
        for n in range(3):
            happens(driver, return_event(Meaning.FIRST_SCAN, order_key=f"acme/{n}"))
        assert alerts(driver) == [AlertKind.HOOK_MISSING]

        driver.advance(timedelta(days=1))
        happens(driver, return_event(Meaning.DELIVERED))

        assert alerts(driver) == [AlertKind.HOOK_MISSING] * 2
        assert driver.calls == []

    def test_an_event_of_a_retailer_not_known_yet_waits(self, driver: AgentTestDriver) -> None:
        happens(driver, return_event(Meaning.FIRST_SCAN, retailer="new", order_key="new/1"))
        driver.retailers["new"] = retailer("new", hook=URL)

        driver.advance(timedelta(minutes=2))

        assert codes(driver) == ["RT"]

    def test_a_word_about_another_tenant_is_dropped_and_somebody_called(self, driver: AgentTestDriver) -> None:
        happens(driver, return_event(Meaning.FIRST_SCAN, source=source("bolt")))

        assert driver.calls == []
        assert alerts(driver) == [AlertKind.FOREIGN_EVIDENCE]

    def test_a_key_of_another_order_is_refused(self, driver: AgentTestDriver) -> None:
        driver.pipe(topics.RETURN_EVENTS, return_event(Meaning.FIRST_SCAN), key="acme/1002")
        happens(driver, return_event(Meaning.FIRST_SCAN, order_key="bolt/1"))

        assert len(driver.dead_letters) == 2


class TestProcessing:
    def test_each_event_is_told_with_one_object_a_unit(self, driver: AgentTestDriver) -> None:
        happens(driver, hub_event(Meaning.PROCESSED, event_id="a", items=(EventItem(sku="TEE", count=2),)))
        happens(driver, hub_event(Meaning.PROCESSED, event_id="b", items=(EventItem(sku="MUG"),)))

        _, first, second = told(driver)
        assert [item["ItemNo"] for item in first.payload] == ["TEE", "TEE"]
        assert [item["ItemNo"] for item in second.payload] == ["MUG"]

    def test_the_same_event_is_told_again_when_its_counts_rise_and_as_another_call(
        self, driver: AgentTestDriver
    ) -> None:
        seen: list[Call[HookCall]] = []
        for items in ([("TEE", 1)], [("TEE", 1)], [("MUG", 2)], [("TEE", 1), ("MUG", 1)]):
            said = tuple(EventItem(sku=sku, count=count) for sku, count in items)
            happens(driver, hub_event(Meaning.PROCESSED, event_id="a", items=said))
            while driver.calls:
                seen += [call for call in driver.calls if call.intent.code == "RP"]
                answer(driver)

        first, second = seen
        assert first.id != second.id
        assert sorted(item["ItemNo"] for item in second.intent.payload) == ["MUG", "MUG", "TEE"]

    def test_told_under_the_order_and_under_the_parcel_it_is_one_event(self, driver: AgentTestDriver) -> None:
        items = (EventItem(sku="TEE"),)
        happens(driver, hub_event(Meaning.PROCESSED, event_id="a", items=items))
        happens(driver, return_event(Meaning.PROCESSED, event_id="a", items=items))

        assert codes(driver) == ["RT", "RP"]

    def test_a_return_told_item_by_item_is_not_told_again_as_a_whole(self, driver: AgentTestDriver) -> None:
        happens(driver, return_event(Meaning.PROCESSED, event_id="a", items=(EventItem(sku="TEE"),)))
        happens(driver, return_event(Meaning.PROCESSED, event_id="b", whole_return=True))

        assert codes(driver) == ["RT", "RP"]


STORY = (
    return_event(Meaning.CREATED, consignment=None),
    return_event(Meaning.FIRST_SCAN),
    return_event(Meaning.IN_TRANSIT, at=datetime(2026, 11, 3, tzinfo=UTC)),
    return_event(Meaning.DELIVERED),
    return_event(Meaning.EXCEPTION),
    hub_event(Meaning.DELIVERED),
    hub_event(Meaning.DEPOT),
    hub_event(Meaning.PROCESSED, event_id="p", items=(EventItem(sku="TEE", count=2),)),
    hub_event(Meaning.EXPORTED),
)


@given(st.permutations(STORY), st.lists(st.sampled_from(STORY), max_size=6), st.lists(st.booleans(), max_size=20))
@settings(max_examples=60, deadline=None)
def test_any_order_repetition_and_failures_tell_each_milestone_once(
    story: list[ReturnEvent], again: list[ReturnEvent], failing: list[bool]
) -> None:
    driver = AgentTestDriver(tracking_forward(), retailers=dict(RETAILERS))
    outcomes = [*failing]
    delivered: list[Call[Any]] = []

    def attempt() -> None:
        (call,) = driver.calls
        failed = bool(outcomes and outcomes.pop())
        answer(driver, 500 if failed else 200)
        delivered.extend([] if failed else [call])

    for event in (*story, *again):
        happens(driver, event)
        if driver.calls:
            attempt()
    while driver.calls or deliveries(driver)[-1].next_at is not None:
        wait(driver)
        attempt()

    assert sorted(call.intent.code for call in delivered) == ["DS", "RC", "RDTPF", "RE", "RP", "RT"]
    assert [call.intent.code for call in delivered] == queued(driver, story, again)


def queued(driver: AgentTestDriver, *events: list[ReturnEvent]) -> list[str]:
    """What a receiver that never fails hears of the same events."""
    other = AgentTestDriver(tracking_forward(), retailers=driver.retailers)
    for event in (event for some in events for event in some):
        happens(other, event)
    return codes(other)
