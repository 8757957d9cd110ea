"""The product as a whole, in memory: the doors of the ingress, the order table, and the three agents that pay."""

from __future__ import annotations

import json
from collections import defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random

import yaml

from contracts import topics
from contracts.actions import AlertKind, ReturnAction, ReturnAlert
from contracts.keys import tracking_key
from contracts.retailers import Retailer
from contracts.returns import ReturnUnit
from contracts.tracking import CarrierFormat, CarrierReport, Source
from producers.accounts import LoginAccount, SigningAccount, TokenAccount
from producers.retailers import Directory
from producers.sources import aftership, easypost, omniparcel, omnirps_events, omnirps_returns, omnirps_status, shopify
from producers.sources.base import Received, Split
from streams.agents.carrier_scans import carrier_scans
from streams.agents.order_table import order_table
from streams.agents.return_actions import return_actions
from streams.agents.return_rules import AGENT as RETURN_RULES
from streams.engine.driver import AgentTestDriver, Written
from streams.retailers_file import parse
from tests.builders import HASH_KEY
from tests.wire.orders import Money
from tests.wire.reference import Paid, States
from tests.wire.words import Body, fold

HUB = {"token": "t"}
# Small enough that every timer of every agent fires close to its time and what it writes is read at once.
_TICK = timedelta(hours=12)

READERS: dict[str, str] = {
    topics.ORDER_EVENTS.name: "order-table",
    topics.ORDERS.name: "return-rules",
    topics.RETURN_UPLOADS.name: "return-rules",
    topics.CARRIER_EVENTS.name: "carrier-scans",
    topics.CONSIGNMENTS.name: "carrier-scans",
    topics.RETURN_EVENTS.name: "return-actions",
    topics.RETURN_DECISIONS.name: "return-actions",
}


