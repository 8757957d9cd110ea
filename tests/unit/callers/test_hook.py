"""The caller of hooks, against a real server on loopback that answers, hangs, resets, redirects and never stops."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from streams.agents.tracking_forward import HookAnswer, HookCall
from streams.callers.hook import LARGEST_ANSWER_BYTES, USER_AGENT, HookCaller, Timeouts, public_url
from streams.engine.outbox import Call
from streams.secrets import Secret, SecretUnreadable
from tests.builders import retailer
from tests.unit.callers.receiver import Answering, Received, Receiver, receiver, status

SIGNING = "whsec_" + base64.b64encode(b"k" * 24).decode()
ROTATED = "whsec_" + base64.b64encode(b"r" * 24).decode()
PATIENT = Timeouts(connect_s=10, whole_s=20, drain_s=5)
QUICK = Timeouts(connect_s=10, whole_s=0.4, drain_s=0.3)
NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
PAYLOAD = [{"OrderNo": "1001", "Code": "RT", "Status": "Return in Transit", "SourceLocation": "Zürich, Switzerland-CH"}]


class Kept:
    """Secrets in memory."""

    def __init__(self, **fields: object) -> None:
        self.secret = Secret(fields) if fields else None

    def get(self, ref: str) -> Secret | None:
        return self.secret


class Broken:
    """A secret that cannot be read."""

    def get(self, ref: str) -> Secret | None:
        raise SecretUnreadable("its file is not JSON")


def call(id: str = "call-1", attempt: int = 1) -> Call[HookCall]:
    intent = HookCall(retailer="acme", order_key="acme/1001", rma="R1", code="RT", payload=PAYLOAD)
    return Call("hook", "acme/1001", 1, id, intent, attempt, NOW, NOW + timedelta(seconds=20))


@asynccontextmanager
async def calling(
    url: str | None, secrets: Kept | Broken | None = None, timeouts: Timeouts = PATIENT
) -> AsyncIterator[HookCaller]:
    known = {"acme": retailer("acme", hook=url, secret_ref="acme/hook" if secrets else None)}
    caller = HookCaller(known, secrets or Kept(), timeouts=timeouts)
    try:
        yield caller
    finally:
        await caller.aclose()


async def answer_of(
    answering: Answering, secrets: Kept | Broken | None = None, timeouts: Timeouts = PATIENT
) -> tuple[HookAnswer, Receiver]:
    async with receiver(answering) as it, calling(it.url, secrets, timeouts) as caller:
        return await caller(call()), it


async def test_a_200_is_the_answer_and_the_body_is_the_payload() -> None:
    answer, it = await answer_of(status("200 OK"))

    (request,) = it.received
    assert (answer.status, answer.error, answer.accepted) == (200, None, True)
    assert answer.duration_ms > 0
    assert request.line == "POST /hook/v1?token=querysecret HTTP/1.1"
    assert json.loads(request.body) == PAYLOAD
    assert request.headers["content-type"] == "application/json"
    assert request.headers["user-agent"] == USER_AGENT
    assert request.headers["webhook-id"] == "call-1"
    assert "webhook-signature" not in request.headers


async def test_the_url_in_the_answer_has_neither_query_nor_userinfo() -> None:
    answer, it = await answer_of(status("200 OK"))

    assert answer.url == f"http://127.0.0.1:{it.port}/hook/v1"
    assert public_url("https://user:pass@example.com:8443/a/b?c=d#e") == "https://example.com:8443/a/b"
    assert public_url("https://example.com:port/") == "(not a URL)"


@pytest.mark.parametrize("line", ["500 Oops", "404 Not Found", "410 Gone", "401 Unauthorized"])
async def test_every_other_status_is_handed_on(line: str) -> None:
    answer, _ = await answer_of(status(line))

    assert (answer.status, answer.error) == (int(line[:3]), f"HTTP {line[:3]}")


class TestSignature:
    async def test_the_standard_webhooks_library_accepts_it(self) -> None:
        _, it = await answer_of(status("200 OK"), Kept(signing=SIGNING))

        (request,) = it.received
        assert Webhook(SIGNING).verify(request.body, request.headers) == PAYLOAD
        with pytest.raises(WebhookVerificationError):
            Webhook(ROTATED).verify(request.body, request.headers)

    async def test_during_a_rotation_both_keys_verify(self) -> None:
        _, it = await answer_of(status("200 OK"), Kept(signing=[ROTATED, SIGNING]))

        (request,) = it.received
        for key in (SIGNING, ROTATED):
            Webhook(key).verify(request.body, request.headers)

    async def test_a_repeat_has_the_same_id(self) -> None:
        async with receiver(status("503 Busy")) as it, calling(it.url, Kept(signing=SIGNING)) as caller:
            await caller(call(attempt=1))
            await caller(call(attempt=2))

        assert [request.headers["webhook-id"] for request in it.received] == ["call-1", "call-1"]

    async def test_plain_headers_are_sent_where_the_secret_has_them(self) -> None:
        _, it = await answer_of(status("200 OK"), Kept(username="seko", password="hush"))

        (request,) = it.received
        assert (request.headers["username"], request.headers["password"]) == ("seko", "hush")

    @pytest.mark.parametrize(
        "secrets",
        [
            Kept(),
            Broken(),
            Kept(signing="whsec_"),
            Kept(signing="whsec_!"),
            Kept(signing=7),
            Kept(password="hush\r\nX: y"),
        ],
    )
    async def test_nothing_goes_out_without_the_secret_that_the_hook_names(self, secrets: Kept | Broken) -> None:
        answer, it = await answer_of(status("200 OK"), secrets)

        assert it.received == []
        assert answer.status is None
        assert "secret" in (answer.error or "")
        assert "hush" not in (answer.error or "")


class TestRetryAfter:
    async def test_seconds(self) -> None:
        answer, _ = await answer_of(status("429 Slow", "retry-after: 120"))

        assert answer.retry_after_s == 120

    async def test_a_date(self) -> None:
        at = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True)
        answer, _ = await answer_of(status("503 Busy", f"retry-after: {at}"))

        assert answer.retry_after_s == pytest.approx(90, abs=5)

    async def test_nonsense_is_nothing(self) -> None:
        answer, _ = await answer_of(status("503 Busy", "retry-after: soon"))

        assert answer.retry_after_s is None


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


async def test_a_hook_that_is_gone_is_an_answer_without_a_url() -> None:
    async with calling(None) as caller:
        answer = await caller(call())

    assert (answer.url, answer.status, answer.error) == (None, None, "the retailer has no hook")


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
