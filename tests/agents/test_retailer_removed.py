"""A retailer that is removed at run time: what needs it waits, what is owed ends, money that was decided moves."""

from __future__ import annotations

from datetime import timedelta

from contracts import topics
from contracts.actions import AlertKind, ReturnAction, ReturnAlert
from contracts.orders import Order
from contracts.returns import DecisionState, Meaning, ReturnDecision
from contracts.tracking import Delivery, DeliveryResult
from streams.agents.order_table import order_table
from streams.agents.return_actions import return_actions
from streams.agents.tracking_forward import HookAnswer, HookCall, tracking_forward
from streams.engine.driver import AgentTestDriver
from streams.engine.outbox import Call
from streams.engine.parking import LAST_RETRY, LONGEST_WAIT
from tests.agents.return_rules_kit import ALWAYS, KEY, acme, pipe, with_rules
from tests.builders import HASH_KEY, retailer, return_event, shopify_order, unit, upload
from tests.unit.domain.builders import order
from tests.unit.domain.ledger.builders import ORDER, decision, event, facts

URL = "https://hook.example/seko"
MINUTE = timedelta(minutes=1)


def forwarder() -> AgentTestDriver:
    return AgentTestDriver(tracking_forward(), retailers={"acme": retailer(hook=URL)})


def scanned(driver: AgentTestDriver, meaning: Meaning = Meaning.FIRST_SCAN) -> None:
    happened = return_event(meaning)
    driver.pipe(topics.RETURN_EVENTS, happened, key=happened.order_key)


def removed(driver: AgentTestDriver) -> None:
    driver.retailers.clear()


def results(driver: AgentTestDriver) -> list[DeliveryResult]:
    return [each.result for each in driver.of(topics.TRACKING_DELIVERIES, Delivery)]


def unheard(call: Call[HookCall], driver: AgentTestDriver) -> None:
    """Answer as the caller does where there is no hook (any more)."""
    driver.answer(call, HookAnswer(error="the retailer has no hook"))


class TestNewReturns:
    def test_an_upload_waits_and_is_decided_when_the_retailer_is_back(self) -> None:
        driver = with_rules(ALWAYS)
        pipe(driver, order())
        removed(driver)

        assert pipe(driver, upload()) == []
        assert driver.advance(timedelta(hours=5)) == []

        driver.retailers["acme"] = acme(ALWAYS, version=4)
        [decided, *_] = [w for w in driver.advance(LAST_RETRY) if w.topic == topics.RETURN_DECISIONS.name]
        assert decided.read(ReturnDecision).settings.version == 4
        assert driver.dead_letters == []

    def test_an_upload_of_one_that_never_comes_back_is_a_dead_letter_after_a_week(self) -> None:
        driver = with_rules(ALWAYS)
        removed(driver)
        pipe(driver, upload())
        driver.advance(LONGEST_WAIT - MINUTE)
        assert driver.dead_letters == []
        driver.advance(2 * MINUTE)
        assert [letter.key for letter in driver.dead_letters] == [KEY]

    def test_a_return_that_is_known_goes_on_under_the_settings_it_keeps(self) -> None:
        driver = with_rules(ALWAYS)
        pipe(driver, upload())
        removed(driver)

        [decided] = pipe(driver, order())
        assert [each.state for each in decided.units] == [DecisionState.DECIDED]
        [again] = pipe(driver, upload(unit(), unit()))
        assert (again.revision, again.settings.version) == (3, 1)


class TestTrackingUpdates:
    def test_an_update_waits_and_is_told_when_the_retailer_is_back(self) -> None:
        driver = forwarder()
        removed(driver)
        scanned(driver)
        driver.advance(timedelta(hours=1))
        assert (driver.calls, driver.written) == ([], [])

        driver.retailers["acme"] = retailer(hook=URL)
        driver.advance(LAST_RETRY)
        assert [call.intent.code for call in driver.calls] == ["RT"]

    def test_what_is_owed_ends_with_an_alert_and_is_not_called_again(self) -> None:
        driver = forwarder()
        scanned(driver, Meaning.DELIVERED)
        removed(driver)
        while driver.calls:
            unheard(driver.calls[0], driver)

        assert results(driver) == [DeliveryResult.NO_HOOK, DeliveryResult.NO_HOOK]
        assert {alert.kind for alert in driver.of(topics.RETURN_ALERTS, ReturnAlert)} == {AlertKind.HOOK_MISSING}
        assert all(each.payload for each in driver.of(topics.TRACKING_DELIVERIES, Delivery))  # to be sent once more
        written = len(driver.written)
        driver.advance(timedelta(days=2))
        assert (driver.calls, len(driver.written)) == ([], written)

    def test_what_a_person_was_called_for_is_let_go_once(self) -> None:
        driver = forwarder()
        scanned(driver)
        driver.answer(driver.calls[0], HookAnswer(status=410, url=URL))
        assert driver.calls == []
        removed(driver)
        driver.advance(timedelta(minutes=10))
        [call] = driver.calls
        unheard(call, driver)
        assert results(driver) == [DeliveryResult.GIVEN_UP, DeliveryResult.NO_HOOK]
        driver.advance(timedelta(days=2))
        assert driver.calls == []


def test_a_milestone_still_pays_what_was_decided() -> None:
    driver = AgentTestDriver(return_actions, retailers={"acme": retailer()})
    driver.pipe(topics.RETURN_DECISIONS, decision("TEE", order=facts()), key=ORDER)
    removed(driver)
    driver.pipe(topics.RETURN_EVENTS, event(), key=ORDER)
    assert len(driver.of(topics.REFUNDS, ReturnAction)) + len(driver.of(topics.CREDIT_NOTES, ReturnAction)) == 1
    driver.advance(timedelta(days=60))  # its watchdog goes by the times of everybody
    assert driver.dead_letters == []


def test_orders_on_the_way_are_kept_and_expire_as_all_do() -> None:
    driver = AgentTestDriver(order_table(HASH_KEY))
    driver.pipe(topics.ORDER_EVENTS, shopify_order(), key=ORDER)
    assert len(driver.of(topics.ORDERS, Order)) == 1
    driver.advance(timedelta(days=100))
    [*_, last] = [w for w in driver.written if (w.topic, w.key) == (topics.ORDERS.name, ORDER)]
    assert (last.value, driver.dead_letters) == (None, [])
