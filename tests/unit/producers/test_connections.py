"""A real socket: who is slow with headers or says nothing is let go; headers have a bound, in one piece or in many."""

from __future__ import annotations

import asyncio
import gc
import socket
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager

import pytest
import uvicorn

from producers.app import build
from producers.connections import BoundedConnection
from producers.incoming import MAX_HEADER_BYTES
from producers.service import server_config
from producers.settings import IngressSettings
from tests.unit.producers import support
from tests.unit.producers.test_door import MemoryPublisher

RAW = support.body("omnirps/returns.json")
HEAD = b"POST /omnirps/returns HTTP/1.1\r\nhost: ingress\r\ncontent-type: application/json\r\n"
LOGIN = b"token: acme-token\r\nretailer: Acme Outdoors\r\n"
LENGTH = b"content-length: %d\r\n" % len(RAW)


@asynccontextmanager
async def serving(settings: IngressSettings, networks: Iterable[str] = (), *, full: bool = False) -> AsyncIterator[int]:
    """The port on which the door is served as `returnstreams serve` does it, to an account of these networks."""
    account = support.ACME_TOKEN.model_validate(
        {**support.ACME_TOKEN.model_dump(), "token": "acme-token", "networks": tuple(networks)}
    )
    door = support.door_of({"omnirps": [account]}, MemoryPublisher(), max_requests=0 if full else 8)
    listener = socket.create_server(("127.0.0.1", 0))
    config = server_config(build(door), settings)
    config.lifespan = "off"
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve([listener]))
    try:
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        await asyncio.wait_for(task, 10)


