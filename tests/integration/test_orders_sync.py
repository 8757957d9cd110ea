"""The order table beside a real broker: imported while webhooks are lost, repeated and late, killed, reconciled."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from contracts import topics
from contracts.imports import OrderImport
from contracts.retailers import Retailer
from demo.shopify.admin import ShopSimulator
from demo.shopify.bucket import PointBucket
from demo.shopify.live import Live, differences, fill
from demo.shopify.orders import changed
from demo.shopify.simulator import ShopifySimulator
from producers.patience import publish_patiently
from producers.settings import KafkaSettings
from streams.agents.order_reconcile import order_reconcile
from streams.agents.order_table import order_table
from streams.engine import metrics
from streams.engine.agent import Agent
from streams.engine.global_table import GlobalTable
from streams.engine.kafka import Cluster
from streams.engine.options import RunnerOptions
from streams.engine.runner import AgentRunner
from streams.retailers_topic import differences as changes_of
from streams.retailers_topic import write
from streams.settings import Settings, ShopifySettings
from streams.shop_work import shop_work, shops_of
from streams.wiring import shop_callers
from tests.builders import HASH_KEY
from tests.integration.conftest import Command
from tests.integration.order_tables import orders_of
from tests.unit.producers.shop_kit import ACME, SHOP, expected
from tests.waiting import eventually

pytestmark = pytest.mark.kafka

ORDERS = 300
KILLS = 10


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    file = tmp_path / "acme" / "shopify"
    file.parent.mkdir()
    file.write_text(json.dumps({"access_token": "token"}))
    return tmp_path


@pytest.fixture
def shop() -> Iterator[tuple[ShopSimulator, str]]:
    with ShopifySimulator() as shopify:
        points = PointBucket(maximum=20_000, restore_rate=20_000)
        yield shopify.add(SHOP, access_token="token", bucket=points), shopify.base_url


@asynccontextmanager
async def agent_running(agent: Agent, cluster: Cluster, settings: Settings) -> AsyncIterator[None]:
    """An agent runs, with the callers that it has in a process of its own."""
    stop = asyncio.Event()
    retailers = GlobalTable(cluster, topics.RETAILERS, Retailer)
    following = asyncio.create_task(retailers.follow())
    shops = shops_of(settings)
    options = RunnerOptions(callers=shop_callers(retailers, settings, shops))
    running = asyncio.create_task(AgentRunner(agent, cluster, retailers, options).run(stop))
    try:
        yield
    finally:
        stop.set()
        await running
        following.cancel()
        await asyncio.wait({following})
        await shops.aclose()


async def settled(cluster: Cluster, shop: ShopSimulator) -> dict[str, object]:
    """What still differs once the table has had its time to catch up."""
    deadline = time.monotonic() + 20
    while (found := differences(await orders_of(cluster), expected(shop))) and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(0.2)
    return found


def missed_so_far() -> float:
    """What the metric says of the agent's runs."""
    return float(metrics.ORDERS_MISSED.labels("acme")._value.get())


async def import_killed(settings: Settings, live: Live, after: int) -> OrderImport | None:
    """Import until so many steps have been told, then end as if the process were gone."""
    steps = 0
    gone = asyncio.Event()

    def told(_: OrderImport) -> None:
        nonlocal steps
        steps += 1
        if steps > after:
            gone.set()

    async with shop_work(settings) as work:
        running = asyncio.create_task(work.import_orders(ACME, 30, False, told))
        await publish_patiently(work.publisher, live.goes_on(12))
        await asyncio.wait({running, asyncio.create_task(gone.wait())}, return_when=asyncio.FIRST_COMPLETED)
        gone.set()
        running.cancel()
        await asyncio.wait({running})
        return None if running.cancelled() else running.result()


async def test_after_one_reconciliation_the_table_is_the_shops(
    installed: None,
    environment: dict[str, str],
    command: Command,
    shop: tuple[ShopSimulator, str],
    secrets: Path,
) -> None:
    """300 orders imported beside webhooks of which 10 % are lost, 10 % repeated, 20 % late; killed ten times."""
    simulated, base_url = shop
    kafka = KafkaSettings(
        bootstrap_servers=environment["KAFKA__BOOTSTRAP_SERVERS"], topic_prefix=environment["KAFKA__TOPIC_PREFIX"]
    )
    settings = Settings(kafka=kafka, secrets_dir=secrets, shopify=ShopifySettings(base_url=base_url))
    cluster = settings.cluster
    rng = fill(simulated, ORDERS, datetime.now(UTC))
    live = Live(simulated, ACME, rng, now=lambda: datetime.now(UTC))
    await write(cluster, changes_of([ACME], {}))
    async with agent_running(order_table(HASH_KEY), cluster, settings):
        done: OrderImport | None = None
        for _ in range(KILLS):
            done = await import_killed(settings, live, after=rng.randint(1, 3))
            if done is not None:
                break
        assert done is None, "it was killed each time"
        there = {"SECRETS_DIR": str(secrets), "SHOPIFY__BASE_URL": base_url}
        imported = await asyncio.to_thread(command, "orders", "import", "--retailer", "acme", **there)
        assert imported.code == 0, imported.err
        assert "orders of acme created since" in imported.out
        # Nothing but the reconciliation finds what is lost of these.
        async with shop_work(settings) as work:
            await publish_patiently(work.publisher, live.goes_on(40))
        latest = max(body["updated_at"] for body in simulated.store.bodies())
        await eventually(lambda: datetime.now(UTC) > datetime.fromisoformat(latest), "the last change is in the past")
        reconciled = await asyncio.to_thread(command, "orders", "reconcile", "--retailer", "acme", **there)
        assert reconciled.code == 0, reconciled.err
        assert "written 0," not in reconciled.out, "webhooks were lost"

        assert await settled(cluster, simulated) == {}
        no_longer_under_way = datetime.now(UTC) - timedelta(minutes=6)
        lost = next(
            b for b in simulated.store.bodies() if datetime.fromisoformat(b["updated_at"]) < no_longer_under_way
        )
        simulated.store.put(changed(lost, no_longer_under_way, rng))
        before = missed_so_far()
        async with agent_running(order_reconcile(every_s=1), cluster, settings):
            assert await settled(cluster, simulated) == {}, "the agent has found it"
            # The call's answer comes after its records.
            await eventually(lambda: missed_so_far() != before, "what was missed is counted")
        assert missed_so_far() == before + 1
