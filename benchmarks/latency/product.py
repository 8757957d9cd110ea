"""The product: the ingress and four agents, each a process; its order and upload paths, measured on the way."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.latency.client import Client, Request, connected, on_the_wire
from benchmarks.latency.figures import cpu, latencies
from benchmarks.latency.rounds import Load, Target
from benchmarks.latency.watch import watching
from contracts import topics
from demo.credentials import Credentials
from demo.scene import Stage
from demo.senders import Item, Senders
from demo.shopify.webhooks import Line
from demo.stack import INGRESS, PARTITIONS, Stack
from producers.settings import KafkaSettings

SHOP = "bench"
# Tracking-forward is left out: it stands beside the measured path, and its hook would be ours.
AGENTS = ("order-table", "return-rules", "carrier-scans", "return-actions")
RETAILERS = """
retailers:
  - id: bench
    name: "Bench"
    portal: omnireturns
    shopify: {shop: bench.myshopify.com}
    customer_choice: {enabled: true}
    return_action: first_scan
    rules:
      - {name: everything, when: always, then: refund}
"""
# Nothing for so long: what was sent before has settled in every agent.
QUIET_S = 2.0


class Requests:
    """What the outside sends about a return, by its number."""

    def __init__(self, credentials: Credentials) -> None:
        self._senders = Senders(credentials, {SHOP: "Bench"})
        self._stage = Stage(self._senders, datetime.now(UTC), {SHOP: "bench.myshopify.com"})

    def order(self, number: int) -> Request:
        """Its order, as Shopify sends it."""
        line = Line("COAT", 1, "120.00", discounts=("20.00",), taxes=("16.00",))
        sale = self._stage.sale(SHOP, f"#B{number}", 5_000_000_000_000 + number * 100, line)
        return on_the_wire(key(number), self._senders.order(sale))

    def upload(self, number: int) -> Request:
        """Its upload: one unit, to be refunded."""
        item = Item("COAT", action="REFUND")
        return on_the_wire(key(number), self._senders.upload(SHOP, f"B{number}", f"R{number}", f"P{number}", item))

    def scan(self, number: int) -> Request:
        """The carrier's first scan of its parcel."""
        scan = ("OP-10", self._stage.day(2), "Hamburg, DE", "Picked up")
        return on_the_wire(key(number), self._senders.omniparcel(f"P{number}", scan))


def key(number: int) -> str:
    """Of the order: the key of its row, its decision and its action."""
    return f"{SHOP}/B{number}"


@contextmanager
def running(kafka: KafkaSettings, directory: Path, load: Load) -> Iterator[tuple[Target, dict[str, Any]]]:
    """The product with every return known and no parcel scanned; and what its other paths took."""
    credentials = Credentials.fresh([SHOP])
    with Stack(kafka, directory=directory, credentials=credentials) as stack:
        stack.apply(RETAILERS)
        stack.start_ingress()
        for name in AGENTS:
            stack.start_agent(name)
        stack.wait_ready(INGRESS, *AGENTS)
        requests = Requests(credentials)
        found = asyncio.run(_prepare(stack, requests, load))
        scans = [requests.scan(n) for n in range(load.scans)]
        topic = f"{kafka.topic_prefix}{topics.REFUNDS.name}"
        yield Target(stack.ingress_url, stack.options, topic, scans, stack.pids), found


async def _prepare(stack: Stack, requests: Requests, load: Load) -> dict[str, Any]:
    found: dict[str, Any] = {}
    async with connected(stack.ingress_url) as client:
        with cpu(stack.pids) as idle:
            await asyncio.sleep(load.idle_s)
        found["idle_cpu_percent"] = idle
        count = load.scans + int(load.side_rate * load.side_seconds)
        found["orders"] = await _orders(stack, client, requests, load, range(count))
        found["uploads"] = await _uploads(stack, client, requests, load, range(load.scans, count))
        await client.flood(requests.upload(n) for n in range(load.scans))
        await _quiet(stack)
    return found


async def _orders(stack: Stack, client: Client, requests: Requests, load: Load, all_of: range) -> dict[str, Any]:
    """Order webhook -> row of the compacted topic: one hop. The rest of the orders follows, as fast as it is taken."""
    measured = all_of[: int(load.rate * load.side_seconds)]
    async with watching(stack.options, stack.kafka.topic_prefix, [topics.ORDERS.name], PARTITIONS) as watch:
        sent = await client.steady([requests.order(n) for n in measured], load.rate)
        await watch.all_of(topics.ORDERS.name, sent)
        await client.flood(requests.order(n) for n in all_of[len(measured) :])
        await watch.all_of(topics.ORDERS.name, map(key, all_of))
        return latencies(sent, watch.seen[topics.ORDERS.name])


async def _uploads(stack: Stack, client: Client, requests: Requests, load: Load, measured: range) -> dict[str, Any]:
    """Upload -> decision (one hop) and, because their scans are known, -> action (three hops)."""
    await client.flood(requests.scan(n) for n in measured)
    await _quiet(stack)
    names = [topics.RETURN_DECISIONS.name, topics.REFUNDS.name]
    async with watching(stack.options, stack.kafka.topic_prefix, names, PARTITIONS) as watch:
        sent = await client.steady([requests.upload(n) for n in measured], load.side_rate)
        for name in names:
            await watch.all_of(name, sent)
        return {name: latencies(sent, watch.seen[name]) for name in names}


async def _quiet(stack: Stack) -> None:
    changelogs: Iterable[str] = [f"{name}-changelog" for name in AGENTS]
    async with watching(stack.options, stack.kafka.topic_prefix, changelogs, PARTITIONS) as watch:
        await watch.quiet(QUIET_S)
