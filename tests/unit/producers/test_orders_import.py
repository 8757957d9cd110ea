"""The first import: complete, gone on with after a kill, harmless beside newer versions, by pages or in bulk."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest

from contracts.imports import OrderImport
from demo.shopify.admin import ShopSimulator
from demo.shopify.live import differences
from demo.shopify.orders import changed
from producers.orders_import import OrdersImport
from streams.shopify import AdminClient
from tests.unit.producers.shop_kit import ACME, NOW, Installation, Killed, expected, fill


def work(client: AdminClient, into: Installation, told: list[OrderImport] | None = None) -> OrdersImport:
    heard: list[OrderImport] = [] if told is None else told
    return OrdersImport(ACME, client, into, told=heard.append, now=lambda: NOW)


@pytest.mark.parametrize("bulk", [False, True])
async def test_every_order_of_the_days_is_in_the_table_as_the_shop_has_it(
    shop: ShopSimulator, client: AdminClient, bulk: bool
) -> None:
    rng = fill(shop, 70)
    for body in shop.store.bodies()[::3]:
        shop.store.put(changed(changed(body, NOW, rng), NOW, rng))
    into, told = Installation(), list[OrderImport]()

    done = await work(client, into, told).run(None, 30, bulk=bulk)

    assert differences(into.table(), expected(shop)) == {}
    assert (done.imported, done.total, done.finished_at) == (70, 70, NOW)
    assert into.imported() == done
    assert [at.imported for at in told] == sorted(at.imported for at in told)
    assert {extensions["via"] for extensions in into.envelopes()} == {"import"}
    assert shop.bucket.throttled == 0


async def test_only_the_days_that_were_asked_for_are_imported(shop: ShopSimulator, client: AdminClient) -> None:
    fill(shop, 40, days=20)
    into = Installation()

    done = await work(client, into).run(None, 10)

    assert done.imported == len(into.table()) == 20


@pytest.mark.parametrize("bulk", [False, True])
async def test_an_import_that_is_killed_goes_on_behind_the_last_page_that_was_written(
    shop: ShopSimulator, client: AdminClient, bulk: bool
) -> None:
    fill(shop, 120)
    into, rng, kills = Installation(), random.Random(4), 0
    while (known := into.imported()) is None or known.finished_at is None:
        into.kill_after = rng.randint(10, 50)
        try:
            await work(client, into).run(known, 30, bulk=bulk)
        except Killed:
            kills += 1
    assert kills >= 2

    assert differences(into.table(), expected(shop)) == {}
    orders = len(into.envelopes())
    assert orders <= 120 + kills * 30, "at most the page in hand is written again"


async def test_a_finished_import_begins_anew_when_it_is_asked_for_again(
    shop: ShopSimulator, client: AdminClient
) -> None:
    fill(shop, 5)
    into = Installation()
    first = await work(client, into).run(None, 30)

    again = await work(client, into).run(first, 30)

    assert again.imported == 5
    assert len(into.table()) == 5


async def test_an_import_never_overwrites_a_newer_version(shop: ShopSimulator, client: AdminClient) -> None:
    """The webhook of a change comes while the page with the version before it is still on its way."""
    rng = fill(shop, 10)
    earlier = Installation()
    await work(client, earlier).run(None, 30)
    for body in shop.store.bodies():
        shop.store.put(changed(body, NOW, rng))
    into = Installation()
    await work(client, into).run(None, 30)

    for late in earlier.records:
        into.take(late)

    assert differences(into.table(), expected(shop)) == {}


async def test_brokers_that_are_away_for_a_moment_are_waited_for(shop: ShopSimulator, client: AdminClient) -> None:
    fill(shop, 3)
    into = Installation(unavailable=2)

    await work(client, into).run(None, 30)

    assert len(into.table()) == 3


async def test_a_bulk_operation_that_is_gone_is_started_again(shop: ShopSimulator, client: AdminClient) -> None:
    fill(shop, 4)
    into = Installation()
    operation, since = "gid://shopify/BulkOperation/999", NOW - timedelta(days=30)
    gone = OrderImport(retailer="acme", since=since, started_at=NOW, bulk=operation, imported=2)

    done = await work(client, into).run(gone, 30)

    assert done.imported == len(into.table()) == 4


async def test_many_orders_are_imported_in_bulk_by_themselves(shop: ShopSimulator, client: AdminClient) -> None:
    fill(shop, 12)
    small, large = Installation(), Installation()

    by_pages = await work(client, small).run(None, 30)
    in_bulk = await OrdersImport(ACME, client, large, bulk_above=11, now=lambda: NOW).run(None, 30)

    assert (by_pages.bulk, in_bulk.bulk is not None) == (None, True)
    assert small.table() == large.table()
