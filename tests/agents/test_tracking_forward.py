"""tracking-forward: each milestone of a return is told once, in order per order key, until it is heard or given up."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts import topics
from contracts.actions import AlertKind, ReturnAlert
from contracts.retailers import Schedule
from contracts.returns import EventItem, Meaning, ReturnEvent
from contracts.tracking import Delivery, DeliveryResult
from streams.agents.tracking_forward import DEFAULT, HookAnswer, HookCall, tracking_forward
from streams.engine.driver import START, AgentTestDriver, Written
from streams.engine.outbox import Call
from tests.builders import retailer, return_event, source

URL = "https://hook.example/seko"
HUB = source("acme", sender="omnirps", account="hub")
RETAILERS = {"acme": retailer("acme", hook=URL), "quiet": retailer("quiet")}


@pytest.fixture
def driver() -> AgentTestDriver:
    return AgentTestDriver(tracking_forward(), retailers=dict(RETAILERS))


def happens(driver: AgentTestDriver, event: ReturnEvent) -> None:
    driver.pipe(topics.RETURN_EVENTS, event, key=event.order_key)


def answer(driver: AgentTestDriver, status: int | None = 200, **said: Any) -> list[Written]:
    """Answer the one call that is under way."""
    (call,) = driver.calls
    return driver.answer(call, HookAnswer(**{"status": status, "url": URL, **said}))


def wait(driver: AgentTestDriver) -> None:
    """Move the clock to the next attempt of what was answered last, if there is to be one."""
    again = deliveries(driver)[-1].next_at
    if again is not None:
        driver.advance(again - driver.now)


def told(driver: AgentTestDriver) -> list[HookCall]:
    """Everything that is owed, in the order in which it is told, as a receiver that always answers 200 hears it."""
    heard: list[HookCall] = []
    while driver.calls:
        call = driver.calls[0]
        heard.append(call.intent)
        driver.answer(call, HookAnswer(status=200, url=URL))
    return heard


def codes(driver: AgentTestDriver) -> list[str]:
    return [call.code for call in told(driver)]


def deliveries(driver: AgentTestDriver) -> list[Delivery]:
    return driver.of(topics.TRACKING_DELIVERIES, Delivery)


def alerts(driver: AgentTestDriver) -> list[AlertKind]:
    return [alert.kind for alert in driver.of(topics.RETURN_ALERTS, ReturnAlert)]


def hub_event(meaning: Meaning, **changes: Any) -> ReturnEvent:
    """What the hub says under an order: the RMA is not known."""
    return return_event(meaning, **{"rma": None, "source": HUB, **changes})


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


class TestDelivery:
    def test_success_is_recorded_and_the_next_goes_out(self, driver: AgentTestDriver) -> None:
        happens(driver, return_event(Meaning.DELIVERED))
        (first,) = driver.calls
        answer(driver, 202)

        (record,) = deliveries(driver)
        assert (record.delivery_id, record.result, record.status) == (first.id, DeliveryResult.DELIVERED, 202)
        assert (record.code, record.rma, record.attempt, record.url) == ("RT", "R1", 1, URL)
        assert [call.intent.code for call in driver.calls] == ["RDTPF"]

    def test_a_failure_holds_only_its_own_order(self, driver: AgentTestDriver) -> None:
        for order_key in ("acme/1", "acme/2"):
            happens(driver, return_event(Meaning.DELIVERED, order_key=order_key))
        one, two = driver.calls
        driver.answer(one, HookAnswer(status=500, url=URL))
        driver.answer(two, HookAnswer(status=200, url=URL))

        assert [(call.key, call.intent.code) for call in driver.calls] == [("acme/2", "RDTPF")]
        driver.advance(timedelta(seconds=6))
        assert {(call.key, call.intent.code) for call in driver.calls} == {("acme/2", "RDTPF"), ("acme/1", "RT")}

    def test_a_repeat_has_the_same_id_and_body(self, driver: AgentTestDriver) -> None:
        happens(driver, return_event(Meaning.FIRST_SCAN))
        (first,) = driver.calls
        answer(driver, None, error="no answer within 15 s")
        wait(driver)

        (second,) = driver.calls
        assert (second.id, second.intent, second.attempt) == (first.id, first.intent, 2)

    def test_the_id_is_of_the_fact_and_not_of_the_run(self, driver: AgentTestDriver) -> None:
        other = AgentTestDriver(tracking_forward(), retailers=dict(RETAILERS), now=START + timedelta(days=3))
        happens(other, return_event(Meaning.LABEL))
        for each in (driver, other):
            happens(each, return_event(Meaning.FIRST_SCAN))

        assert driver.calls[0].id == other.calls[0].id

    def test_a_dead_hook_is_tried_for_seven_days_and_then_given_up_loudly(self, driver: AgentTestDriver) -> None:
        happens(driver, return_event(Meaning.DELIVERED))
        waits = []
        while driver.calls and driver.calls[0].intent.code == "RT":
            at = driver.now
            answer(driver, 500)
            wait(driver)
            waits.append((driver.now - at).total_seconds())

        hour = 3600.0
        assert waits[:8] == pytest.approx([5, 30, 120, 600, hour, 6 * hour, 12 * hour, 24 * hour], rel=0.2)
        assert waits[8:-1] == pytest.approx([24 * hour] * len(waits[8:-1]), rel=0.2)
        assert len(waits) > 12
        assert driver.now - START < timedelta(days=7)
        assert deliveries(driver)[-1].result is DeliveryResult.GIVEN_UP
        assert alerts(driver) == [AlertKind.DELIVERY_GIVEN_UP]
        assert driver.calls == []  # what follows waits: see test_tracking_holding.py

    def test_three_days_of_500_cost_a_few_attempts_and_nothing_else(self, driver: AgentTestDriver) -> None:
        for meaning in (Meaning.CREATED, Meaning.FIRST_SCAN, Meaning.DEPOT):
            happens(driver, return_event(meaning))
        while driver.now - START < timedelta(hours=72):
            answer(driver, 500)
            wait(driver)
            happens(driver, return_event(Meaning.IN_TRANSIT, at=driver.now))

        assert {each.result for each in deliveries(driver)} == {DeliveryResult.RETRYING}
        assert 8 <= len(deliveries(driver)) <= 13
        assert codes(driver) == ["RC", "RT", "DS"]
        assert alerts(driver) == []

    @pytest.mark.parametrize("status", [301, 401, 403, 408, 429, 500, 503])
    def test_what_may_get_better_is_tried_again(self, driver: AgentTestDriver, status: int) -> None:
        happens(driver, return_event(Meaning.FIRST_SCAN))
        for _ in range(4):
            answer(driver, status)
            wait(driver)

        assert [record.result for record in deliveries(driver)] == [DeliveryResult.RETRYING] * 4
        first = deliveries(driver)[0].next_at
        assert first is not None
        assert 4 <= (first - START).total_seconds() <= 6

    @pytest.mark.parametrize("status", [400, 404, 422])
    def test_what_cannot_get_better_is_tried_thrice(self, driver: AgentTestDriver, status: int) -> None:
        happens(driver, return_event(Meaning.FIRST_SCAN))
        results = []
        while driver.calls:
            answer(driver, status)
            results.append(deliveries(driver)[-1].result)
            wait(driver)

        assert results == [DeliveryResult.RETRYING, DeliveryResult.RETRYING, DeliveryResult.GIVEN_UP]
        assert alerts(driver) == [AlertKind.DELIVERY_GIVEN_UP]
        assert driver.store(driver.agent.stores["refusals"]) == {}

    def test_failures_of_another_kind_are_no_refusals(self, driver: AgentTestDriver) -> None:
        happens(driver, return_event(Meaning.FIRST_SCAN))
        for status in (500, 500, 404, 503, 404):
            answer(driver, status)
            wait(driver)

        assert alerts(driver) == []
        answer(driver, 404)
        assert alerts(driver) == [AlertKind.DELIVERY_GIVEN_UP]

    def test_gone_stops_the_hook_at_once(self, driver: AgentTestDriver) -> None:
        happens(driver, return_event(Meaning.FIRST_SCAN))

        answer(driver, 410)

        assert [record.result for record in deliveries(driver)] == [DeliveryResult.GIVEN_UP]
        assert alerts(driver) == [AlertKind.HOOK_GONE]
        assert driver.calls == []

    def test_the_receiver_may_say_when(self, driver: AgentTestDriver) -> None:
        happens(driver, return_event(Meaning.FIRST_SCAN))

        answer(driver, 429, retry_after_s=45)

        assert deliveries(driver)[-1].next_at == START + timedelta(seconds=45)

    def test_a_hook_that_was_removed_owes_nothing_and_calls_somebody(self, driver: AgentTestDriver) -> None:
        happens(driver, return_event(Meaning.FIRST_SCAN))

        answer(driver, None, url=None, error="the retailer has no hook")

        assert [record.result for record in deliveries(driver)] == [DeliveryResult.NO_HOOK]
        assert alerts(driver) == [AlertKind.HOOK_MISSING]
        assert driver.calls == []

    def test_another_schedule_can_be_given(self) -> None:
        quick = DEFAULT.__class__(timeout_s=1, delays_s=(0.1,), give_up_after_s=0.15)
        driver = AgentTestDriver(tracking_forward(quick), retailers=dict(RETAILERS))
        happens(driver, return_event(Meaning.FIRST_SCAN))

        answer(driver, 500)
        wait(driver)
        answer(driver, 500)

        assert [record.result for record in deliveries(driver)] == [DeliveryResult.RETRYING, DeliveryResult.GIVEN_UP]

    def test_a_retailer_may_have_a_schedule_of_its_own_also_for_what_is_owed(self, driver: AgentTestDriver) -> None:
        happens(driver, return_event(Meaning.FIRST_SCAN))
        schedule = Schedule(delays_s=(1000,), cap_s=5000, give_up_after_s=9000)
        driver.retailers["acme"] = retailer("acme", hook=URL, schedule=schedule)
        waits = []
        while driver.calls:
            at = driver.now
            answer(driver, 500)
            wait(driver)
            waits.append((driver.now - at).total_seconds())

        assert waits[:2] == pytest.approx([1000, 5000], rel=0.2)
        assert (driver.now - START).total_seconds() <= 9000


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
