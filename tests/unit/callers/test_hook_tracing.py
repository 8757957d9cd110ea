"""A delivery goes on in its return's trace: the receiver is told, and the attempt is a span."""

from __future__ import annotations

from dataclasses import replace

import pytest
from opentelemetry.trace import SpanKind

from contracts.trace import Trace
from tests.spans import collecting
from tests.unit.callers.hook_kit import call, calling
from tests.unit.callers.receiver import receiver, status

TRACE = Trace("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "vendor=1")


async def test_the_receiver_is_told_the_trace_of_what_queued_the_call() -> None:
    async with receiver(status("200 OK")) as it, calling(it.url) as caller:
        await caller(replace(call(), trace=TRACE))
        await caller(call())

    told, untold = (request.headers for request in it.received)
    assert (told["traceparent"], told["tracestate"]) == TRACE
    assert "traceparent" not in untold


async def test_an_attempt_is_a_span_whose_id_the_receiver_gets() -> None:
    with collecting() as spans:
        async with receiver(status("200 OK")) as it, calling(it.url) as caller:
            await caller(replace(call(attempt=2), trace=TRACE))

    (post,) = spans.spans
    assert (post.name, post.kind) == ("POST", SpanKind.CLIENT)
    assert post.attributes == {
        "http.request.method": "POST",
        "url.full": f"http://127.0.0.1:{it.port}/hook/v1",
        "server.address": "127.0.0.1",
        "server.port": it.port,
        "http.request.resend_count": 1,
        "http.response.status_code": 200,
    }
    assert post.context is not None
    assert it.received[0].headers["traceparent"] == f"00-{TRACE.id}-{post.context.span_id:016x}-01"
    assert "querysecret" not in post.to_json()


@pytest.mark.parametrize(
    ("answer", "error"), [("503 Service Unavailable", "503"), ("301 Moved\r\nlocation: /", "301"), (None, "no_answer")]
)
async def test_an_attempt_that_was_of_no_use_is_an_error(answer: str | None, error: str) -> None:
    with collecting() as spans:
        async with receiver(status(answer or "200 OK")) as it, calling(it.url if answer else "nonsense") as caller:
            await caller(replace(call(), trace=TRACE))

    (post,) = spans.spans
    assert (post.attributes or {})["error.type"] == error
