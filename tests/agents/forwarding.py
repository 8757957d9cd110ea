"""What the tests of tracking-forward do: have events happen, answer its calls, look at what it told."""

from __future__ import annotations

from typing import Any

from contracts import topics
from contracts.actions import AlertKind, ReturnAlert
from contracts.returns import Meaning, ReturnEvent
from contracts.tracking import Delivery
from streams.agents.tracking_forward import HookAnswer, HookCall
from streams.domain.replays import request
from streams.engine.driver import AgentTestDriver, Written
from tests.builders import retailer, return_event, source

URL = "https://hook.example/seko"
MENDED = "https://hook.example/v2"
HUB = source("acme", sender="omnirps", account="hub")
RETAILERS = {"acme": retailer("acme", hook=URL), "quiet": retailer("quiet")}


def happens(driver: AgentTestDriver, event: ReturnEvent) -> None:
    """An event comes."""
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
    """The codes of the same."""
    return [call.code for call in told(driver)]


def deliveries(driver: AgentTestDriver) -> list[Delivery]:
    """All attempts."""
    return driver.of(topics.TRACKING_DELIVERIES, Delivery)


def alerts(driver: AgentTestDriver) -> list[AlertKind]:
    """What a person was told."""
    return [alert.kind for alert in driver.of(topics.RETURN_ALERTS, ReturnAlert)]


def hub_event(meaning: Meaning, **changes: Any) -> ReturnEvent:
    """What the hub says under an order: the RMA is not known."""
    return return_event(meaning, **{"rma": None, "source": HUB, **changes})


def replays(driver: AgentTestDriver, last: Delivery) -> None:
    """A person has it sent again."""
    driver.pipe(topics.TRACKING_REPLAYS, request(last, driver.now), key=last.order_key)


def changes(driver: AgentTestDriver, hook: str | None = MENDED) -> None:
    """A person applies another hook."""
    driver.retailers["acme"] = retailer("acme", hook=hook)
