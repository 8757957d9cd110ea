"""The trace of a request: the sender's where it is sound, in every record, and nothing personal in any span."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest
from opentelemetry.trace import SpanKind, StatusCode
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from contracts import trace
from contracts.trace import Trace
from producers.app import build
from producers.door import Door
from producers.problems import Unavailable
from tests.spans import collecting
from tests.unit.producers.support import shopify_headers
from tests.unit.producers.test_door import ACME, ORDER, UPLOAD, MemoryPublisher, client_of, door, publisher

__all__ = ["door", "publisher"]  # fixtures

CAME = Trace("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "vendor=1")


@pytest.fixture
async def client(door: Door) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(build(door)) as client:
        yield client


def traces(publisher: MemoryPublisher) -> set[Trace | None]:
    return {trace.of(message.headers) for message in publisher.written}


async def test_the_senders_trace_goes_on_in_every_record(client: httpx.AsyncClient, publisher: MemoryPublisher) -> None:
    await client.post("/omnirps/returns", content=UPLOAD, headers={**ACME, **CAME.headers})

    assert len(publisher.written) == 2
    assert traces(publisher) == {CAME}


@pytest.mark.parametrize("bad", [None, "", "00-zz", CAME.parent + "0"])
async def test_without_a_sound_one_each_request_begins_its_own(
    client: httpx.AsyncClient, publisher: MemoryPublisher, bad: str | None
) -> None:
    headers = shopify_headers(ORDER, "orders/create") | ({} if bad is None else {"traceparent": bad})
    for _ in range(2):
        await client.post("/webhooks/shopify", content=ORDER, headers=headers)

    assert len(traces(publisher)) == 2
    assert None not in traces(publisher)


async def test_a_refusal_says_its_trace_in_the_log(client: httpx.AsyncClient) -> None:
    with capture_logs(processors=[merge_contextvars]) as logs:
        headers = shopify_headers(ORDER, "orders/create") | CAME.headers
        await client.post("/webhooks/shopify", content=ORDER + b" ", headers=headers)

    assert [(line["action"], line["trace_id"]) for line in logs] == [("refused", CAME.id)]


async def test_receiving_and_sending_are_spans_and_the_records_lie_within(
    client: httpx.AsyncClient, publisher: MemoryPublisher
) -> None:
    with collecting() as spans:
        await client.post("/omnirps/returns", content=UPLOAD, headers={**ACME, **CAME.headers})

    send, receive = spans.spans
    assert (receive.name, receive.kind) == ("POST /omnirps/returns", SpanKind.SERVER)
    assert receive.attributes == {
        "http.request.method": "POST",
        "http.route": "/omnirps/returns",
        "url.scheme": "http",
        "http.response.status_code": 200,
    }
    assert (send.name, send.kind) == ("send return-uploads", SpanKind.PRODUCER)
    assert send.attributes == {
        "messaging.system": "kafka",
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
        "messaging.destination.name": "return-uploads",
        "messaging.batch.message_count": 2,
    }
    assert receive.parent is not None
    assert f"{receive.parent.span_id:016x}" == CAME.parent[36:52]
    assert spans.path(send) == ["POST /omnirps/returns", "send return-uploads"]
    (within,) = traces(publisher)
    assert within is not None
    assert send.context is not None
    assert within == Trace(f"00-{CAME.id}-{send.context.span_id:016x}-01", "vendor=1")


async def test_a_token_in_the_path_is_in_no_span(client: httpx.AsyncClient) -> None:
    with collecting() as spans:
        await client.post("/webhooks/shopify/a-token-of-acme", content=ORDER)

    (receive,) = spans.spans
    assert receive.status.status_code is StatusCode.UNSET, "the sender's mistake"
    assert "a-token-of-acme" not in receive.to_json()


async def test_records_that_were_not_taken_are_an_error(client: httpx.AsyncClient, publisher: MemoryPublisher) -> None:
    publisher.fails = Unavailable("the brokers do not answer")
    with collecting() as spans:
        await client.post("/omnirps/returns", content=UPLOAD, headers=ACME)

    send, receive = spans.spans
    assert [(s.attributes or {})["error.type"] for s in (send, receive)] == ["Unavailable", "503"]
    assert (receive.attributes or {})["http.response.status_code"] == 503
