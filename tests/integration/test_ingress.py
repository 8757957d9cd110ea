"""The ingress on a real Kafka and a real socket: what got 2xx is in its topic, what got 4xx is nowhere."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import uvicorn
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import NewTopic
from pydantic import SecretStr

from contracts.topics import (
    CARRIER_EVENTS,
    ORDER_EVENTS,
    RETAILERS,
    RETURN_EVENTS,
    RETURN_UPLOADS,
    Topic,
    partitions_of,
)
from demo.broker import BrokerOptions, EmbeddedCluster
from producers.incoming import MAX_BODY_BYTES
from producers.messages import KEPT, partition_of
from producers.retailers import path_token
from producers.service import Ingress, server_config
from producers.settings import IngressSettings, KafkaSettings, Settings
from tests.integration.administration import admin
from tests.unit.producers import support
from tests.unit.producers.support import body, shopify_headers
from tests.waiting import eventually

pytestmark = pytest.mark.kafka

PARTITIONS = 3
TOPICS = (ORDER_EVENTS, RETURN_UPLOADS, RETURN_EVENTS, CARRIER_EVENTS, RETAILERS, KEPT)
ORDER = body("shopify/order_2026.json")
ACME = {"token": "acme-token", "retailer": "Acme Outdoors", "content-type": "application/json"}


def settings_for(bootstrap: str, prefix: str) -> Settings:
    return Settings(
        kafka=KafkaSettings(bootstrap_servers=bootstrap, topic_prefix=prefix),
        ingress=IngressSettings(
            shopify_secrets=(support.APP,),
            shopify_path_key=SecretStr(support.PATH_KEY),
            shippo_accounts=(support.SHIPPO,),
            omniparcel_accounts=(support.SEKO,),
            omnirps_tokens=(support.ACME_TOKEN,),
        ),
    )


async def prepare(bootstrap: str, prefix: str, replicas: int = 1) -> None:
    """Topics as the catalogue has them, and two retailers."""
    insync = {"min.insync.replicas": "2" if replicas > 1 else "1"}
    async with admin(bootstrap) as client:
        await client.create_topics(
            [
                NewTopic(f"{prefix}{t.name}", partitions_of(t, PARTITIONS), replicas, topic_configs=t.config | insync)
                for t in TOPICS
            ]
        )
    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all") as producer:
        for retailer in support.RETAILERS:
            await producer.send_and_wait(
                f"{prefix}{RETAILERS.name}", retailer.model_dump_json().encode(), key=retailer.id.encode()
            )


async def records(bootstrap: str, prefix: str, topics: Sequence[Topic] = TOPICS) -> list[Any]:
    """Everything in these topics, without the retailers."""
    names = [f"{prefix}{topic.name}" for topic in topics if topic is not RETAILERS]
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap, auto_offset_reset="earliest") as consumer:
        parts = [
            TopicPartition(name, number)
            for name in names
            for number in range(1 if name.endswith(KEPT.name) else PARTITIONS)
        ]
        consumer.assign(parts)
        ends = await consumer.end_offsets(parts)
        found: list[Any] = []
        while any([await consumer.position(part) < end for part, end in ends.items()]):
            for batch in (await consumer.getmany(timeout_ms=200)).values():
                found.extend(batch)
        return found


async def status_is(client: httpx.AsyncClient, status: int) -> bool:
    """Whether `/readyz` answers with this."""
    try:
        return (await client.get("/readyz")).status_code == status
    except httpx.ConnectError:
        return False


@asynccontextmanager
async def listening(ingress: Ingress) -> AsyncIterator[httpx.AsyncClient]:
    """The ingress behind a real socket, as `returnstreams serve` has it."""
    listener = socket.create_server(("127.0.0.1", 0))
    config = server_config(ingress.app, IngressSettings())
    config.timeout_graceful_shutdown = 3
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve([listener]))
    host, port = listener.getsockname()
    async with httpx.AsyncClient(base_url=f"http://{host}:{port}", timeout=10) as client:
        try:
            await eventually(lambda: status_is(client, 200), "/readyz says 200", 20)
            yield client
        finally:
            server.should_exit = True
            await asyncio.wait_for(serving, 20)


def headers_of(record: Any) -> dict[str, str]:
    return {name: value.decode() for name, value in record.headers}


async def test_each_sender_arrives_in_its_topic_under_its_key(kafka: str, topic_prefix: str) -> None:
    await prepare(kafka, topic_prefix)
    redact = body("shopify/customers_redact.json")
    asked = body("shopify/customers_data_request.json")
    own_path = f"/webhooks/shopify/{path_token(support.PATH_KEY, 'acme')}"
    requests = [
        (own_path, ORDER, shopify_headers(ORDER, "orders/create")),
        ("/webhooks/shopify", redact, shopify_headers(redact, "customers/redact")),
        ("/webhooks/shopify", ORDER, shopify_headers(ORDER, "themes/publish")),
        ("/webhooks/shopify", asked, shopify_headers(asked, "customers/data_request")),
        ("/webhooks/shippo?token=ship-token", body("shippo/track_updated.json"), {}),
        ("/webhooks/omniparcel", body("omniparcel/status.json"), {"username": "seko", "password": "pass"}),
        ("/omnirps/returns", body("omnirps/returns.json"), ACME),
        ("/omnirps/events", body("omnirps/events.json"), ACME),
        ("/omnirps/return-status", body("omnirps/return_status.json"), ACME),
    ]
    async with listening(Ingress(settings_for(kafka, topic_prefix))) as client:
        for path, raw, headers in requests:
            assert (await client.post(path, content=raw, headers=headers)).status_code == 200, path

    found = await records(kafka, topic_prefix)
    seen = sorted((record.topic.removeprefix(topic_prefix), record.key.decode()) for record in found)
    erased = [("order-events", "acme/?9007199254740993")] * PARTITIONS
    assert seen == sorted(
        [
            *erased,
            ("order-events", "acme/AC-1001"),
            ("dead-letters.ingress", "acme"),
            ("order-events", "acme/?299938"),
            ("carrier-events", "9205590164917312"),
            ("carrier-events", "NZ000123"),
            ("carrier-events", "TRK55"),
            ("carrier-events", "LOOP2"),
            ("carrier-events", "LOOP2"),
            ("return-uploads", "acme/AC-1001"),
            ("return-uploads", "acme/AC-1002"),
            ("return-events", "acme/AC-1001"),
            ("return-events", "acme/AC-1001"),
            ("return-events", "acme/AC-1001"),
        ]
    )
    assert {r.partition for r in found if r.key == b"acme/?9007199254740993"} == set(range(PARTITIONS))
    (order,) = [r for r in found if r.topic.endswith(ORDER_EVENTS.name) and r.key == b"acme/AC-1001"]
    assert (order.value, order.partition) == (ORDER, partition_of("acme/AC-1001", PARTITIONS))
    assert headers_of(order)["ce_source"] == "shopify://acme.myshopify.com"
    assert headers_of(order)["ce_type"] == "com.returnstreams.order.received.v1"
    schemas = [
        (said["ce_type"], said["ce_dataschema"]) for said in map(headers_of, found) if said.get("ce_type") is not None
    ]
    assert len(schemas) == len(found) - 1, "all but the dead letter"
    assert all(schema == f"urn:returnstreams:schema:{kind}" for kind, schema in schemas)


async def test_a_4xx_has_written_nothing(kafka: str, topic_prefix: str) -> None:
    await prepare(kafka, topic_prefix)
    flipped = bytearray(ORDER)
    flipped[100] ^= 1
    refused = [
        ("/webhooks/shopify", bytes(flipped), shopify_headers(ORDER, "orders/create"), 401),
        ("/webhooks/shopify", ORDER, shopify_headers(ORDER, "orders/create", "no.myshopify.com"), 404),
        ("/omnirps/returns", body("omnirps/returns.json").replace(b'"RMA-8"', b'""'), ACME, 422),
        ("/omnirps/returns", bytes(MAX_BODY_BYTES + 1), ACME, 413),
    ]
    async with listening(Ingress(settings_for(kafka, topic_prefix))) as client:
        for path, raw, headers, status in refused:
            assert (await client.post(path, content=raw, headers=headers)).status_code == status

        async def without_length() -> AsyncIterator[bytes]:
            for _ in range(MAX_BODY_BYTES // 65_536 + 8):
                yield bytes(65_536)

        response = await client.post("/omnirps/returns", content=without_length(), headers=ACME)
        assert response.status_code == 413
    assert await records(kafka, topic_prefix) == []


async def test_a_body_of_nearly_ten_mebibytes_is_stored(kafka: str, topic_prefix: str) -> None:
    await prepare(kafka, topic_prefix)
    padding = b'{"note":"' + b"x" * (MAX_BODY_BYTES - len(ORDER) - 20) + b'",'
    raw = padding + ORDER.strip()[1:]
    async with listening(Ingress(settings_for(kafka, topic_prefix))) as client:
        response = await client.post("/webhooks/shopify", content=raw, headers=shopify_headers(raw, "orders/updated"))
        assert response.status_code == 200
    (record,) = await records(kafka, topic_prefix)
    assert record.value == raw


async def test_a_retailer_that_is_applied_while_we_run_is_known_at_once(kafka: str, topic_prefix: str) -> None:
    await prepare(kafka, topic_prefix)
    late = support.retailer("late", "Late Ltd")
    async with listening(Ingress(settings_for(kafka, topic_prefix))) as client:

        async def post() -> int:
            headers = shopify_headers(ORDER.replace(b"acme.", b"late."), "orders/create", "late.myshopify.com")
            return (
                await client.post("/webhooks/shopify", content=ORDER.replace(b"acme.", b"late."), headers=headers)
            ).status_code

        assert await post() == 404
        async with AIOKafkaProducer(bootstrap_servers=kafka) as producer:
            await producer.send_and_wait(
                f"{topic_prefix}{RETAILERS.name}", late.model_dump_json().encode(), key=b"late"
            )

        async def is_known() -> bool:
            return await post() == 200

        await eventually(is_known, "the ingress knows the new retailer", 5)


async def test_without_brokers_it_starts_says_so_and_comes_back() -> None:
    prefix = "outage."
    cluster = EmbeddedCluster(BrokerOptions(nodes=1))
    await asyncio.to_thread(cluster.start)
    try:
        await prepare(cluster.bootstrap_servers, prefix)
        ingress = Ingress(settings_for(cluster.bootstrap_servers, prefix))
        async with listening(ingress) as client:
            await asyncio.to_thread(cluster.kill, 1)
            acknowledged: list[bytes] = []
            for number in range(4):
                raw = ORDER.replace(b"#AC-1001", b"#DOWN-%d" % number)
                began = time.monotonic()
                response = await client.post(
                    "/webhooks/shopify", content=raw, headers=shopify_headers(raw, "orders/create")
                )
                assert time.monotonic() - began < 3
                assert (response.status_code, response.headers["retry-after"]) == (503, "5")
            await eventually(lambda: status_is(client, 503), "/readyz says 503", 5)
            await asyncio.to_thread(cluster.restart, 1)
            await eventually(lambda: status_is(client, 200), "/readyz says 200 again", 30)
            for number in range(4):
                raw = ORDER.replace(b"#AC-1001", b"#BACK-%d" % number)
                response = await client.post(
                    "/webhooks/shopify", content=raw, headers=shopify_headers(raw, "orders/create")
                )
                if response.status_code == 200:
                    acknowledged.append(raw)
        assert acknowledged
        stored = {record.value for record in await records(cluster.bootstrap_servers, prefix, [ORDER_EVENTS])}
        assert stored >= set(acknowledged)
        assert ingress.door.reading.used == 0
    finally:
        await asyncio.to_thread(cluster.stop)


async def test_it_stops_in_time_while_the_brokers_are_away() -> None:
    cluster = EmbeddedCluster(BrokerOptions(nodes=1))
    await asyncio.to_thread(cluster.start)
    try:
        await prepare(cluster.bootstrap_servers, "stop.")
        async with listening(Ingress(settings_for(cluster.bootstrap_servers, "stop."))) as client:
            await asyncio.to_thread(cluster.kill, 1)
            await client.post("/webhooks/shopify", content=ORDER, headers=shopify_headers(ORDER, "orders/create"))
            began = time.monotonic()
        assert time.monotonic() - began < 15
    finally:
        await asyncio.to_thread(cluster.stop)
