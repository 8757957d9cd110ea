"""What has come out so far: every record of an installation's topics, read and sorted into what people ask for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from contracts import topics
from contracts.actions import ReturnAction, ReturnAlert
from contracts.orders import Order
from contracts.returns import ReturnDecision, ReturnEvent, ReturnUnit
from contracts.tracking import Delivery

_DEAD_LETTERS = topics.dead_letters("").name
_ACTIONS = frozenset(topic.name for topic in topics.ACTIONS.values())


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One record that was set aside. reason: the error's class, or the ingress's word."""

    agent: str
    reason: str
    message: str
    key: str | None


@dataclass(slots=True)
class Observed:
    """Filled record by record; topics are given by their names in the catalogue.

    facts: short sentences that others can wait for: `order <key>`, and `<meaning> <RMA>` and `<meaning> <order key>`
    for each return event.
    """

    counts: Counter[str] = field(default_factory=Counter)
    orders: dict[str, Order] = field(default_factory=dict)
    units: dict[tuple[str, str, str, int], ReturnUnit] = field(default_factory=dict)
    decisions: list[ReturnDecision] = field(default_factory=list)
    events: list[ReturnEvent] = field(default_factory=list)
    actions: list[ReturnAction] = field(default_factory=list)
    deliveries: list[Delivery] = field(default_factory=list)
    alerts: dict[str, ReturnAlert] = field(default_factory=dict)
    letters: list[DeadLetter] = field(default_factory=list)
    facts: set[str] = field(default_factory=set)

    def take(self, topic: str, key: str | None, value: bytes | None, headers: Mapping[str, str]) -> None:
        """Add one record."""
        self.counts[topic] += 1
        if topic.startswith(_DEAD_LETTERS):
            reason = headers.get("dl_reason") or headers.get("dl_error", "")
            agent = topic.removeprefix(_DEAD_LETTERS)
            self.letters.append(DeadLetter(agent, reason, headers.get("dl_message", ""), key))
        elif topic == topics.ORDERS.name:
            self._take_order(key or "", value)
        elif value is not None:
            self._take_value(topic, value)

    def _take_order(self, key: str, value: bytes | None) -> None:
        if value is None:
            self.orders.pop(key, None)
            return
        self.orders[key] = Order.model_validate_json(value)
        self.facts.add(f"order {key}")

    def _take_value(self, topic: str, value: bytes) -> None:
        if topic == topics.RETURN_UNITS.name:
            unit = ReturnUnit.model_validate_json(value)
            self.units[unit.order_key, unit.rma, unit.sku, unit.ordinal] = unit
        elif topic == topics.RETURN_EVENTS.name:
            event = ReturnEvent.model_validate_json(value)
            self.events.append(event)
            self.facts.update(f"{event.meaning} {about}" for about in (event.rma, event.order_key))
        elif topic in _ACTIONS:
            self.actions.append(ReturnAction.model_validate_json(value))
        elif topic == topics.RETURN_DECISIONS.name:
            self.decisions.append(ReturnDecision.model_validate_json(value))
        elif topic == topics.TRACKING_DELIVERIES.name:
            self.deliveries.append(Delivery.model_validate_json(value))
        elif topic == topics.RETURN_ALERTS.name:
            alert = ReturnAlert.model_validate_json(value)
            self.alerts[alert.alert_id] = alert
