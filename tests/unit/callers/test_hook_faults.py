"""The caller of hooks, against a real server on loopback that hangs, resets, redirects and never stops."""

from __future__ import annotations

import asyncio
import socket
import struct

import pytest

from streams.callers.hook import LARGEST_ANSWER_BYTES, HookCaller
from tests.builders import retailer
from tests.unit.callers.hook_kit import QUICK, Kept, answer_of, call, calling
from tests.unit.callers.receiver import Received, receiver, status


class TestMisbehaviour:
    async def test_a_hang_before_the_answer_ends_with_the_time(self) -> None:
        async def hang(_: Received, writer: asyncio.StreamWriter) -> None:
            await asyncio.sleep(60)

        answer, _ = await answer_of(hang, timeouts=QUICK)

        assert (answer.status, answer.error) == (None, "no answer within 0.4 s")

    async def test_an_answer_that_comes_too_late_is_nobodys(self) -> None:
        release = asyncio.Event()

        async def late_once(said: Received, writer: asyncio.StreamWriter) -> None:
            if said.headers["webhook-id"] == "call-1":
                await release.wait()
                await status("500 Late")(said, writer)
            else:
                await status("200 OK")(said, writer)

        async with receiver(late_once) as it, calling(it.url, timeouts=QUICK) as caller:
            first = await caller(call("call-1"))
            release.set()
            second = await caller(call("call-2"))

        assert first.error == "no answer within 0.4 s"
        assert second.accepted
        assert len({request.connection for request in it.received}) == 2

    async def test_a_drip_before_the_status_does_not_prolong_the_time(self) -> None:
        async def drip(_: Received, writer: asyncio.StreamWriter) -> None:
            for byte in b"HTTP/1.1 200 OK":
                writer.write(bytes((byte,)))
                await asyncio.sleep(0.1)

        answer, _ = await answer_of(drip, timeouts=QUICK)

        assert answer.error == "no answer within 0.4 s"

    async def test_a_hang_after_the_status_changes_nothing(self) -> None:
        async def hang(_: Received, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf")
            await asyncio.sleep(60)

        answer, _ = await answer_of(hang, timeouts=QUICK)

        assert answer.accepted

    async def test_a_huge_answer_is_left_unread(self) -> None:
        sent = 0

        async def flood(_: Received, writer: asyncio.StreamWriter) -> None:
            nonlocal sent
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000000\r\n\r\n")
            while True:
                writer.write(b"x" * LARGEST_ANSWER_BYTES)
                await writer.drain()
                sent += LARGEST_ANSWER_BYTES

        answer, _ = await answer_of(flood)

        assert answer.accepted
        assert sent < 100 * LARGEST_ANSWER_BYTES  # what fits into the sockets' buffers, not a gigabyte

    async def test_a_reset_is_an_answer_with_its_reason(self) -> None:
        async def reset(_: Received, writer: asyncio.StreamWriter) -> None:
            linger = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            writer.transport.abort()

        answer, _ = await answer_of(reset)

        assert answer.status is None
        assert answer.error == "reading the answer failed: Connection reset by peer"

    async def test_a_closed_connection_is_an_answer_with_its_reason(self) -> None:
        async def leave(_: Received, writer: asyncio.StreamWriter) -> None:
            writer.close()

        answer, _ = await answer_of(leave)

        assert (answer.error or "").startswith("reading the answer failed")

    async def test_a_kept_connection_that_the_receiver_has_closed_costs_no_attempt(self) -> None:
        served: list[int] = []

        async def once(said: Received, writer: asyncio.StreamWriter) -> None:
            """A receiver that closes after each answer and does not say so: the next update is on its way already."""
            if said.connection in served:
                writer.transport.abort()
                return
            served.append(said.connection)
            await status("200 OK")(said, writer)

        async with receiver(once) as it, calling(it.url) as caller:
            answers = [await caller(call(f"call-{n}")) for n in range(5)]

        assert [answer.error for answer in answers] == [None] * 5
        assert len(served) == 5

    async def test_a_new_connection_that_is_closed_is_not_made_twice(self) -> None:
        async def leave(_: Received, writer: asyncio.StreamWriter) -> None:
            writer.transport.abort()

        answer, it = await answer_of(leave)

        assert answer.status is None
        assert len(it.received) == 1

    async def test_long_headers_hide_no_answer(self) -> None:
        cookies = [f"x-{n}: {'v' * 300}" for n in range(150)]
        answer, _ = await answer_of(status("200 OK", f"content-security-policy: {'x' * 12_000}", *cookies))

        assert answer.accepted

    async def test_nobody_listening(self) -> None:
        async with receiver(status("200 OK")) as it:
            gone = it.url
        async with calling(gone) as caller:
            answer = await caller(call())

        assert answer.error == "connecting failed: Connection refused"

    async def test_what_is_no_http_is_an_answer_too(self) -> None:
        async def babble(_: Received, writer: asyncio.StreamWriter) -> None:
            writer.write(b"220 mail.example.com ESMTP\r\n\r\n")

        answer, _ = await answer_of(babble)

        assert answer.error == "reading the answer failed (ClientResponseError)"

    async def test_a_redirect_is_refused(self) -> None:
        async with receiver(status("200 OK")) as elsewhere:
            answer, _ = await answer_of(status("307 There", f"location: {elsewhere.url}"))

        assert elsewhere.received == []
        assert answer.status == 307
        assert "not followed" in (answer.error or "")

    async def test_cookies_are_not_kept(self) -> None:
        async with receiver(status("200 OK", "set-cookie: a=b; Path=/")) as it, calling(it.url) as caller:
            await caller(call())
            await caller(call())

        assert all("cookie" not in request.headers for request in it.received)
        assert len({request.connection for request in it.received}) == 1

    @pytest.mark.parametrize("url", ["ftp://example.com/x", "nonsense", "https://[oops", "http://127.0.0.1:1\x00/"])
    async def test_an_impossible_address_is_an_answer(self, url: str) -> None:
        async with calling(url) as caller:
            answer = await caller(call())

        assert answer.status is None
        assert answer.error

    async def test_what_a_library_says_of_a_failure_is_not_handed_on(self) -> None:
        async def fail(host: str, port: int) -> list[str]:
            raise OSError("header value b'hush' in a library's message")

        known = {"acme": retailer("acme", hook="https://example.com/hook")}
        caller = HookCaller(known, Kept(), resolver=fail)
        answer = await caller(call())
        await caller.aclose()

        assert answer.error == "connecting failed (ClientConnectorDNSError)"


async def test_a_cancelled_call_is_cancelled() -> None:
    asked = asyncio.Event()

    async def hang(_: Received, writer: asyncio.StreamWriter) -> None:
        asked.set()
        await asyncio.sleep(60)

    async with receiver(hang) as it, calling(it.url) as caller:
        making = asyncio.create_task(caller(call()))
        await asked.wait()
        making.cancel()
        with pytest.raises(asyncio.CancelledError):
            await making
