"""Three brokers and their faults, clients and theirs: whatever got 2xx is in its topic, what got 4xx is not."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson
import pytest

from contracts.topics import CARRIER_EVENTS, ORDER_EVENTS
from demo.broker import Cluster
from demo.broker.ports import LOOPBACK, free_ports
from producers import incoming
from producers.service import Ingress
from producers.settings import Settings
from tests.integration.administration import admin
from tests.integration.test_ingress import headers_of, listening, prepare, records, settings_for, status_is
from tests.unit.producers.support import body, shopify_headers
from tests.waiting import eventually

# Three brokers start; one fails over and comes back.
pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]

ORDER = body("shopify/order_2026.json")
# When Shopify hangs up. We promise half of it; a machine that is busy may take a little more.
PATIENCE_S = 5.0
# A dead leader is noticed after 9 s; then an election, and new metadata.
FAILOVER_S = 60.0
NAMES = itertools.count(1)


@dataclass
class Ledger:
    """What senders were told about orders of different names."""

    client: httpx.AsyncClient
    accepted: set[bytes] = field(default_factory=set)
    refused: set[bytes] = field(default_factory=set)
    statuses: Counter[int] = field(default_factory=Counter)

    async def post(self, raw: bytes | None = None, secret: str = "hush") -> httpx.Response:
        """One order, a new one or this one again, answered while the sender still listens."""
        raw = raw or ORDER.replace(b"#AC-1001", b"#N-%d" % next(NAMES))
        headers = shopify_headers(raw, "orders/create", secret=secret)
        began = time.monotonic()
        response = await self.client.post("/webhooks/shopify", content=raw, headers=headers)
        assert time.monotonic() - began < PATIENCE_S
        self.statuses[response.status_code] += 1
        if response.is_success:
            self.accepted.add(raw)
        elif response.is_client_error:
            self.refused.add(raw)
        else:
            assert (response.status_code, response.headers["retry-after"]) == (503, "5")
        return response

    async def accepts(self, count: int) -> None:
        """Until so many more were accepted, one after the other and beside others."""
        end = len(self.accepted) + count

        async def more() -> bool:
            await self.post()
            return len(self.accepted) >= end

        await eventually(more, f"{count} more accepted", FAILOVER_S)

    async def holds(self, cluster: Cluster, prefix: str) -> None:
        """The promise."""
        stored = {record.value for record in await records(cluster.bootstrap_servers, prefix, [ORDER_EVENTS])}
        assert self.accepted <= stored
        assert not self.refused & stored
        assert self.accepted


@asynccontextmanager
async def up(cluster: Cluster, prefix: str, copies: int = 3, **ingress: Any) -> AsyncIterator[tuple[Ingress, Ledger]]:
    """An ingress on the cluster, at work."""
    await prepare(cluster.bootstrap_servers, prefix, copies)
    settings = settings_for(cluster.bootstrap_servers, prefix)
    if ingress:
        settings = Settings(kafka=settings.kafka, ingress=settings.ingress.model_copy(update=ingress))
    made = Ingress(settings)
    async with listening(made) as client:
        ledger = Ledger(client)
        await ledger.accepts(1)
        yield made, ledger


async def leader(cluster: Cluster, name: str, partition: int = 0) -> int:
    async with admin(cluster.bootstrap_servers) as client:
        (described,) = await client.describe_topics([name])
    return next(int(p["leader"]) for p in described["partitions"] if p["partition"] == partition)


@pytest.fixture
def nodes(kafka_cluster: Cluster) -> Iterator[Cluster]:
    yield kafka_cluster
    kafka_cluster.heal()


async def test_a_leader_that_dies_before_between_and_after(nodes: Cluster, topic_prefix: str) -> None:
    """Under load all stages are met; and one request is surely between its acceptance and the brokers' word."""
    async with up(nodes, topic_prefix) as (_, ledger):
        victim = await leader(nodes, f"{topic_prefix}{ORDER_EVENTS.name}")
        ending = asyncio.Event()

        async def keeps_posting() -> None:
            while not ending.is_set():
                await ledger.post(secret="guess" if next(NAMES) % 10 == 0 else "hush")

        load = [asyncio.create_task(keeps_posting()) for _ in range(4)]
        await ledger.accepts(10)
        await asyncio.to_thread(nodes.pause, victim)
        between = [asyncio.create_task(ledger.post()) for _ in range(8)]
        await asyncio.wait(between, return_when=asyncio.FIRST_COMPLETED)
        await asyncio.to_thread(nodes.kill, victim)
        await asyncio.gather(*between)
        await ledger.accepts(10)  # another leads now
        await asyncio.to_thread(nodes.restart, victim)
        await ledger.accepts(10)
        ending.set()
        await asyncio.gather(*load)
        await ledger.holds(nodes, topic_prefix)
        assert ledger.refused
        assert set(ledger.statuses) <= {200, 401, 503}


async def test_without_enough_replicas_it_says_503_and_recovers(nodes: Cluster, topic_prefix: str) -> None:
    async with up(nodes, topic_prefix) as (_, ledger):
        before = len(ledger.accepted)
        for node in (2, 3):
            await asyncio.to_thread(nodes.pause, node)
        assert {(await ledger.post()).status_code for _ in range(2)} == {503}
        assert len(ledger.accepted) == before
        nodes.heal()
        await ledger.accepts(5)
        await ledger.holds(nodes, topic_prefix)


