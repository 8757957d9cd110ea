"""The simulated shops send their webhooks: to whoever subscribed to them, signed, and again while they are not taken.

async with WebhookSender(shopify.shops, app_secret, Faults(), seed=1) as sender:
    await sender.changed(sale.change())     # the shop has it, and what arrives of its webhooks now is POSTed
    await sender.rest()                     # what was late
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

import httpx

from demo.shopify.admin import ShopSimulator
from demo.shopify.notifying import Arrival, Arrivals, Faults, delivery
from demo.shopify.webhooks import Change

# Shopify's own bound. Then it deletes the subscription.
ATTEMPTS = 8
# Doubled each time. Shopify's are minutes and hours.
RETRY_S = 0.25
# Shopify waits so long for an answer.
TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class Sent:
    """What the receiver said to a webhook in the end. status: 0 where it never answered."""

    arrival: Arrival
    status: int
    text: str


@dataclass(slots=True)
class WebhookSender:
    """Sends for any number of shops. secret: of the app that subscribed. retry_s: before the second attempt."""

    shops: Mapping[str, ShopSimulator]
    secret: str
    faults: Faults
    seed: int = 1
    retry_s: float = RETRY_S
    _arrivals: Arrivals = field(init=False)
    _client: httpx.AsyncClient = field(init=False)

    def __post_init__(self) -> None:
        self._arrivals = Arrivals(self.faults, self.seed)

    async def changed(self, change: Change) -> list[Sent]:
        """The shop has this version now, unless it had a later one already; send what arrives next."""
        store = self.shops[change.shop].store
        known = store.body(int(change.body["id"]))
        if known is None or known["updated_at"] < change.body["updated_at"]:
            store.put(change.body)
        return await self._send(self._arrivals.after(change))

    async def rest(self) -> list[Sent]:
        """Send all that is late."""
        return await self._send(self._arrivals.rest())

    async def __aenter__(self) -> Self:
        self._client = httpx.AsyncClient(timeout=TIMEOUT_S, trust_env=False)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._client.aclose()

    async def _send(self, arrived: Iterable[Arrival]) -> list[Sent]:
        return [
            await self._deliver(arrival, subscription)
            for arrival in arrived
            for subscription in self._subscribed(arrival.change)
        ]

    def _subscribed(self, change: Change) -> list[dict[str, Any]]:
        topic = change.topic.upper().replace("/", "_")
        return [each for each in self.shops[change.shop].store.subscriptions.values() if each["topic"] == topic]

    async def _deliver(self, arrival: Arrival, subscription: Mapping[str, Any]) -> Sent:
        post, sent = delivery(arrival, self.secret, subscription["includeFields"]), Sent(arrival, 0, "")
        for attempt in range(ATTEMPTS):
            if attempt:
                await asyncio.sleep(self.retry_s * 2 ** (attempt - 1))
            try:
                answer = await self._client.post(subscription["uri"], content=post.raw, headers=post.headers)
            except httpx.TransportError as error:
                sent = Sent(arrival, 0, type(error).__name__)
                continue
            sent = Sent(arrival, answer.status_code, answer.text)
            if answer.is_success:
                return sent
        self.shops[arrival.change.shop].store.subscriptions.pop(subscription["id"], None)
        return sent
