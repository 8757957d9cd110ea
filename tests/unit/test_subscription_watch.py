"""The scheduled audit: who is called, how often, and that one shop's trouble is no other's."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs

from contracts.actions import AlertKind, ReturnAlert
from contracts.retailers import Retailer, ShopifyAccess
from streams.domain.subscriptions import Audit, Step, What
from streams.shopify import AccessDenied
from streams.subscription_watch import SubscriptionWatch
from tests.builders import retailer


def missing(*topics: str) -> Audit:
    return Audit(tuple(Step(What.CREATE, topic) for topic in topics))


def with_access(*ids: str) -> dict[str, Retailer]:
    return {
        id: retailer(id, shopify=ShopifyAccess(shop=f"{id}.myshopify.com", secret_ref=f"{id}/shopify")) for id in ids
    }


class World:
    """Shops that answer as they are told, a clock moved by hand, and who was called."""

    def __init__(self, retailers: Mapping[str, Retailer]) -> None:
        self.mine = True
        self.now = datetime(2026, 11, 1, 10, tzinfo=UTC)
        self.audits: dict[str, Audit | Exception] = {}
        self.asked: list[str] = []
        self.alerts: list[ReturnAlert] = []
        self.watch = SubscriptionWatch(retailers, lambda: self.mine, self.audit, self.tell, lambda: self.now)

    async def audit(self, retailer: Retailer) -> Audit:
        self.asked.append(retailer.id)
        found = self.audits.get(retailer.id, Audit(()))
        if isinstance(found, Exception):
            raise found
        return found

    async def tell(self, alert: ReturnAlert) -> None:
        self.alerts.append(alert)


async def test_a_person_is_called_once_a_day_as_long_as_it_lasts_and_when_more_goes_missing() -> None:
    world = World(with_access("acme"))
    world.audits["acme"] = missing("ORDERS_CREATE")
    for _ in range(3):
        await world.watch.look()
    world.audits["acme"] = missing("ORDERS_CREATE", "ORDERS_UPDATED")
    await world.watch.look()
    world.now += timedelta(days=1)
    await world.watch.look()

    first, more, next_day = world.alerts
    assert (first.kind, first.retailer, first.order_key) == (AlertKind.SUBSCRIPTION_MISSING, "acme", "acme/?*")
    assert "acme.myshopify.com does not send us ORDERS_CREATE (any more)" in first.message
    assert "subscriptions repair --retailer acme" in first.message
    assert "ORDERS_UPDATED" in more.message
    assert len({first.alert_id, more.alert_id, next_day.alert_id}) == 3


async def test_after_a_repair_the_next_loss_is_told_anew() -> None:
    world = World(with_access("acme"))
    for found in (missing("ORDERS_CREATE"), Audit(()), missing("ORDERS_CREATE")):
        world.audits["acme"] = found
        await world.watch.look()

    assert len(world.alerts) == 2


async def test_what_is_only_not_as_it_should_be_calls_nobody() -> None:
    world = World(with_access("acme"))
    world.audits["acme"] = Audit((Step(What.UPDATE, "ORDERS_CREATE", differs=("name",)),))

    await world.watch.look()

    assert world.alerts == []


async def test_shops_without_access_are_not_asked_and_one_that_refuses_holds_up_no_other() -> None:
    world = World({"cord": retailer("cord"), **with_access("acme", "bolt")})
    world.audits |= {"acme": AccessDenied("the token is not valid"), "bolt": missing("ORDERS_DELETE")}

    with capture_logs() as logs:
        await world.watch.look()

    assert world.asked == ["acme", "bolt"]
    assert [alert.retailer for alert in world.alerts] == ["bolt"]
    [failed] = [line for line in logs if line["action"] == "subscription_audit_failed"]
    assert (failed["retailer"], failed["error"]) == ("acme", "AccessDenied: the token is not valid")


async def turns(world: World, every_s: float, *mine: bool, patch: pytest.MonkeyPatch) -> list[int]:
    """At which of the minutes, in each of which it is on this process or not, it has looked."""
    minutes, looked = list(mine), list[int]()

    async def sleep(seconds: float) -> None:
        assert seconds == 60
        if world.asked:
            looked.append(len(mine) - len(minutes))
            world.asked.clear()
        if not minutes:
            raise asyncio.CancelledError
        world.mine = minutes.pop(0)

    patch.setattr(asyncio, "sleep", sleep)
    with pytest.raises(asyncio.CancelledError):
        await world.watch.run(every_s)
    return looked


async def test_one_process_looks_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await turns(World(with_access("acme")), 180, *[True] * 8, patch=monkeypatch) == [1, 4, 7]
    assert await turns(World(with_access("acme")), 180, *[False] * 8, patch=monkeypatch) == []


async def test_who_takes_over_looks_within_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = (True, True, False, False, True, True, True, True)

    assert await turns(World(with_access("acme")), 180, *mine, patch=monkeypatch) == [1, 5, 8]


async def test_a_bug_that_one_shop_meets_ends_nothing() -> None:
    world = World(with_access("acme", "bolt"))
    world.audits |= {"acme": KeyError("of ours"), "bolt": missing("ORDERS_DELETE")}

    await world.watch.look()

    assert [alert.retailer for alert in world.alerts] == ["bolt"]