@dataclass
class Chain:
    """random: which of the topics that hold something is read next."""

    random: Random
    retailers: dict[str, Retailer] = field(default_factory=dict)
    directory: Directory = field(default_factory=Directory)
    agents: dict[str, AgentTestDriver] = field(init=False)
    under_way: defaultdict[str, deque[tuple[bytes | None, bytes | None, tuple[tuple[str, bytes], ...]]]] = field(
        default_factory=lambda: defaultdict(deque)
    )
    units: dict[str, ReturnUnit] = field(default_factory=dict)
    actions: list[ReturnAction] = field(default_factory=list)
    alerts: list[ReturnAlert] = field(default_factory=list)
    refused: list[object] = field(default_factory=list)

    def __post_init__(self) -> None:
        agents = (order_table(HASH_KEY), RETURN_RULES, carrier_scans, return_actions)
        self.agents = {agent.name: AgentTestDriver(agent, self.retailers) for agent in agents}

    @property
    def now(self) -> datetime:
        """What all clocks show."""
        return self.agents["order-table"].now

    @property
    def paid(self) -> Paid:
        """What was paid, as the reference has it."""
        return {
            (each.order_key, each.rma, fold(each.sku), each.ordinal): (
                each.option.value,
                ((each.amount, each.tax, each.currency), _presentment(each)),
                (each.line_id, each.line_index),
            )
            for each in self.actions
        }

    @property
    def states(self) -> States:
        """Where every unit stands, as the reference has it."""
        of_units = {(u.order_key, u.rma, fold(u.sku), u.ordinal): u.state.value for u in self.units.values()}
        return {name: "gone" if state in ("withdrawn", "stopped") else state for name, state in of_units.items()}

    def called(self, kind: AlertKind) -> set[str]:
        """The ids of the matters of this kind for which a person was called."""
        return {alert.alert_id for alert in self.alerts if alert.kind is kind}

    def advance(self, seconds: int) -> None:
        """Time passes for all agents alike."""
        end = self.now + timedelta(seconds=seconds)
        while True:
            step = min(_TICK, end - self.now)
            for agent in self.agents.values():
                self._wrote(agent.advance(step))
            self._hand_on()
            if self.now == end:
                return

    def apply(self, retailer: Body) -> None:
        """`retailers apply` of a file that holds this one."""
        parsed = parse(yaml.safe_dump({"retailers": [retailer]}))
        assert parsed.ok, parsed.render()
        (read,) = parsed.retailers
        before = self.retailers.get(read.id)
        self.retailers[read.id] = read.model_copy(update={"version": before.version + 1 if before else 1})
        self.directory.apply(read.id, self.retailers[read.id].model_dump_json().encode())

    def order(self, retailer: str, body: Body, triggered: str | None) -> None:
        """An order webhook."""
        self._webhook(retailer, "orders/updated", body, triggered)

    def erase(self, retailer: str, number: str) -> None:
        """orders/delete."""
        self._webhook(retailer, "orders/delete", {"id": int(number)}, None)

    def upload(self, retailer: str, elements: list[Body]) -> None:
        """POST /omnirps/returns."""
        self._take(omnirps_returns.split(_hub(retailer), self._from(retailer, elements), self.directory))

    def hub(self, retailer: str, elements: list[Body]) -> None:
        """POST /omnirps/events."""
        self._take(omnirps_events.split(_hub(retailer), self._from(retailer, elements), self.directory))

    def status(self, retailer: str, order: str, rma: str, status: str, at: str) -> None:
        """POST /omnirps/return-status."""
        name = self.retailers[retailer].name
        body = {"Retailer": name, "OrderNumber": order, "RMA": rma, "Status": status, "EventDT": at}
        self._take(omnirps_status.split(_hub(retailer), _received(body), self.directory))

    def carrier(self, sender: str, body: Body, retailers: list[str] | None) -> None:
        """A carrier's webhook, by an account that may speak for these retailers, for all where none are named."""
        whom = tuple(retailers or "*")
        signing = SigningAccount.model_validate({"name": "carrier", "retailers": whom, "secret": "s"})
        if sender == "easypost":
            self._take(easypost.split(signing, _received(body), self.directory))
        elif sender == "aftership":
            self._take(aftership.split(signing, _received(body), self.directory))
        elif sender == "omniparcel":
            login = LoginAccount.model_validate({"name": "carrier", "retailers": whom, "token": "t"})
            self._take(omniparcel.split(login, _received([body]), self.directory))
        else:
            self._report(CarrierFormat(sender), body, body["data"]["tracking_number"], whom)

    def _report(self, vocabulary: CarrierFormat, body: Body, number: str, retailers: tuple[str, ...]) -> None:
        source = Source(sender=vocabulary.value, account="carrier", retailers=retailers)
        report = CarrierReport(format=vocabulary, source=source, tracking_number=number, element=body)
        record = tracking_key(number).encode(), report.model_dump_json().encode(), ()
        self.under_way[topics.CARRIER_EVENTS.name].append(record)
        self._hand_on()

    def _webhook(self, retailer: str, topic: str, body: Body, triggered: str | None) -> None:
        headers = {"x-shopify-topic": topic, "x-shopify-shop-domain": self.retailers[retailer].shopify.shop}
        if triggered is not None:
            headers["x-shopify-triggered-at"] = triggered
        app = SigningAccount.model_validate({"name": "app", "retailers": ("*",), "secret": "s"})
        self._take(shopify.split(app, _received(body, headers), self.directory))

    def _from(self, retailer: str, elements: list[Body]) -> Received:
        return _received(elements, {"retailer": self.retailers[retailer].name})

    def _take(self, split: Split) -> None:
        self.refused.extend(split.kept)
        for message in split.messages:
            key = message.key.encode() if message.key is not None else None
            self.under_way[message.topic.name].append((key, message.value, message.headers))
            self._hand_on()

    def _hand_on(self) -> None:
        while ready := sorted(name for name, records in self.under_way.items() if records):
            name = self.random.choice(ready)
            record = self.under_way[name].popleft()
            self._wrote(self.agents[READERS[name]].pipe_record(topics.named(name), *record))

    def _wrote(self, written: Sequence[Written]) -> None:
        actions = {topic.name for topic in topics.ACTIONS.values()}
        for each in written:
            if each.topic in READERS:
                self.under_way[each.topic].append((each.key.encode(), each.value, each.record.headers))
            elif each.topic in actions:
                self.actions.append(each.read(ReturnAction))
            elif each.topic == topics.RETURN_UNITS.name:
                self.units[each.key] = each.read(ReturnUnit)
            elif each.topic == topics.RETURN_ALERTS.name:
                self.alerts.append(each.read(ReturnAlert))
            elif each.topic.startswith("dead-letters"):
                self.refused.append(each)


def _hub(retailer: str) -> TokenAccount:
    return TokenAccount.model_validate({"name": "hub", "retailers": (retailer,), "token": "t"})


def _received(body: object, headers: dict[str, str] | None = None) -> Received:
    return Received({**HUB, **(headers or {})}, json.dumps(body).encode())


def _presentment(action: ReturnAction) -> Money | None:
    amount, tax, currency = action.presentment_amount, action.presentment_tax, action.presentment_currency
    return None if amount is None or tax is None or currency is None else (amount, tax, currency)