async def answer(port: int, *pieces: bytes) -> bytes:
    """What comes back until the other side closes, each piece sent once the one before it has left."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        async with asyncio.timeout(10):
            return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        writer.close()


def status(raw: bytes) -> int:
    return int(raw.split(b" ", 2)[1]) if raw else 0


CLOSE = b"connection: close\r\n"


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async with serving(IngressSettings()) as port:
        yield port


async def test_a_request_in_one_piece_and_in_many_is_served(port: int) -> None:
    request = HEAD + LOGIN + LENGTH + CLOSE + b"\r\n" + RAW
    assert status(await answer(port, request)) == 200
    assert status(await answer(port, *(request[at : at + 7] for at in range(0, len(request), 7)))) == 200


@pytest.mark.parametrize("size", [MAX_HEADER_BYTES + 1, 3 * MAX_HEADER_BYTES])
async def test_headers_that_come_at_once_have_a_bound(port: int, size: int) -> None:
    much = b"x: " + b"a" * size + b"\r\n"
    raw = await answer(port, HEAD + LOGIN + LENGTH + CLOSE + much + b"\r\n" + RAW)
    assert status(raw) == 431
    assert b"application/problem+json" in raw


async def test_headers_that_never_end_have_a_bound(port: int) -> None:
    pieces = [b"x: " + b"a" * 5_000 + b"\r\n"] * 20
    # The server hangs up in the middle of it: 431, or a reset where it had not been read.
    assert status(await answer(port, HEAD, *pieces)) in (0, 431)


CHUNKED = b"transfer-encoding: chunked\r\n"
CHUNKS = b"%x\r\n" % len(RAW) + RAW + b"\r\n"


async def test_a_body_in_chunks_is_served_and_what_follows_it_is_no_header(port: int) -> None:
    trailer = b"0\r\ntoken: of-somebody-else\r\n\r\n"
    assert status(await answer(port, HEAD + LOGIN + CHUNKED + CLOSE + b"\r\n", CHUNKS, trailer)) == 200
    assert status(await answer(port, HEAD + CHUNKED + CLOSE + b"\r\n", CHUNKS, b"0\r\n" + LOGIN + b"\r\n")) == 401


@pytest.mark.parametrize("endless", [b"0\r\n", b"5;x="], ids=["trailers", "an extension"])
async def test_what_is_neither_header_nor_body_has_a_bound(port: int, endless: bytes) -> None:
    pieces = [b"x: " + b"a" * 5_000 + b"\r\n"] * 20 if endless == b"0\r\n" else [b"a" * 5_000] * 20
    assert await answer(port, HEAD + LOGIN + CHUNKED + b"\r\n", CHUNKS, endless, *pieces) == b""


async def test_blank_lines_have_a_bound_and_hold_no_connection(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    assert await answer(port, *[b"\r\n" * 5_000] * 4) == b""
    monkeypatch.setattr("producers.connections.KEEP_ALIVE_S", 0.1)
    assert await answer(port, b"\r\n") == b""
    # Nor does a body that goes on after its answer.
    large = b"content-length: 100\r\n"
    first = await answer(port, HEAD + b"content-encoding: gzip\r\n" + large + b"\r\n", b"a", b"b")
    assert status(first) == 415


@pytest.mark.parametrize("protocol", [b"websocket", b"h2c"])
async def test_who_would_rather_speak_something_else_is_served_in_http(port: int, protocol: bytes) -> None:
    upgrade = b"connection: upgrade, close\r\nupgrade: " + protocol + b"\r\n"
    assert status(await answer(port, HEAD + LOGIN + LENGTH + upgrade + b"\r\n" + RAW)) == 200


async def test_a_request_behind_one_that_would_upgrade_is_served_too(port: int) -> None:
    upgrade = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAM\r\n"
    request = HEAD + LOGIN + LENGTH + upgrade + b"\r\n" + RAW
    last = HEAD + LOGIN + LENGTH + CLOSE + b"\r\n" + RAW
    for pieces in ([request * 3 + last], [(request + last)[at : at + 11] for at in range(0, len(request + last), 11)]):
        raw = await answer(port, *pieces)
        assert raw.count(b"HTTP/1.1 200 OK") == raw.count(b"HTTP/1.1")
        assert raw.endswith(b"]}")


async def test_who_was_sent_away_for_load_is_not_read_again_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    request = HEAD + LOGIN + LENGTH + b"\r\n" + RAW
    monkeypatch.setattr("producers.connections.HOLD_S", 0.05)
    async with serving(IngressSettings(), full=True) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for _ in range(3):
            writer.write(request)
            assert status(await reader.readuntil(b"}")) == 503, "held, and then served as before"
        monkeypatch.setattr("producers.connections.HOLD_S", 60)
        writer.write(request)
        assert status(await reader.readuntil(b"}")) == 503
        writer.write(request)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await reader.read(1)
        assert status(await answer(port, HEAD + LOGIN + LENGTH + CLOSE + b"\r\n" + RAW)) == 503, "others are"
        writer.close()


async def test_of_many_that_were_sent_away_few_at_a_time_are_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("producers.connections.HOLD_S", 0.0)
    monkeypatch.setattr("producers.connections.READ_AGAIN_PER_S", 10)
    monkeypatch.setattr(BoundedConnection, "_turns_until", 0.0)
    request = HEAD + LOGIN + LENGTH + b"\r\n" + RAW
    async with serving(IngressSettings(), full=True) as port:
        opened = [await asyncio.open_connection("127.0.0.1", port) for _ in range(5)]
        began = time.monotonic()
        for _ in range(2):
            for _, writer in opened:
                writer.write(request)
            for reader, _ in opened:
                assert status(await reader.readuntil(b"}")) == 503
        assert time.monotonic() - began > 0.4, "the fifth had its turn after half a second"
        for _, writer in opened:
            writer.close()


async def test_a_request_that_came_with_the_one_that_was_sent_away_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("producers.connections.HOLD_S", 60)
    async with serving(IngressSettings(), full=True) as port:
        raw = await answer(port, HEAD + LOGIN + LENGTH + b"\r\n" + RAW + HEAD + LOGIN + LENGTH + CLOSE + b"\r\n" + RAW)
        assert raw.count(b"HTTP/1.1 503") == 2


def connections() -> int:
    return sum(isinstance(each, BoundedConnection) for each in gc.get_objects())


async def test_a_connection_that_was_closed_leaves_nothing_for_the_search_for_cycles(port: int) -> None:
    gc.collect()
    gc.disable()
    try:
        before = connections()
        for _ in range(3):
            assert status(await answer(port, HEAD + LOGIN + LENGTH + CLOSE + b"\r\n" + RAW)) == 200
            assert await answer(port, b"POST / HTTP/1.1\r\nconnection: close\r\n\r\n")
        async with asyncio.timeout(5):
            while True:
                if connections() == before:
                    break
                await asyncio.sleep(0.01)
    finally:
        gc.enable()


async def test_requests_behind_one_another_are_answered_in_turn(port: int) -> None:
    request = HEAD + LOGIN + LENGTH + b"\r\n" + RAW
    last = HEAD + LOGIN + LENGTH + CLOSE + b"\r\n" + RAW
    raw = await answer(port, request + request + last)
    assert raw.count(b"HTTP/1.1 200 OK") == 3


@pytest.mark.parametrize(
    "raw",
    [
        b"\x16\x03\x01 no http",
        b"POST /omnirps/returns HTTP/9.9\r\n\r\n",
        b"POST \xff HTTP/1.1\r\nhost: x\r\n\r\n",
        b"CONNECT ingress:80 HTTP/1.1\r\nhost: x\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        HEAD + b"content-length: 5\r\ncontent-length: 6\r\n\r\n",
        HEAD + LENGTH + CHUNKED + b"\r\n",
        HEAD + b"content-length: -1\r\n\r\n",
    ],
)
async def test_what_is_no_request_is_refused_and_the_connection_closed(port: int, raw: bytes) -> None:
    assert status(await answer(port, raw)) in (400, 404, 405)


async def test_who_does_not_end_its_headers_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("producers.connections.HEADERS_TIMEOUT_S", 0.1)
    async with serving(IngressSettings()) as port:
        assert await answer(port, HEAD) == b""
        served = HEAD + LOGIN + LENGTH + b"\r\n" + RAW
        # Also with the second request of a connection.
        assert status(await answer(port, served, HEAD)) == 200


async def test_who_says_nothing_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("producers.connections.KEEP_ALIVE_S", 0.1)
    async with serving(IngressSettings()) as port:
        assert await answer(port) == b""


@pytest.mark.parametrize(
    ("trusted", "forwarded", "expected"),
    [
        ([], "203.0.113.9", 401),
        (["127.0.0.1"], "203.0.113.9", 200),
        (["127.0.0.0/8"], "203.0.113.9", 200),
        (["127.0.0.0/8"], "198.51.100.1, 203.0.113.9", 200),
        # What the client wrote itself stands before what the proxy adds.
        (["127.0.0.0/8"], "203.0.113.9, 198.51.100.1", 401),
        (["10.0.0.0/8"], "203.0.113.9", 401),
        (["127.0.0.1"], "nobody", 401),
    ],
)
async def test_a_forwarded_address_counts_from_a_trusted_proxy_alone(
    trusted: list[str], forwarded: str, expected: int
) -> None:
    settings = IngressSettings.model_validate({"trusted_proxies": trusted})
    said = f"x-forwarded-for: {forwarded}\r\n".encode()
    async with serving(settings, ["203.0.113.0/24"]) as port:
        raw = await answer(port, HEAD + LOGIN + LENGTH + CLOSE + said + b"\r\n" + RAW)
    assert status(raw) == expected


async def test_without_a_proxy_the_address_is_the_connections() -> None:
    async with serving(IngressSettings(), ["127.0.0.1"]) as port:
        assert status(await answer(port, HEAD + LOGIN + LENGTH + CLOSE + b"\r\n" + RAW)) == 200
