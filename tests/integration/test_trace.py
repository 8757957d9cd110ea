"""One trace from a request at the ingress to the call that a retailer's hook receives, on a real Kafka."""

from __future__ import annotations

import json

import pytest

from contracts import topics, trace
from contracts.retailers import Hook
from contracts.trace import Trace
from producers.service import Ingress
from streams.agents import return_rules
from streams.agents.tracking_forward import tracking_forward
from streams.engine.kafka import Cluster, append
from streams.engine.records import OutRecord
from streams.topics_admin import Replication, TopicsAdmin, wanted
from streams.wiring import AGENTS
from tests.integration.running_agents import running
from tests.integration.test_ingress import ACME, listening, settings_for
from tests.spans import Collected, collecting
from tests.unit.callers.receiver import Receiver, receiver, status
from tests.unit.producers import support
from tests.waiting import eventually

pytestmark = pytest.mark.kafka

CAME = Trace("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "vendor=1")
COPIES = Replication(1, 1)
UPLOAD = json.dumps(json.loads(support.body("omnirps/returns.json"))[:1]).encode()


async def install(cluster: Cluster, hook: Receiver) -> None:
    async with TopicsAdmin(cluster) as admin:
        await admin.apply(await admin.plan(wanted(AGENTS, cluster.prefix, 1, COPIES)), COPIES)
    acme = support.RETAILERS[0].model_copy(update={"hook": Hook(url=hook.url, allow_private=True)})
    row = acme.model_dump_json().encode()
    await append(cluster, [OutRecord(topics.RETAILERS.name, b"acme", row, partition=0)])


async def deliver(kafka: str, prefix: str, headers: dict[str, str]) -> Receiver:
    """Upload a return, and wait until the hook was told of it."""
    cluster = Cluster({"bootstrap_servers": kafka}, prefix)
    async with receiver(status("200 OK")) as hook:
        await install(cluster, hook)
        async with (
            running(cluster, return_rules.AGENT, tracking_forward()),
            listening(Ingress(settings_for(kafka, prefix))) as client,
        ):
            answer = await client.post("/omnirps/returns", content=UPLOAD, headers={**ACME, **headers})
            assert answer.status_code == 200
            await eventually(lambda: bool(hook.received), "the hook is told")
    return hook


async def test_a_delivery_says_the_trace_of_the_request_without_any_collector(kafka: str, topic_prefix: str) -> None:
    hook = await deliver(kafka, topic_prefix, CAME.headers)

    (told,) = hook.received
    assert trace.read(told.headers.get("traceparent"), told.headers.get("tracestate")) == CAME


async def test_the_spans_from_the_request_to_the_delivery_are_one_tree(kafka: str, topic_prefix: str) -> None:
    with collecting() as spans:
        hook = await deliver(kafka, topic_prefix, CAME.headers)

    (post,) = [span for span in spans.spans if span.name == "POST"]
    assert spans.path(post) == [
        "POST /omnirps/returns",
        "send return-uploads",
        "process return-uploads",
        "process return-events",
        "POST",
    ]
    assert post.context is not None
    told = trace.read(hook.received[0].headers["traceparent"], hook.received[0].headers["tracestate"])
    assert told == Trace(f"00-{CAME.id}-{post.context.span_id:016x}-01", "vendor=1")
    assert roots(spans) == {"00f067aa0ba902b7 POST /omnirps/returns"}
    assert all(f"{span.context.trace_id:032x}" == CAME.id for span in spans.spans if span.context is not None)


def roots(spans: Collected) -> set[str]:
    """The spans whose parent is not among them, each with that parent."""
    known = {span.context.span_id for span in spans.spans if span.context is not None}
    return {
        f"{span.parent.span_id if span.parent else 0:016x} {span.name}"
        for span in spans.spans
        if span.parent is None or span.parent.span_id not in known
    }
