"""What a body may hold: depth and digits as the agents can read them, elements untouched; and each sender's share."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx
import pytest

from contracts.orders import OrderHint, ShopifyOrder
from contracts.tracking import CarrierReport
from producers.app import build
from producers.door import ANSWER_WITHIN_S, Door
from producers.incoming import MAX_HEADER_BYTES
from producers.messages import KEPT, Message
from producers.problems import Invalid, NotJson
from producers.sources import aftership, easypost, omniparcel, omnirps_events, omnirps_returns, shippo, shopify
from producers.sources.base import Received, parse
from tests.unit.producers import support
from tests.unit.producers.support import body
from tests.waiting import eventually

ORDER = body("shopify/order_2026.json")
REFUND = body("shopify/refund.json")
KNOWN = support.directory()
# 2^53 + 1 (the first that a double cannot hold), the largest of 64 bits, and one beyond.
EXACT = (9_007_199_254_740_993, 2**64 - 1, 10**30 + 1)


def taken_of_shopify(raw: bytes, topic: str) -> Message:
    (message,) = shopify.split(support.APP, support.shopify(raw, topic), KNOWN).messages
    return message


@pytest.mark.parametrize("number", EXACT)
def test_an_integer_is_exact_however_large(number: int) -> None:
    assert parse(str(number).encode()) == number
    order = taken_of_shopify(ORDER.replace(b'"id":9007199254740993,', b'"id":%d,' % number, 1), "orders/updated")
    assert ShopifyOrder.model_validate_json(order.value).id == str(number)
    refund = json.dumps({**json.loads(REFUND), "order_id": number, "note": number}).encode()
    hint = OrderHint.model_validate_json(taken_of_shopify(refund, "refunds/create").value)
    assert (hint.order_id, hint.body["note"]) == (str(number), number)


@pytest.mark.parametrize("raw", [b"NaN", b"Infinity", b"1" * 4301, b"[" * 202 + b"]" * 202, b"1" * 1_000_000])
def test_digits_and_depth_that_no_agent_could_read_are_no_json(raw: bytes) -> None:
    began = time.process_time()
    with pytest.raises(NotJson) as problem:
        parse(raw)
    assert time.process_time() - began < 1
    assert len(str(problem.value)) < 100


CARRIERS: dict[str, Any] = {
    "easypost/tracker_updated.json": (easypost, support.EASYPOST),
    "aftership/tracking.json": (aftership, support.AFTERSHIP),
    "shippo/track_updated.json": (shippo, support.SHIPPO),
}


@pytest.mark.parametrize("name", CARRIERS)
@pytest.mark.parametrize("extra", ['"big": 123456789012345678901234567890', '"price": 12.10', '"é": "\\u00e9 \\/"'])
def test_what_we_do_not_know_goes_on_byte_for_byte(name: str, extra: str) -> None:
    module, account = CARRIERS[name]
    raw = b"{" + extra.encode() + b", " + body(name).lstrip()[1:]
    (message,) = module.split(account, Received({}, raw), KNOWN).messages
    assert raw.strip() in message.value
    assert CarrierReport.model_validate_json(message.value).element == parse(raw)


def test_a_parcel_with_an_integer_that_cannot_be_written_again_is_kept() -> None:
    raw = b'[{"ConsignmentNo":"A1","x":%d},{"ConsignmentNo":"B2"}]' % 10**30
    result = omniparcel.split(support.SEKO, Received({}, raw), KNOWN)
    assert [message.key for message in result.messages] == ["B2", None]
    assert (result.messages[-1].topic, result.kept) == (KEPT, ("unwritable",))


@pytest.mark.parametrize("depth", [150, 197])
def test_what_is_deep_and_taken_can_be_read_by_the_agents(depth: int) -> None:
    deep = b'{"deep":' + b"[" * depth + b"]" * depth + b", "
    order = taken_of_shopify(deep + ORDER.lstrip()[1:], "orders/updated")
    assert ShopifyOrder.model_validate_json(order.value).name == "#AC-1001"
    for name, (module, account) in CARRIERS.items():
        (message,) = module.split(account, Received({}, deep + body(name).lstrip()[1:]), KNOWN).messages
        assert "deep" in CarrierReport.model_validate_json(message.value).element


@pytest.mark.parametrize(
    ("split", "raw", "pointer"),
    [
        (omnirps_returns.split, [{"Sku": 10**300}], "/0/ConsignmentNo"),
        (omnirps_events.split, [{"Code": "DS", "ConsignmentNo": "A1", "x": 10**30}], ""),
    ],
)
def test_uploads_say_what_is_wrong(split: Any, raw: object, pointer: str) -> None:
    headers = {"retailer": "Acme Outdoors"}
    with pytest.raises(Invalid) as problem:
        split(support.ACME_TOKEN, Received(headers, json.dumps(raw).encode()), KNOWN)
    assert pointer in [error.pointer for error in problem.value.errors]


class SlowPublisher:
    """Takes what it is given once it is told to. until: when each publish had to be done."""

    ready = True

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.waiting = 0
        self.until: list[float | None] = []

    async def publish(self, messages: Sequence[Message], until: float | None = None) -> None:
        self.until.append(until)
        self.waiting += 1
        await self.go.wait()


@pytest.fixture
def publisher() -> SlowPublisher:
    return SlowPublisher()


@pytest.fixture
def door(publisher: SlowPublisher) -> Door:
    return support.door_of(
        {
            "shopify": [support.APP],
            "omnirps": [support.ACME_TOKEN, support.BOLT_TOKEN],
            "omniparcel": [support.SEKO],
        },
        publisher,
        directory=KNOWN,
    )


@pytest.fixture
async def client(door: Door) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(build(door)), base_url="http://ingress") as client:
        yield client


def upload(client: httpx.AsyncClient, token: str = "acme-token", retailer: str = "Acme Outdoors") -> Any:
    headers = {"token": token, "retailer": retailer, "content-type": "application/json"}
    encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
    return client.post("/omnirps/returns", content=body("omnirps/returns.json"), headers=encoded)


def order(client: httpx.AsyncClient) -> Any:
    return client.post("/webhooks/shopify", content=ORDER, headers=support.shopify_headers(ORDER, "orders/create"))


async def test_an_account_over_its_share_is_told_so_and_the_others_are_served(
    client: httpx.AsyncClient, publisher: SlowPublisher
) -> None:
    async with asyncio.TaskGroup() as group:
        # A quarter of eight.
        own = [group.create_task(upload(client)) for _ in range(2)]
        await eventually(lambda: publisher.waiting == 2, "its whole share is being published")
        third = await upload(client)
        assert (third.status_code, third.headers["retry-after"]) == (429, "5")
        other = group.create_task(upload(client, "bolt-token", "Bölt - Loop"))
        await eventually(lambda: publisher.waiting == 3, "the other tenant's is being published")
        publisher.go.set()
    assert [task.result().status_code for task in (*own, other)] == [200, 200, 200]
    assert (await upload(client)).status_code == 200, "what has ended counts no more"


async def test_a_sender_over_its_share_is_sent_away_before_its_body_is_read(
    client: httpx.AsyncClient, door: Door, publisher: SlowPublisher
) -> None:
    hold = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        await hold.wait()
        yield b"[]"

    async with asyncio.TaskGroup() as group:
        # Half of eight, and nobody knows yet whose they are.
        for _ in range(4):
            group.create_task(client.post("/omnirps/returns", content=slow()))
        await eventually(lambda: door.requests == 4, "four are being read")
        assert (await upload(client)).status_code == 429
        publisher.go.set()
        assert (await order(client)).status_code == 200
        hold.set()


async def test_when_all_accounts_of_a_sender_are_over_their_share_no_body_is_read(
    client: httpx.AsyncClient, door: Door, publisher: SlowPublisher
) -> None:
    read: list[bytes] = []

    async def counted() -> AsyncIterator[bytes]:
        read.append(ORDER)
        yield ORDER

    async with asyncio.TaskGroup() as group:
        # Shopify has one account here: a quarter of eight is what all of Shopify may have.
        own = [group.create_task(order(client)) for _ in range(2)]
        await eventually(lambda: publisher.waiting == 2, "its whole share is being published")
        refused = await client.post("/webhooks/shopify", content=counted())
        assert (refused.status_code, read) == (429, [])
        publisher.go.set()
    assert [task.result().status_code for task in own] == [200, 200]
    assert (await order(client)).status_code == 200


async def test_a_full_process_says_503_to_everybody(client: httpx.AsyncClient, door: Door) -> None:
    door.requests = door.max_requests
    for response in (await upload(client), await order(client)):
        assert (response.status_code, response.headers["retry-after"]) == (503, "5")


async def test_publishing_ends_before_two_and_a_half_seconds_after_the_body(
    client: httpx.AsyncClient, publisher: SlowPublisher
) -> None:
    publisher.go.set()
    before = time.monotonic()
    await upload(client)
    [deadline] = publisher.until
    assert deadline is not None
    assert before < deadline <= time.monotonic() + ANSWER_WITHIN_S
    assert ANSWER_WITHIN_S < 2.5


@pytest.mark.parametrize("where", ["header", "query", "path"])
async def test_headers_and_addresses_beyond_their_bound_are_refused(client: httpx.AsyncClient, where: str) -> None:
    much = "x" * MAX_HEADER_BYTES
    response = await client.post(
        f"/webhooks/shopify/{much if where == 'path' else 'x'}",
        params={"token": much} if where == "query" else None,
        headers={"x": much} if where == "header" else None,
        content=b"{}",
    )
    assert response.status_code == 431
    assert much not in response.text


async def test_a_gzip_bomb_is_refused_unread(door: Door, client: httpx.AsyncClient) -> None:
    read: list[bytes] = []

    async def bomb() -> AsyncIterator[bytes]:
        read.append(gzip.compress(bytes(1_000_000)))
        yield read[-1]

    response = await client.post("/omnirps/returns", content=bomb(), headers={"content-encoding": "gzip"})
    assert response.status_code == 415
    assert (read, door.reading.used) == ([], 0)
