"""Reconciliation: what webhooks lost is found, fetched, written and counted; what the table has costs a point."""

from __future__ import annotations

import random
from datetime import timedelta

import orjson

from contracts import topics
from contracts.orders import ErasureReason, OrderErasure
from demo.shopify.admin import ShopSimulator
from demo.shopify.live import Live, differences
from demo.shopify.orders import changed, made
from producers.orders_import import OrdersImport
from producers.orders_reconcile import GRACE, Reconciler
from streams.shopify import AdminClient
from tests.unit.producers.shop_kit import ACME, NOW, Installation, Killed, expected, fill

LATER = NOW + timedelta(hours=1)


def reconciler(client: AdminClient, into: Installation) -> Reconciler:
    return Reconciler(ACME, client, into, into.known, now=lambda: LATER)


async def test_after_one_reconciliation_the_table_is_the_shops_whatever_webhooks_did(
    shop: ShopSimulator, client: AdminClient
) -> None:
    """An import beside live webhooks, 10 % lost, 10 % repeated, 20 % reordered, both killed ten times on the way."""
    rng, into = fill(shop, 200), Installation()
    live, kills = Live(shop, ACME, rng, now=lambda: NOW + timedelta(seconds=live.count)), 0
    while (known := into.imported()) is None or known.finished_at is None:
        into.take_all(live.goes_on(12))
        into.kill_after = rng.randint(10, 60) if kills < 7 else None
        try:
            await OrdersImport(ACME, client, into, now=lambda: NOW).run(known, 30)
        except Killed:
            kills += 1
    into.take_all(live.goes_on(60))
    assert differences(into.table(), expected(shop)) != {}, "something was lost"
    done = None
    while done is None:
        into.kill_after = rng.randint(0, 2) if kills < 10 else None
        try:
            done, _ = await reconciler(client, into).run(into.reconciled(), NOW)
        except Killed:
            kills += 1

    assert kills == 10
    assert differences(into.table(), expected(shop)) == {}


async def test_what_the_table_has_is_not_fetched_again(shop: ShopSimulator, client: AdminClient) -> None:
    fill(shop, 60)
    into = Installation()
    await OrdersImport(ACME, client, into, now=lambda: NOW).run(None, 30)
    spent, written = shop.bucket.spent, len(into.envelopes())

    done, tally = await reconciler(client, into).run(None, NOW - timedelta(days=30))

    assert (tally.checked, tally.written, tally.missed, done.missed) == (60, 0, 0, 0)
    assert len(into.envelopes()) == written
    assert shop.bucket.spent - spent <= 60 + 2, "a point an order"


async def test_what_was_missed_is_counted_and_what_is_still_on_its_way_is_only_fetched(
    shop: ShopSimulator, client: AdminClient
) -> None:
    rng, into = random.Random(1), Installation()
    missed = made(1, NOW, rng)
    under_way = made(2, LATER - GRACE + timedelta(seconds=1), rng)
    for body in (missed, under_way):
        shop.store.put(body)

    _, tally = await reconciler(client, into).run(None, NOW)

    assert (tally.written, tally.missed) == (2, 1)
    assert {extensions["via"] for extensions in into.envelopes()} == {"reconcile"}
    assert differences(into.table(), expected(shop)) == {}


async def test_the_next_run_begins_a_little_before_the_last_one_ended(shop: ShopSimulator, client: AdminClient) -> None:
    rng, into = random.Random(1), Installation()
    first, _ = await reconciler(client, into).run(None, NOW)
    late = made(1, LATER - timedelta(minutes=9), rng)  # the search did not show it yet
    old = made(2, LATER - timedelta(minutes=11), rng)
    for body in (late, old):
        shop.store.put(body)

    second, tally = await reconciler(client, into).run(first, NOW - timedelta(days=30))

    assert (tally.checked, second.runs) == (1, 2)
    assert set(into.table()) == {"acme/1"}


async def test_two_orders_of_one_name_are_both_in_the_table(shop: ShopSimulator, client: AdminClient) -> None:
    rng, into = random.Random(1), Installation()
    for number in (1, 2):
        shop.store.put({**made(number, NOW, rng), "name": "#SAME"})

    await reconciler(client, into).run(None, NOW)
    _, tally = await reconciler(client, into).run(None, NOW)

    assert len(into.table()["acme/SAME"].other_ids) == 1
    assert tally.missed == 0, "the second one's version is not known, but that it is there"


async def test_what_was_erased_stays_erased(shop: ShopSimulator, client: AdminClient) -> None:
    rng, into = random.Random(1), Installation()
    body = made(1, NOW, rng)
    shop.store.put(body)
    await reconciler(client, into).run(None, NOW)
    erasure = OrderErasure(retailer="acme", order_ids=(str(body["id"]),), reason=ErasureReason.CUSTOMER_REDACTED)
    into.driver.pipe(topics.ORDER_EVENTS, erasure, key="acme/?*")
    shop.store.put(changed(body, NOW + timedelta(minutes=1), rng))

    await reconciler(client, into).run(None, NOW)
    await OrdersImport(ACME, client, into, now=lambda: NOW).run(None, 30)

    assert into.table() == {}


async def test_an_order_that_is_not_kept_any_more_is_not_fetched(shop: ShopSimulator, client: AdminClient) -> None:
    rng, into = random.Random(1), Installation()
    shop.store.put(changed(made(1, NOW - timedelta(days=200), rng), NOW, rng))

    _, tally = await reconciler(client, into).run(None, NOW)

    assert (tally.checked, tally.written) == (0, 0)


async def test_nothing_personal_is_in_a_cursor(shop: ShopSimulator, client: AdminClient) -> None:
    fill(shop, 10)
    into = Installation()
    await OrdersImport(ACME, client, into, now=lambda: NOW).run(None, 30)
    await reconciler(client, into).run(None, NOW)

    assert len(into.cursors) == 2
    assert all(b"@" not in row and orjson.loads(row) for row in into.cursors.values())
