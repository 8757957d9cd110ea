"""Looks now and then whether shops still send us their webhooks: Shopify deletes a subscription after eight failures.

One process does it for all: the one that has the order table's first partition. Whoever takes that over looks within a
minute. For that moment two may look: they raise the same alert, under one id. It is no timer of an agent, because there
is nothing to be kept: what was found yesterday says nothing about today.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from contracts import topics
from contracts.actions import AlertKind, ReturnAlert
from contracts.envelope import Letterhead
from contracts.keys import fact_id, order_key
from contracts.retailers import Retailer
from streams.domain.subscriptions import Audit
from streams.engine import metrics
from streams.engine.clock import Clock, utc_now
from streams.engine.kafka import Cluster, append
from streams.engine.records import OutRecord
from streams.settings import Settings
from streams.subscription_audit import audit_of, shops_of

log = structlog.get_logger()

NAME = "subscription-watch"
# How often it is asked whose turn it is. Not at once after a start: the group is still being dealt out, and a process
# that dies again at once should ask no shop.
TURN_S = 60.0

Auditor = Callable[[Retailer], Awaitable[Audit]]
Raise = Callable[[ReturnAlert], Awaitable[None]]


@dataclass(slots=True)
class SubscriptionWatch:
    """retailers: read live. mine: whether it is on this process to look. tell: writes an alert, acknowledged."""

    retailers: Mapping[str, Retailer]
    mine: Callable[[], bool]
    audit: Auditor
    tell: Raise
    clock: Clock = utc_now
    _told: dict[str, str] = field(default_factory=dict)

    async def run(self, every_s: float) -> None:
        """For ever. What fails is told in the log, and tried again the next time."""
        turn_s, due_in_s = min(TURN_S, every_s), 0.0
        while True:
            await asyncio.sleep(turn_s)
            due_in_s -= turn_s
            if not self.mine():
                due_in_s = 0.0
            elif due_in_s <= 0:
                await self.look()
                due_in_s = every_s

    async def look(self) -> None:
        """Once at each shop whose access we have; a person is called where one does not send (all of) its webhooks."""
        for retailer in list(self.retailers.values()):
            if retailer.shopify.secret_ref is None:
                continue
            try:
                await self._one(retailer)
            except Exception as error:  # the shop's, the brokers', or a bug: the other shops are looked at all the same
                log.warning(
                    "subscriptions could not be audited",
                    action="subscription_audit_failed",
                    retailer=retailer.id,
                    error=f"{type(error).__name__}: {error}",
                )

    async def _one(self, retailer: Retailer) -> None:
        found, now = await self.audit(retailer), self.clock()
        log.info(
            "subscriptions audited",
            action="subscriptions_audited",
            retailer=retailer.id,
            to_do=len(found.changes),
            missing=list(found.missing),
        )
        if not found.missing:
            self._told.pop(retailer.id, None)
            return
        alert = _alert(retailer, found, now)
        # Once a day as long as it lasts, and at once where more goes missing.
        if self._told.get(retailer.id) != alert.alert_id:
            await self.tell(alert)
            self._told[retailer.id] = alert.alert_id
            metrics.ALERTS.labels(NAME, alert.kind).inc()


def _alert(retailer: Retailer, found: Audit, now: datetime) -> ReturnAlert:
    kind, id = AlertKind.SUBSCRIPTION_MISSING, retailer.id
    return ReturnAlert(
        alert_id=fact_id(kind, id, *found.missing, now.date()),
        kind=kind,
        retailer=id,
        order_key=order_key(id, "?*"),
        message=(
            f"{retailer.shopify.shop} does not send us {', '.join(found.missing)} (any more): run `returnstreams "
            f"subscriptions repair --retailer {id}`, then `returnstreams orders reconcile --retailer {id}`"
        ),
        at=now,
    )


async def watch(
    retailers: Mapping[str, Retailer], mine: Callable[[], bool], settings: Settings, *, every_s: float
) -> None:
    """The watch of an installation, for ever. ConfigError where its settings do not let it ask."""
    async with shops_of(settings) as shops:
        looking = SubscriptionWatch(
            retailers,
            mine,
            lambda retailer: audit_of(shops, retailer, settings),
            lambda alert: _written(settings.cluster, alert),
        )
        await looking.run(every_s)


async def _written(cluster: Cluster, alert: ReturnAlert) -> None:
    event = topics.RETURN_ALERTS.event_for(ReturnAlert)
    headers = Letterhead(f"returnstreams/{NAME}").headers(
        alert.alert_id, event.type, event.dataschema, alert.at, alert.order_key, None
    )
    record = OutRecord(topics.RETURN_ALERTS.name, alert.order_key.encode(), alert.to_json(), headers)
    await append(cluster, [record])
