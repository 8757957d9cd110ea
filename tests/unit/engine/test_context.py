"""What a handler emits: the right type, and the same ids whenever the same record is worked on again."""

from __future__ import annotations

import pytest

from contracts import trace
from contracts.envelope import Envelope, from_headers
from contracts.trace import Trace
from streams.engine.agent import Store
from streams.engine.context import Cause, Context, decode, encode
from streams.engine.errors import StateRefused
from streams.engine.keyvalue import MemoryKeyValue
from streams.engine.overlay import Overlay
from streams.engine.task import TaskCore
from tests.unit.engine.toys import (
    ECHOES,
    LABELS,
    NUMBERS,
    START,
    TOTALS,
    Count,
    Echo,
    Label,
    Nudge,
    Number,
    record,
    toy_agent,
)

TRACE = Trace("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", "vendor=1")


@pytest.fixture
def ctx() -> Context:
    return Context(toy_agent(), 3, START, {}, Overlay(MemoryKeyValue()), Cause("numbers/3/17", TRACE))


def envelopes(offset: int, *, before: int = 0) -> list[Envelope]:
    """What a record emits, when `before` others of its kind come before it in the batch."""
    core = TaskCore(toy_agent(), 0, MemoryKeyValue(), {})
    batch = core.begin()
    for other in range(before):
        core.handle(batch, record(Number(), key=b"other", offset=offset - before + other), START)
    already = len(batch.emitted)
    core.handle(batch, record(Number(n=1), offset=offset), START)
    return [from_headers(out.headers) for out in batch.emitted[already:]]


def test_the_model_decides_the_type(ctx: Context) -> None:
    ctx.emit(NUMBERS, Number(), key="a")
    ctx.emit(NUMBERS, Nudge(), key="a")

    assert [from_headers(out.headers).type for out in ctx.emitted] == ["toy.number", "toy.nudge"]
    with pytest.raises(KeyError, match="echoes takes"):
        ctx.emit(ECHOES, Number(), key="a")


def test_the_trace_the_time_and_the_source_go_along(ctx: Context) -> None:
    ctx.emit(ECHOES, Echo(what="x"), key="a", subject="RMA-1")
    ctx.forget(TOTALS, key="a")
    envelope = from_headers(ctx.emitted[0].headers)

    assert [trace.of(out.headers) for out in ctx.emitted] == [TRACE, TRACE]
    assert (envelope.traceparent, envelope.time, envelope.source, envelope.subject) == (
        TRACE.parent,
        START,
        "returnstreams/toy",
        "RMA-1",
    )


def test_a_record_worked_on_again_says_the_same_ids_whatever_batch_it_is_in() -> None:
    assert [e.id for e in envelopes(7)] == [e.id for e in envelopes(7, before=3)]


def test_no_two_records_and_no_two_emissions_share_an_id() -> None:
    ids = [e.id for offset in range(20) for e in envelopes(offset)]

    assert len(set(ids)) == len(ids) == 40


def test_a_key_decides_the_partition_unless_told_otherwise(ctx: Context) -> None:
    ctx.emit(ECHOES, Echo(what="x"), key="a|b", partition_key="a")
    ctx.emit(ECHOES, Echo(what="x"), key="a|b", partition_key="")
    ctx.emit(ECHOES, Echo(what="x"), key="a|b")
    ctx.put(ctx.agent.stores["totals"], "a|b", Count(n=1))

    assert [(o.partition_key, o.partition) for o in ctx.emitted] == [
        (b"a", None),
        (b"", None),
        (b"a|b", None),
        (b"a|b", 3),
    ]


def test_a_store_with_an_output_topic_writes_there_what_it_keeps(ctx: Context) -> None:
    totals = ctx.agent.stores["totals"]
    ctx.put(totals, "a", Count(n=1))
    ctx.delete(totals, "a")

    assert [(o.topic, o.value) for o in ctx.emitted] == [("totals", b'{"n":1}'), ("totals", None)]
    assert ctx.get(totals, "a") is None


def test_a_tombstone_needs_a_compacted_topic(ctx: Context) -> None:
    ctx.forget(LABELS, key="a")
    with pytest.raises(ValueError, match="echoes is not compacted"):
        ctx.forget(ECHOES, key="a")


def test_rows_say_their_version_and_others_are_read_as_the_store_says() -> None:
    before: Store[Count] = Store("s", Count, version=1)
    now: Store[Label] = Store("s", Label, version=2, reads={1: lambda row: Label(text=row.decode())})

    assert decode(before, encode(before, Count(n=3))) == Count(n=3)
    assert decode(now, encode(before, Count(n=3))) == Label(text='{"n":3}')
    assert decode(now, encode(now, Label(text="x"))) == Label(text="x")
    with pytest.raises(StateRefused, match=r"store s holds rows of schema version 2, this release reads 1: start a"):
        decode(before, encode(now, Label(text="x")))
