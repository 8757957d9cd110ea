"""A shop that goes on while it is imported, and what an order table must have of it in the end."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from pydantic import SecretStr

from contracts.keys import order_key
from contracts.orders import Order, ShopifyOrder
from contracts.retailers import Retailer
from demo.shopify.admin import ShopSimulator
from demo.shopify.notifying import deliveries
from demo.shopify.orders import changed, made
from demo.shopify.webhooks import Change
from producers.accounts import SigningAccount
from producers.messages import Message
from producers.retailers import Directory
from producers.sources import shopify as door
from producers.sources.base import Received
from streams.domain.orders import slim

APP_SECRET = "secret"  # noqa: S105 - of a simulated shop
APP = SigningAccount(name="app", secret=SecretStr(APP_SECRET), retailers=("*",))
# The names of orders that come while others are imported begin here.
NEW_ORDERS = 1_000_000


@dataclass(slots=True)
class Live:
    """The shop goes on while it is imported: new orders, changes, and webhooks that are not to be trusted.

    now: when the next change is. Records are what the ingress makes of the webhooks that arrive.
    """

    shop: ShopSimulator
    retailer: Retailer
    rng: random.Random
    now: Callable[[], datetime]
    count: int = 0
    directory: Directory = field(default_factory=Directory)

    def __post_init__(self) -> None:
        self.directory.apply(self.retailer.id, self.retailer.model_dump_json().encode())

    def goes_on(self, some: int) -> list[Message]:
        """So many changes, and the records of those of their webhooks that arrive."""
        changes = [self._change() for _ in range(some)]
        return [
            message
            for delivery in deliveries(changes, shop=self.shop.store.domain, secret=APP_SECRET, seed=self.count)
            for message in door.split(APP, Received(delivery.headers, delivery.raw), self.directory).messages
        ]

    def _change(self) -> tuple[str, Mapping[str, Any]]:
        self.count += 1
        change = next_change(self.shop, self.count, self.now(), self.rng)
        self.shop.store.put(change.body)
        return change.topic, change.body


def next_change(shop: ShopSimulator, count: int, at: datetime, rng: random.Random) -> Change:
    """What happens next in the shop: a new order (one in three or so), or a change of one that it has. count: of what
    has happened so far."""
    new = rng.random() < 0.3 or not len(shop.store)
    body = made(NEW_ORDERS + count, at, rng) if new else changed(shop.store.any_body(rng), at, rng)
    return Change(shop.store.domain, "orders/create" if new else "orders/updated", body)


def fill(shop: ShopSimulator, count: int, until: datetime, seed: int = 1, days: int = 20) -> random.Random:
    """Orders #1 to #count, created one after the other over so many days up to `until`."""
    rng = random.Random(seed)
    for number in range(count):
        created = until - timedelta(days=days) + timedelta(seconds=number * days * 86_400 // max(1, count))
        shop.store.put(made(number + 1, created, rng))
    return rng


def expected(shop: ShopSimulator, hash_key: bytes, retailer: str = "acme") -> dict[str, Order]:
    """What the table must have: every order of the shop as its webhook has it now."""
    return {
        order_key(retailer, body["name"]): slim(
            ShopifyOrder.model_validate(body), retailer=retailer, shop=shop.store.domain, hash_key=hash_key
        )
        for body in shop.store.bodies()
    }


def differences(found: Mapping[str, Order], wanted: Mapping[str, Order]) -> dict[str, object]:
    """What differs field by field; the time of the webhook that brought a version is nothing of the shop's."""
    plain = {key: order.model_copy(update={"triggered_at": None}) for key, order in found.items()}
    keys = [key for key in {*plain, *wanted} if plain.get(key) != wanted.get(key)]
    return {key: (plain.get(key), wanted.get(key)) for key in keys}
