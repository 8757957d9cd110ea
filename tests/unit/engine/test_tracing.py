"""A trace goes through every record, whether or not anybody collects spans, and the spans of a chain are one tree."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF
from opentelemetry.trace import SpanKind, StatusCode
from structlog.testing import capture_logs

from contracts import trace
from contracts.trace import Trace
from streams.engine.driver import AgentTestDriver
from streams.engine.keyvalue import MemoryKeyValue
from streams.engine.task import TaskCore
from tests.builders import retailer
from tests.spans import Collected, collecting
from tests.unit.engine.toys import ECHOES, NUMBERS, START, Number, Reply, record, toy_agent

TRACE = Trace("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "vendor=1")
UNSAMPLED = Trace("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-00")


@pytest.fixture
def spans() -> Iterator[Collected]:
    with collecting() as collected:
        yield collected


@pytest.fixture
def driver() -> AgentTestDriver:
    return AgentTestDriver(toy_agent())


def traces(driver: AgentTestDriver) -> set[Trace | None]:
    return {trace.of(written.record.headers) for written in driver.written}


def test_without_a_collector_records_calls_and_what_answers_bring_say_the_trace_that_came(
    driver: AgentTestDriver,
) -> None:
    driver.pipe(NUMBERS, Number(ask="a1"), key="k", headers=TRACE.headers)
    (call,) = driver.calls
    driver.answer(call, Reply())

    assert call.trace == TRACE
    assert len(driver.written) == 3
    assert traces(driver) == {TRACE}


def test_a_record_without_a_sound_context_has_none_to_hand_on(driver: AgentTestDriver) -> None:
    driver.pipe(NUMBERS, Number(), key="k")
    driver.pipe(NUMBERS, Number(), key="k", headers={"traceparent": "00-nonsense"})

    assert traces(driver) == {None}


def test_a_record_that_waited_goes_on_in_its_own_trace(driver: AgentTestDriver) -> None:
    driver.pipe(NUMBERS, Number(retailer="acme"), key="k", headers=TRACE.headers)
    assert driver.written == []
    driver.retailers["acme"] = retailer()
    driver.advance(timedelta(seconds=5))

    assert traces(driver) == {TRACE}


def test_a_dead_letter_and_its_line_in_the_log_say_the_trace(driver: AgentTestDriver) -> None:
    with capture_logs() as logs:
        driver.pipe(NUMBERS, b"{", key="k", headers=TRACE.headers)
        driver.pipe(NUMBERS, Number(fail=True), key="k", headers=TRACE.headers)

    assert [line.get("trace_id") for line in logs if line["action"] == "dead_letter"] == [TRACE.id, TRACE.id]
    assert traces(driver) == {TRACE}


def test_what_a_handler_emits_and_asks_for_lies_within_its_span(driver: AgentTestDriver, spans: Collected) -> None:
    driver.pipe(NUMBERS, Number(ask="a1"), key="k", headers=TRACE.headers)
    (call,) = driver.calls
    driver.answer(call, Reply())

    process, settle = spans.spans
    assert (process.name, process.kind) == ("process numbers", SpanKind.CONSUMER)
    assert dict(process.attributes or {}) == {
        "messaging.system": "kafka",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": "numbers",
        "messaging.destination.partition.id": "0",
        "messaging.kafka.offset": 0,
        "messaging.consumer.group.name": "toy",
    }
    assert process.parent is not None
    assert f"{process.parent.trace_id:032x}-{process.parent.span_id:016x}" == TRACE.parent[3:52]
    assert spans.path(settle) == ["process numbers", "settle box"]
    assert call.trace is not None
    assert (call.trace.id, call.trace.state) == (TRACE.id, "vendor=1")
    emitted = [trace.of(written.record.headers) for written in driver.written if written.topic == ECHOES.name]
    assert [None if e is None else e.parent[36:52] for e in emitted] == [
        f"{span.context.span_id:016x}" for span in (process, settle) if span.context is not None
    ]


def test_a_timer_begins_a_trace_of_its_own(driver: AgentTestDriver, spans: Collected) -> None:
    driver.pipe(NUMBERS, Number(ring_s=5), key="k", headers=TRACE.headers)
    driver.advance(timedelta(seconds=5))
    ring = spans.one("fire bell")

    assert ring.parent is None
    assert ring.context is not None
    last = trace.of(driver.written[-1].record.headers)
    assert last is not None
    assert last.id == f"{ring.context.trace_id:032x}" != TRACE.id


def test_a_handler_that_fails_is_an_error_without_its_message_and_one_that_waits_is_none(
    driver: AgentTestDriver, spans: Collected
) -> None:
    driver.pipe(NUMBERS, Number(fail=True), key="k")
    driver.pipe(NUMBERS, Number(retailer="acme"), key="j")
    failed, waits = spans.spans

    assert (failed.status.status_code, failed.status.description) == (StatusCode.ERROR, None)
    assert (failed.attributes or {})["error.type"] == "Bug"
    assert failed.events == ()
    assert waits.status.status_code is StatusCode.UNSET
    assert (waits.attributes or {})["returnstreams.waits"] is True


def test_a_batch_that_is_dropped_leaves_no_span(spans: Collected) -> None:
    core = TaskCore(toy_agent(), 0, MemoryKeyValue(), {})
    core.handle(core.begin(), record(Number()), START)

    assert spans.spans == ()


def test_what_is_not_sampled_is_not_recorded_and_goes_on_as_it_came(driver: AgentTestDriver, spans: Collected) -> None:
    driver.pipe(NUMBERS, Number(), key="k", headers=UNSAMPLED.headers)

    assert spans.spans == ()
    assert traces(driver) == {UNSAMPLED}


def test_a_trace_that_begins_unsampled_stays_so_at_the_next_hop(driver: AgentTestDriver) -> None:
    with collecting(ALWAYS_OFF) as spans:
        driver.pipe(NUMBERS, Number(), key="k")

    (begun,) = traces(driver)
    assert begun is not None
    assert int(begun.parent[-2:], 16) & 1 == 0
    assert spans.spans == ()
