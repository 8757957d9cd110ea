"""What senders do that is not quite as documented, and must not make them switch us off."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator

import httpx
import pytest
from pydantic import SecretStr

from contracts.topics import CARRIER_EVENTS, RETURN_EVENTS, RETURN_UPLOADS
from producers.accounts import Account, LoginAccount
from producers.app import build
from producers.door import Door
from producers.messages import KEPT
from tests.unit.producers.support import ACME_TOKEN, APP, SEKO, SHIPPO, body, door_of, shopify_headers
from tests.unit.producers.test_door import MemoryPublisher, client_of

ORDER = body("shopify/order_2026.json")
BOM = b"\xef\xbb\xbf"


@pytest.fixture
def publisher() -> MemoryPublisher:
    return MemoryPublisher()


@pytest.fixture
def door(publisher: MemoryPublisher) -> Door:
    accounts: dict[str, list[Account]] = {
        "shopify": [APP],
        "shippo": [SHIPPO],
        "omniparcel": [SEKO],
        "omnirps": [ACME_TOKEN],
    }
    return door_of(accounts, publisher)


@pytest.fixture
async def client(door: Door) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(build(door)) as client:
        yield client


@pytest.mark.parametrize("said", ["text/plain", "application/xml", "application/json, application/json", "nonsense"])
async def test_what_a_webhook_says_of_its_type_is_no_reason_to_lose_it(
    said: str, client: httpx.AsyncClient, publisher: MemoryPublisher
) -> None:
    headers = {**shopify_headers(ORDER, "orders/create"), "content-type": said}
    assert (await client.post("/webhooks/shopify", content=ORDER, headers=headers)).status_code == 200
    assert [message.value for message in publisher.written] == [ORDER]


async def test_a_signed_body_in_another_format_is_kept(client: httpx.AsyncClient, publisher: MemoryPublisher) -> None:
    """A subscription with `format: XML`, a body compressed by somebody: eight 415s, and Shopify would delete it."""
    for raw, said in [
        (b"<order/>", {"content-type": "application/xml"}),
        (gzip.compress(ORDER), {"content-encoding": "gzip"}),
    ]:
        headers = {**shopify_headers(raw, "orders/create"), **said}
        assert (await client.post("/webhooks/shopify", content=raw, headers=headers)).status_code == 200
        kept = publisher.written.pop()
        assert (kept.topic, kept.value, kept.header("dl_reason")) == (KEPT, raw, "not_json")


async def test_nobodys_body_is_refused_whatever_it_says_it_is(client: httpx.AsyncClient) -> None:
    response = await client.post("/webhooks/shopify", content=b"x", headers={"content-encoding": "gzip"})
    assert response.status_code == 401


async def test_an_encoding_that_says_nothing_is_none(client: httpx.AsyncClient, publisher: MemoryPublisher) -> None:
    headers = {"token": "acme-token", "retailer": "Acme Outdoors", "content-encoding": ""}
    response = await client.post("/omnirps/returns", content=body("omnirps/returns.json"), headers=headers)
    assert response.status_code == 200


@pytest.mark.parametrize(
    ("path", "name", "topic"),
    [
        ("/webhooks/omniparcel", "omniparcel/status.json", CARRIER_EVENTS),
        ("/omnirps/returns", "omnirps/returns.json", RETURN_UPLOADS),
        ("/omnirps/return-status", "omnirps/return_status.json", RETURN_EVENTS),
    ],
)
async def test_a_byte_order_mark_before_what_seko_says_is_passed_over(
    path: str, name: str, topic: object, client: httpx.AsyncClient, publisher: MemoryPublisher
) -> None:
    """.NET writes one where nobody forbids it."""
    headers = {"username": "seko", "password": "pass"} if "omniparcel" in path else {"token": "acme-token"}
    headers["retailer"] = "Acme Outdoors"
    assert (await client.post(path, content=BOM + body(name), headers=headers)).status_code == 200
    assert {message.topic for message in publisher.written} == {topic}


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
async def test_a_password_beyond_ascii_opens_however_its_sender_writes_it(encoding: str, door: Door) -> None:
    known = LoginAccount(name="seko", username="sékö", password=SecretStr("pässwörd"), retailers=("*",))
    door.accounts = {"omniparcel": [known]}
    async with client_of(build(door)) as client:
        for password, status in [("pässwörd", 200), ("passwörd", 401)]:
            said = {"username": "sékö", "password": password}
            headers = [(name.encode(), value.encode(encoding)) for name, value in said.items()]
            response = await client.post("/webhooks/omniparcel", content=b"[]", headers=headers)
            assert response.status_code == status, password
