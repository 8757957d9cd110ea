"""Spans, where somebody collects them: one for each request, each run of a handler and each call to the outside.

Where nobody does, a trace still goes through: whoever begins a step hands on the context that came in.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import trace as otel
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, Status, StatusCode, TraceFlags, Tracer, TracerProvider, TraceState

from contracts.trace import Trace

NAME = "returnstreams"

Attributes = Mapping[str, str | int | bool]

_tracer: Tracer | None = None


def collect(provider: TracerProvider | None) -> None:
    """From here on this provider gets all spans of the process; None: nobody does."""
    global _tracer
    _tracer = None if provider is None else provider.get_tracer(NAME)


def collecting() -> bool:
    """Whether anybody does."""
    return _tracer is not None


class Step:
    """One piece of work as a span. trace: what goes on from it."""

    __slots__ = ("_ended_ns", "_span", "trace")

    def __init__(self, span: otel.Span, trace: Trace) -> None:
        self.trace = trace
        self._span = span
        self._ended_ns: int | None = None

    def note(self, attributes: Attributes) -> None:
        """Add what became known on the way."""
        self._span.set_attributes(attributes)

    def fail(self, error_type: str) -> None:
        """It failed. error_type: a class or a status; never a message, which may hold what is personal."""
        self._span.set_attribute("error.type", error_type)
        self._span.set_status(Status(StatusCode.ERROR))

    def stop(self) -> None:
        """The work is over; whether it counts is known at `end`."""
        self._ended_ns = time.time_ns()

    def end(self) -> None:
        """Hand the span over. One that is never ended is nobody's."""
        self._span.end(self._ended_ns)


def begin(name: str, kind: SpanKind, parent: Trace | None, attributes: Attributes) -> Step | None:
    """A step within `parent`, or of a trace of its own. None where nobody collects spans.

    Where this one is not sampled, nothing is recorded, and what came in goes on as it is.
    """
    if _tracer is None:
        return None
    span = _tracer.start_span(name, _context(parent), kind, attributes)
    return Step(span, parent if parent is not None and not span.is_recording() else _trace(span))


@contextmanager
def step(name: str, kind: SpanKind, parent: Trace | None, attributes: Attributes) -> Iterator[Step | None]:
    """The same for a block; what it raises makes the step fail."""
    begun = begin(name, kind, parent, attributes)
    try:
        yield begun
    except BaseException as error:
        if begun is not None:
            begun.fail(type(error).__name__)
        raise
    finally:
        if begun is not None:
            begun.end()


def _context(parent: Trace | None) -> Context:
    if parent is None:
        return Context()  # not the one of the surrounding code: a step's parent is always said
    _, trace, span, flags = parent.parent.split("-")
    state = TraceState() if parent.state is None else TraceState.from_header([parent.state])
    context = otel.SpanContext(int(trace, 16), int(span, 16), True, TraceFlags(int(flags, 16)), state)
    return otel.set_span_in_context(otel.NonRecordingSpan(context), Context())


def _trace(span: otel.Span) -> Trace:
    context = span.get_span_context()
    ids = otel.format_trace_id(context.trace_id), otel.format_span_id(context.span_id)
    return Trace(f"00-{ids[0]}-{ids[1]}-{context.trace_flags:02x}", context.trace_state.to_header() or None)
