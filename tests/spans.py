"""Spans in memory: what a process would have sent, and whether it is one tree."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBased, Sampler

from streams import observability


class Collected:
    """The spans that were handed over."""

    def __init__(self, exporter: InMemorySpanExporter) -> None:
        self._exporter = exporter

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        """In the order in which they ended."""
        return self._exporter.get_finished_spans()

    @property
    def names(self) -> list[str]:
        """Of all spans."""
        return [span.name for span in self.spans]

    def one(self, name: str) -> ReadableSpan:
        """The only span of this name."""
        (found,) = [span for span in self.spans if span.name == name]
        return found

    def path(self, span: ReadableSpan) -> list[str]:
        """The names from the root down to this span, as far as the spans are here."""
        known = {each.context.span_id: each for each in self.spans if each.context is not None}
        names = [span.name]
        while span.parent is not None and (up := known.get(span.parent.span_id)) is not None:
            span = up
            names.insert(0, span.name)
        return names

    def clear(self) -> None:
        """Forget them."""
        self._exporter.clear()


@contextmanager
def collecting(sampler: Sampler | None = None) -> Iterator[Collected]:
    """Have all spans of this process collected, until the end of the block."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider(sampler=sampler or ParentBased(ALWAYS_ON), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    observability.collect(provider)
    try:
        yield Collected(exporter)
    finally:
        observability.collect(None)
        provider.shutdown()