async def test_what_is_abandoned_counts_until_it_is_resolved(nodes: Cluster, topic_prefix: str) -> None:
    """The brokers take nothing: bytes fill up, then 503 at once; when they do again, nothing is left behind."""
    async with up(nodes, topic_prefix, max_in_flight_bytes=8 * len(ORDER)) as (ingress, ledger):
        for node in (1, 2, 3):
            await asyncio.to_thread(nodes.pause, node)
        answers = await asyncio.gather(*(ledger.post() for _ in range(12)))
        assert {answer.status_code for answer in answers} == {503}
        assert any("in flight" in answer.json()["detail"] for answer in answers)
        assert ingress._publisher._budget.used > 0
        nodes.heal()
        await ledger.accepts(5)

        await eventually(
            lambda: ingress._publisher._budget.used == ingress.door.reading.used == 0,
            "nothing is in flight",
            FAILOVER_S,
        )
        await ledger.holds(nodes, topic_prefix)


async def test_slow_and_vanishing_clients_hold_up_nobody(
    nodes: Cluster, topic_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incoming, "BODY_TIMEOUT_S", 1.0)
    async with up(nodes, topic_prefix) as (ingress, ledger):
        url = ledger.client.base_url
        start = b"POST /webhooks/shopify HTTP/1.1\r\nhost: x\r\n"
        slow = [await asyncio.open_connection(url.host, url.port) for _ in range(20)]
        for _, writer in slow:
            writer.write(start + b"content-length: 1000\r\n\r\n{")
        await ledger.accepts(5)
        said = {(await asyncio.wait_for(reader.readline(), 10)).split()[1] for reader, _ in slow}
        assert said == {b"408"}
        for node in (1, 2, 3):
            await asyncio.to_thread(nodes.pause, node)
        for _ in range(5):
            _, writer = await asyncio.open_connection(url.host, url.port)
            signed = "".join(f"{k}: {v}\r\n" for k, v in shopify_headers(ORDER, "orders/create").items())
            writer.write(start + signed.encode())
            writer.write(b"content-length: %d\r\n\r\n" % len(ORDER) + ORDER)
            await writer.drain()
            writer.transport.abort()
        nodes.heal()
        await ledger.accepts(2)

        await eventually(lambda: ingress.door.requests == ingress.door.reading.used == 0, "no request is under way", 10)
        for _, writer in slow:
            writer.close()
        await ledger.holds(nodes, topic_prefix)


async def test_a_request_of_many_records_can_be_repeated(nodes: Cluster, topic_prefix: str) -> None:
    """Not a transaction: with one node away some are written and the others not. Repeated, each fact has its one id."""
    parcels = orjson.loads(body("omniparcel/status.json"))[:1] * 30
    raw = orjson.dumps([{**each, "ConsignmentNo": f"P{number}"} for number, each in enumerate(parcels)])
    login = {"username": "seko", "password": "pass", "content-type": "application/json"}

    async def facts() -> Counter[str]:
        found = await records(nodes.bootstrap_servers, topic_prefix, [CARRIER_EVENTS])
        return Counter(headers_of(record)["ce_id"] for record in found)

    async with up(nodes, topic_prefix, copies=1) as (_, ledger):
        # The producer knows the topic before a node is away, so that it has not to ask that very one about it.
        known = await ledger.client.post("/webhooks/omniparcel", content=orjson.dumps(parcels[:1]), headers=login)
        assert known.status_code == 200
        victim = await leader(nodes, f"{topic_prefix}{CARRIER_EVENTS.name}")
        await asyncio.to_thread(nodes.pause, victim)
        first = await ledger.client.post("/webhooks/omniparcel", content=raw, headers=login)
        assert first.status_code == 503
        await asyncio.to_thread(nodes.resume, victim)

        async def taken() -> bool:
            return (await ledger.client.post("/webhooks/omniparcel", content=raw, headers=login)).status_code == 200

        await eventually(taken, "the request is taken whole", FAILOVER_S)
        found = await facts()
        assert len(found) == 31
        assert max(found.values()) > 1, "the first attempt had written some already"


async def test_sigterm_under_load_breaks_no_request(nodes: Cluster, topic_prefix: str) -> None:
    """Who is answered while it drains is told to come no more on this connection."""
    await prepare(nodes.bootstrap_servers, topic_prefix, 3)
    (port,) = free_ports(1)
    environment = _environment(nodes, topic_prefix, port)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "producers", env=environment, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        async with httpx.AsyncClient(base_url=f"http://{LOOPBACK}:{port}", timeout=10) as client:
            await eventually(lambda: status_is(client, 200), "/readyz says 200", 60)
            ledger = Ledger(client)

            async def until_told() -> None:
                told = False
                while not told:
                    told = (await ledger.post()).headers.get("connection") == "close"

            load = [asyncio.create_task(until_told()) for _ in range(8)]
            await ledger.accepts(20)
            process.send_signal(signal.SIGTERM)
            await asyncio.wait_for(asyncio.gather(*load), 30)
        assert await asyncio.wait_for(process.wait(), 30) == 0
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert set(ledger.statuses) == {200}
    await ledger.holds(nodes, topic_prefix)


def _environment(cluster: Cluster, prefix: str, port: int) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("RETURNSTREAMS_")}
    return kept | {
        "RETURNSTREAMS_KAFKA__BOOTSTRAP_SERVERS": cluster.bootstrap_servers,
        "RETURNSTREAMS_KAFKA__TOPIC_PREFIX": prefix,
        "RETURNSTREAMS_INGRESS__PORT": str(port),
        "RETURNSTREAMS_INGRESS__SHOPIFY_SECRETS": '[{"name": "app", "secret": "hush", "retailers": ["*"]}]',
    }
