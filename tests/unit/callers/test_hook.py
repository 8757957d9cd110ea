"""The caller of hooks, against a real server on loopback: what is sent, and what its answers are."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from streams.callers.hook import USER_AGENT, public_url
from tests.unit.callers.hook_kit import PAYLOAD, ROTATED, SIGNING, Broken, Kept, answer_of, call, calling
from tests.unit.callers.receiver import receiver, status


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

    @pytest.mark.parametrize(
        "said",
        [
            "soon",
            "-5",
            "1.5",
            "",
            "Mon, 01 Jan 99999999999999999999 00:00:00 GMT",
            "Mon, 01 Jan 2026 00:00:00 +99999999999999999999",
            "Mon, 01 Jan 2026 99999999999:00:00 GMT",
        ],
    )
    @pytest.mark.parametrize("line", ["503 Busy", "200 OK"])
    async def test_nonsense_is_nothing_and_hides_no_answer(self, line: str, said: str) -> None:
        answer, _ = await answer_of(status(line, f"retry-after: {said}"))

        assert (answer.status, answer.retry_after_s) == (int(line[:3]), None)

    @pytest.mark.parametrize(("said", "seconds"), [("0000000000120", 120), ("9" * 5000, 999_999_999)])
    async def test_a_long_number_is_one_too(self, said: str, seconds: int) -> None:
        answer, _ = await answer_of(status("503 Busy", f"retry-after: {said}"))

        assert answer.retry_after_s == seconds

    async def test_a_date_that_is_over_is_no_wait(self) -> None:
        answer, _ = await answer_of(status("503 Busy", "retry-after: Mon, 01 Jan 2001 00:00:00 GMT"))

        assert answer.retry_after_s == 0


async def test_a_hook_that_is_gone_is_an_answer_without_a_url() -> None:
    async with calling(None) as caller:
        answer = await caller(call())

    assert (answer.url, answer.status, answer.error) == (None, None, "the retailer has no hook")
