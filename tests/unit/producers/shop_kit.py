"""A simulated shop, an order table in memory beside it, and a publisher that carries records from one to the other."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from contracts import topics
from contracts.envelope import from_headers
from contracts.imports import OrderImport, OrderReconciliation
from contracts.orders import Order
from contracts.retailers import Retailer, ShopifyAccess
from demo.shopify import live
from demo.shopify.admin import ShopSimulator
from producers.messages import Message
from producers.orders_reconcile import KnownVersion
from producers.problems import Unavailable
from streams.agents.order_table import order_table
from streams.engine.driver import AgentTestDriver
from streams.secrets import Secret
from tests.builders import HASH_KEY, retailer

SHOP = "acme.myshopify.com"
ACME = retailer("acme", shopify=ShopifyAccess(shop=SHOP, secret_ref="acme/shopify"))
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


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


def fill(shop: ShopSimulator, count: int, days: int = 20) -> random.Random:
    """Orders #1 to #count, created one after the other over so many days up to now."""
    return live.fill(shop, count, NOW, days=days)


def expected(shop: ShopSimulator) -> dict[str, Order]:
    """What the table must have: every order of the shop as its webhook has it now."""
    return live.expected(shop, HASH_KEY)
