"""A simulated shop, an order table in memory beside it, and a publisher that carries records from one to the other."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import SecretStr

from contracts import topics
from contracts.envelope import from_headers
from contracts.imports import OrderImport, OrderReconciliation
from contracts.keys import order_key
from contracts.orders import Order, ShopifyOrder
from contracts.retailers import Retailer, ShopifyAccess
from demo.shopify.admin import ShopSimulator
from demo.shopify.notifying import deliveries
from demo.shopify.orders import changed, made
from producers.accounts import SigningAccount
from producers.messages import Message
from producers.orders_reconcile import KnownVersion
from producers.problems import Unavailable
from producers.retailers import Directory
from producers.sources import shopify as door
from producers.sources.base import Received
from streams.agents.order_table import order_table
from streams.domain.orders import slim
from streams.engine.driver import AgentTestDriver
from streams.secrets import Secret
from tests.builders import HASH_KEY, retailer

SHOP = "acme.myshopify.com"
ACME = retailer("acme", shopify=ShopifyAccess(shop=SHOP, secret_ref="acme/shopify"))
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


APP = SigningAccount(name="app", secret=SecretStr("secret"), retailers=("*",))


class Killed(BaseException):
    """The process ends here; nothing of it goes on."""


class Files:
    """The shop's lasting token."""

    def get(self, ref: str) -> Secret | None:
        return Secret({"access_token": "token"})


@dataclass(slots=True)
class Installation:
    """Topics and order table of one retailer. kill_after: records until the process is killed; None: never."""

    retailer: Retailer = ACME
    driver: AgentTestDriver = field(default_factory=lambda: AgentTestDriver(order_table(HASH_KEY), now=NOW))
    records: list[Message] = field(default_factory=list)
    cursors: dict[str, bytes] = field(default_factory=dict)
    kill_after: int | None = None
    unavailable: int = 0
    ready: bool = True

    async def publish(self, messages: Sequence[Message], until: float | None = None) -> None:
        if self.unavailable:
            self.unavailable -= 1
            raise Unavailable("the brokers did not take it in time", cause="timeout")
        for message in messages:
            if self.kill_after is not None:
                if self.kill_after == 0:
                    raise Killed
                self.kill_after -= 1
            self.take(message)

    def take(self, message: Message) -> None:
        """A record that is on the brokers."""
        self.records.append(message)
        if message.topic is topics.ORDER_CURSORS:
            self.cursors[message.key or ""] = message.value
        else:
            self.driver.pipe_record(message.topic, (message.key or "").encode(), message.value, message.headers)

    def take_all(self, messages: Iterable[Message]) -> None:
        """Several of them."""
        for message in messages:
            self.take(message)

    def imported(self) -> OrderImport | None:
        row = self.cursors.get("acme/import")
        return None if row is None else OrderImport.model_validate_json(row)

    def reconciled(self) -> OrderReconciliation | None:
        row = self.cursors.get("acme/reconciliation")
        return None if row is None else OrderReconciliation.model_validate_json(row)

    async def known(self, keys: Collection[str]) -> Mapping[str, KnownVersion]:
        table = self.table()
        return {k: KnownVersion(o.id, o.updated_at, frozenset(o.other_ids)) for k in keys if (o := table.get(k))}

    def table(self) -> dict[str, Order]:
        """What a reader of `orders` knows."""
        return self.driver.store(self.driver.agent.stores["orders"])

    def envelopes(self) -> list[Mapping[str, str]]:
        """The extensions of the order records, in their order."""
        orders = [message for message in self.records if message.topic is topics.ORDER_EVENTS]
        return [from_headers(message.headers).extensions for message in orders]


@dataclass(slots=True)
class Live:
    """The shop goes on while it is imported: new orders, changes, and webhooks that are not to be trusted.

    now: when the next change is. Records are what the ingress makes of the webhooks that arrive.
    """

    shop: ShopSimulator
    rng: random.Random
    now: Callable[[], datetime]
    count: int = 0
    directory: Directory = field(default_factory=Directory)

    def __post_init__(self) -> None:
        self.directory.apply("acme", ACME.model_dump_json().encode())

    def goes_on(self, some: int) -> list[Message]:
        """So many changes, and the records of those of their webhooks that arrive."""
        changes = [self._change() for _ in range(some)]
        return [
            message
            for delivery in deliveries(changes, shop=SHOP, secret="secret", seed=self.count)
            for message in door.split(APP, Received(delivery.headers, delivery.raw), self.directory).messages
        ]

    def _change(self) -> tuple[str, Mapping[str, Any]]:
        self.count += 1
        new, known = self.rng.random() < 0.3, self.shop.store.bodies()
        at = self.now()
        body = made(10_000 + self.count, at, self.rng) if new else changed(self.rng.choice(known), at, self.rng)
        self.shop.store.put(body)
        return ("orders/create" if new else "orders/updated"), body


def fill(shop: ShopSimulator, count: int, seed: int = 1, days: int = 20, until: datetime = NOW) -> random.Random:
    """Orders #1 to #count, created one after the other over so many days up to `until`."""
    rng = random.Random(seed)
    for number in range(count):
        created = until - timedelta(days=days) + timedelta(seconds=number * days * 86_400 // max(1, count))
        shop.store.put(made(number + 1, created, rng))
    return rng


def expected(shop: ShopSimulator) -> dict[str, Order]:
    """What the table must have: every order of the shop as its webhook has it now."""
    return {order_key("acme", body["name"]): kept(body) for body in shop.store.bodies()}


def kept(body: Mapping[str, Any]) -> Order:
    """The slim order of one body."""
    return slim(ShopifyOrder.model_validate(body), retailer="acme", shop=SHOP, hash_key=HASH_KEY)


def differences(found: Mapping[str, Order], wanted: Mapping[str, Order]) -> dict[str, object]:
    """What differs field by field; the time of the webhook that brought a version is nothing of the shop's."""
    plain = {key: order.model_copy(update={"triggered_at": None}) for key, order in found.items()}
    keys = [key for key in {*plain, *wanted} if plain.get(key) != wanted.get(key)]
    return {key: (plain.get(key), wanted.get(key)) for key in keys}
