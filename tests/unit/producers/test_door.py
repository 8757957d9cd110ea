"""The door over ASGI, with a publisher in memory: statuses, problems, bounds, and that a 4xx has written nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_network

import httpx
import pytest
from starlette.types import ASGIApp

from producers.app import build
from producers.budget import Budget
from producers.door import Door
from producers.incoming import MAX_BODY_BYTES
from producers.messages import Message
from producers.problems import Problem, Unavailable
from tests.unit.producers.support import (
    ACME_TOKEN,
    AFTERSHIP,
    APP,
    EASYPOST,
    SEKO,
    SHIPPO,
    body,
    door_of,
    shopify_headers,
)

ORDER = body("shopify/order_2026.json")
UPLOAD = body("omnirps/returns.json")
ACME = {"token": "acme-token", "retailer": "Acme Outdoors", "content-type": "application/json"}


@dataclass
class MemoryPublisher:
    """Takes everything, or fails as it is told; after so many records of a request, as a broker that goes away."""

    written: list[Message] = field(default_factory=list)
    fails: Exception | None = None
    ready: bool = True
    breaks_after: int | None = None

    async def publish(self, messages: Sequence[Message], until: float | None = None) -> None:
        if self.fails is not None:
            raise self.fails
        if self.breaks_after is not None:
            self.written.extend(messages[: self.breaks_after])
            raise Unavailable("the brokers did not acknowledge it in time")
        self.written.extend(messages)


@pytest.fixture
def publisher() -> MemoryPublisher:
    return MemoryPublisher()


@pytest.fixture
def door(publisher: MemoryPublisher) -> Door:
    return door_of(
        {
            "shopify": [APP],
            "easypost": [EASYPOST],
            "aftership": [AFTERSHIP],
            "shippo": [SHIPPO],
            "omniparcel": [SEKO],
            "omnirps": [ACME_TOKEN],
        },
        publisher,
    )


def client_of(app: ASGIApp) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://ingress")


@pytest.fixture
async def client(door: Door) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(build(door)) as client:
        yield client


def as_bytes(headers: Mapping[str, str | bytes]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value if isinstance(value, bytes) else value.encode()) for name, value in headers.items()]


async def post(client: httpx.AsyncClient, path: str, raw: bytes, headers: dict[str, str]) -> httpx.Response:
    return await client.post(path, content=raw, headers=headers)


async def test_a_signed_order_is_published_before_it_is_answered(
    client: httpx.AsyncClient, publisher: MemoryPublisher
) -> None:
    response = await post(client, "/webhooks/shopify", ORDER, shopify_headers(ORDER, "orders/create"))
    assert response.status_code == 200
    assert [message.value for message in publisher.written] == [ORDER]


async def test_an_upload_is_answered_with_a_result_per_return(client: httpx.AsyncClient) -> None:
    response = await post(client, "/omnirps/returns", UPLOAD, ACME)
    assert response.status_code == 200
    assert [result["rma"] for result in response.json()["results"]] == ["RMA-7", "RMA-8"]


Refusal = tuple[str, bytes, Mapping[str, str | bytes], int]
REFUSALS: dict[str, Refusal] = {
    "flipped byte": ("/webhooks/shopify", ORDER + b" ", shopify_headers(ORDER, "orders/create"), 401),
    "wrong path": ("/webhooks/shopify/guess", ORDER, shopify_headers(ORDER, "orders/create"), 401),
    "no token": ("/omnirps/returns", UPLOAD, {"retailer": "Acme Outdoors"}, 401),
    "foreign retailer": ("/omnirps/returns", UPLOAD, {"token": "acme-token", "retailer": "Bölt - Loop".encode()}, 401),
    "unknown shop": ("/webhooks/shopify", ORDER, shopify_headers(ORDER, "orders/create", "x.myshopify.com"), 404),
    "unknown retailer": ("/omnirps/returns", UPLOAD, {**ACME, "retailer": "Acme"}, 404),
    "no json": ("/omnirps/returns", b"[{", ACME, 400),
    "no array": ("/omnirps/returns", b"{}", ACME, 422),
    "a form": ("/omnirps/returns", UPLOAD, {**ACME, "content-type": "text/plain"}, 415),
    "compressed": ("/omnirps/returns", UPLOAD, {**ACME, "content-encoding": "gzip"}, 415),
    "nothing there": ("/webhooks/nobody", UPLOAD, ACME, 404),
}


@pytest.mark.parametrize("case", REFUSALS)
async def test_a_refusal_is_a_problem_and_has_written_nothing(
    case: str, client: httpx.AsyncClient, publisher: MemoryPublisher
) -> None:
    path, raw, headers, status = REFUSALS[case]
    response = await client.post(path, content=raw, headers=as_bytes(headers))

    assert response.status_code == status
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["status"] == status
    assert problem["type"].startswith("urn:returnstreams:problem:")
    assert publisher.written == []


async def test_a_401_is_the_same_whatever_was_wrong(client: httpx.AsyncClient) -> None:
    answers = set()
    for path, raw, headers, status in REFUSALS.values():
        if status == 401:
            answers.add((await client.post(path, content=raw, headers=as_bytes(headers))).content)
    assert len(answers) == 1


async def test_bad_fields_are_named_by_pointer(client: httpx.AsyncClient) -> None:
    response = await post(client, "/omnirps/returns", UPLOAD.replace(b'"Sku"', b'"Skew"', 1), ACME)
    assert response.status_code == 422
    assert response.json()["errors"] == [{"pointer": "/0/Sku", "detail": "is mandatory"}]


async def test_another_method_is_told_which_is_allowed(client: httpx.AsyncClient) -> None:
    response = await client.get("/webhooks/shopify")
    assert (response.status_code, response.headers["allow"]) == (405, "POST")


async def test_a_body_without_length_is_stopped_at_the_limit(client: httpx.AsyncClient, door: Door) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(MAX_BODY_BYTES // 65_536 + 2):
            yield bytes(65_536)

    response = await client.post("/omnirps/returns", content=endless(), headers=ACME)
    assert response.status_code == 413
    assert door.reading.used == 0


async def test_a_body_that_fills_the_reading_budget_is_sent_away(door: Door) -> None:
    door.reading = Budget(1_000)
    door.reading.take(500)
    async with client_of(build(door)) as client:
        response = await post(client, "/omnirps/returns", UPLOAD, ACME)
    assert (response.status_code, response.headers["retry-after"]) == (503, "5")
    assert door.reading.used == 500


async def test_too_many_requests_at_once_are_sent_away(door: Door) -> None:
    door.requests = door.max_requests
    async with client_of(build(door)) as client:
        response = await post(client, "/omnirps/returns", UPLOAD, ACME)
    assert (response.status_code, response.headers["retry-after"]) == (503, "5")


@pytest.mark.parametrize(
    ("fails", "status"),
    [(Unavailable("gone"), 503), (RuntimeError("a bug with Ann Example inside"), 500)],
)
async def test_what_fails_is_said_without_its_inside(
    fails: Exception,
    status: int,
    client: httpx.AsyncClient,
    publisher: MemoryPublisher,
    capfd: pytest.CaptureFixture[str],
) -> None:
    publisher.fails = fails
    response = await post(client, "/omnirps/returns", UPLOAD, ACME)
    assert response.status_code == status
    assert ("retry-after" in response.headers) == (status == 503)
    assert "Ann" not in response.text + "".join(capfd.readouterr())


async def test_before_the_retailers_are_known_nobody_is_unknown(door: Door) -> None:
    door.retailers_known = lambda: False
    async with client_of(build(door)) as client:
        response = await post(client, "/omnirps/returns", UPLOAD, {**ACME, "retailer": "Acme"})
        unready = await client.get("/readyz")
    assert response.status_code == 503
    assert (unready.status_code, unready.json()["ready"]) == (503, False)


async def test_ready_says_no_while_draining_or_without_brokers(
    client: httpx.AsyncClient, door: Door, publisher: MemoryPublisher
) -> None:
    assert (await client.get("/readyz")).status_code == 200
    publisher.ready = False
    assert (await client.get("/readyz")).json()["reasons"] == ["the brokers do not answer"]
    publisher.ready, door.draining = True, True
    assert (await client.get("/readyz")).status_code == 503
    assert (await client.get("/healthz")).status_code == 200
    answer = await post(client, "/omnirps/returns", UPLOAD, ACME)
    assert (answer.status_code, answer.headers["connection"]) == (200, "close")


async def test_metrics_count_answers_and_what_was_kept(client: httpx.AsyncClient) -> None:
    await post(client, "/webhooks/shopify", ORDER, shopify_headers(ORDER, "themes/publish"))
    text = (await client.get("/metrics")).text
    assert 'returnstreams_ingress_requests_total{sender="shopify",status="200"} 1.0' in text
    assert 'returnstreams_ingress_kept_records_total{reason="unknown_topic",sender="shopify"} 1.0' in text


async def test_the_plain_shopify_path_can_be_closed(door: Door) -> None:
    async with client_of(build(door, require_shopify_path=True)) as client:
        response = await post(client, "/webhooks/shopify", ORDER, shopify_headers(ORDER, "orders/create"))
    assert response.status_code == 404


async def test_the_name_of_the_token_is_no_way_around_it(door: Door) -> None:
    async with client_of(build(door, require_shopify_path=True)) as client:
        for path in ("/webhooks/shopify/{path_token}", "/webhooks/shopify/%7Bpath_token%7D", "/webhooks/shopify/"):
            response = await post(client, path, ORDER, shopify_headers(ORDER, "orders/create"))
            assert response.status_code in (401, 404)


async def test_a_body_that_trickles_is_given_up(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("producers.incoming.BODY_TIMEOUT_S", 0.05)

    async def trickle() -> AsyncIterator[bytes]:
        yield b"["
        await asyncio.Event().wait()

    async with client_of(build(door)) as client:
        response = await client.post("/omnirps/returns", content=trickle(), headers=ACME)
    assert response.status_code == 408
    assert door.reading.used == 0


async def test_a_token_in_the_url_opens_and_is_never_logged(
    client: httpx.AsyncClient, publisher: MemoryPublisher, capfd: pytest.CaptureFixture[str]
) -> None:
    event = body("shippo/track_updated.json")
    for token, status in [("ship-token", 200), ("ship-token-guess", 401)]:
        response = await post(client, f"/webhooks/shippo?token={token}", event, {"content-type": "application/json"})
        assert response.status_code == status
        assert "ship-token" not in response.text + str(response.headers)
    assert [message.key for message in publisher.written] == ["9205590164917312"]
    assert "ship-token" not in "".join(capfd.readouterr()) + (await client.get("/metrics")).text


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("203.0.113.9", 200),
        ("::ffff:203.0.113.9", 200),
        ("2001:db8::7", 200),
        ("203.0.114.9", 401),
        ("2001:db9::7", 401),
        ("", 401),
        ("a proxy's word", 401),
    ],
)
async def test_an_account_with_networks_speaks_from_them_alone(host: str, status: int, door: Door) -> None:
    networks = tuple(map(ip_network, ("203.0.113.0/24", "2001:db8::/32")))
    door.accounts = {"omnirps": [ACME_TOKEN.model_copy(update={"networks": networks})]}
    transport = httpx.ASGITransport(build(door), client=(host, 1))
    async with httpx.AsyncClient(transport=transport, base_url="http://ingress") as client:
        response = await post(client, "/omnirps/returns", UPLOAD, ACME)
        wrong = await post(client, "/omnirps/returns", UPLOAD, {**ACME, "token": "guess"})
    assert response.status_code == status
    assert status == 200 or response.content == wrong.content


def test_every_problem_has_its_own_word() -> None:
    kinds = Problem.__subclasses__()
    assert len({kind.word for kind in kinds}) == len(kinds)
