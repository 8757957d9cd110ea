"""A real socket: what HTTP allows and few senders do, and what the answer to one request says of another."""

from __future__ import annotations

import asyncio
import time

import pytest

from producers.incoming import MAX_BODY_BYTES
from producers.settings import IngressSettings
from tests.unit.producers.test_connections import CLOSE, HEAD, LENGTH, LOGIN, RAW, answer, serving, status

REQUEST = HEAD + LOGIN + LENGTH + b"\r\n" + RAW
LAST = HEAD + LOGIN + LENGTH + CLOSE + b"\r\n" + RAW
EXPECT = b"expect: 100-continue\r\n"


def statuses(raw: bytes) -> list[int]:
    return [int(part[:3]) for part in raw.split(b"HTTP/1.1 ")[1:]]


async def test_blanks_around_a_value_are_no_part_of_it() -> None:
    padded = LOGIN.replace(b"acme-token", b" \t acme-token \t ").replace(b"Outdoors", b"Outdoors  ")
    async with serving(IngressSettings()) as port:
        assert status(await answer(port, HEAD + padded + LENGTH + CLOSE + b"\r\n" + RAW)) == 200
        inside = LOGIN.replace(b"acme-token", b"acme\ttoken")
        assert status(await answer(port, HEAD + inside + LENGTH + CLOSE + b"\r\n" + RAW)) == 401


async def test_who_may_go_on_is_told_so_and_keeps_his_connection() -> None:
    async with serving(IngressSettings()) as port:
        assert statuses(await answer(port, HEAD + LOGIN + LENGTH + EXPECT + b"\r\n", RAW, LAST)) == [100, 200, 200]


@pytest.mark.parametrize(
    "head", [HEAD + b"content-encoding: gzip\r\n", b"POST /nobody HTTP/1.1\r\n", b"PUT /omnirps/returns HTTP/1.1\r\n"]
)
async def test_whose_body_is_not_wanted_is_not_taken_for_it_when_his_next_request_comes(head: bytes) -> None:
    """He may leave the body out and ask again: what came next was read as the body, and its end as a broken request."""
    async with serving(IngressSettings()) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(head + LENGTH + EXPECT + b"\r\n")
        assert status(await reader.readuntil(b"}")) in (404, 405, 415)
        writer.write(LAST)
        async with asyncio.timeout(5):
            assert await reader.read() == b"", "closed: he asks again on another one"
        writer.close()


@pytest.mark.parametrize("expects", [b"", EXPECT], ids=["", "expects"])
async def test_a_body_that_announces_too_much_is_refused_before_it_comes(expects: bytes) -> None:
    async with serving(IngressSettings()) as port:
        began = time.monotonic()
        raw = await answer(port, HEAD + LOGIN + expects + b"content-length: %d\r\n\r\n" % (MAX_BODY_BYTES + 1))
    assert statuses(raw) == [413]
    # Who does not wait to be told is read on for a moment, for most hear nothing before they have sent all.
    assert time.monotonic() - began < (0.5 if expects else 3)


async def test_nonsense_behind_a_request_does_not_answer_it() -> None:
    """It was written, and its sender heard the 400 that was meant for what followed."""
    async with serving(IngressSettings()) as port:
        raw = await answer(port, REQUEST + b"\x00 no http\r\n\r\n")
        assert statuses(raw) == [200]
        raw = await answer(port, REQUEST + REQUEST + b"\x00 no http\r\n\r\n")
        assert statuses(raw) == [200, 200]


async def test_what_is_no_http_is_told_so_as_a_problem() -> None:
    async with serving(IngressSettings()) as port:
        for broken in (b"no http\r\n\r\n", HEAD + LOGIN + b"transfer-encoding: chunked\r\n\r\nx\r\n"):
            raw = await answer(port, broken)
            assert statuses(raw) == [400]
            assert b"application/problem+json" in raw
            assert b"urn:returnstreams:problem:not-http" in raw
        await asyncio.sleep(0)


async def test_whose_body_is_not_there_when_it_stops_is_asked_to_come_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """He heard 500, and the log had a bug of ours."""
    monkeypatch.setattr("producers.service.GRACEFUL_S", 0.2)
    async with serving(IngressSettings()) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HEAD + LOGIN + LENGTH + EXPECT + b"\r\n")
        assert status(await reader.readuntil(b"\r\n\r\n")) == 100
        writer.write(RAW[:10])
    raw = await reader.read()
    writer.close()
    assert statuses(raw) == [503]
    assert b"retry-after: 5" in raw
    assert b"connection: close" in raw
