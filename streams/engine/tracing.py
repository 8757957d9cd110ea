"""The spans of one task: each run of a handler is one, within the trace of what it runs for.

They are handed over when their batch is committed: a batch that is dropped and redone leaves no trace of the first try.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from opentelemetry.trace import SpanKind

from streams import observability
from streams.engine.context import Cause
from streams.engine.errors import NotYet
from streams.observability import Step


def begin(agent: str, partition: int, cause: Cause) -> Step | None:
    """A span for one run of a handler; None where nobody collects spans."""
    if not observability.collecting():
        return None
    record = cause.record
    if record is None:
        attributes: dict[str, Any] = {"returnstreams.agent": agent, "returnstreams.partition": partition}
        return observability.begin(cause.step, SpanKind.INTERNAL, cause.trace, attributes)
    attributes = {
        "messaging.system": "kafka",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": record.topic,
        "messaging.destination.partition.id": str(record.partition),
        "messaging.kafka.offset": record.offset,
        "messaging.consumer.group.name": agent,
    }
    return observability.begin(f"process {record.topic}", SpanKind.CONSUMER, cause.trace, attributes)


def stop(step: Step | None, error: Exception | None = None) -> None:
    """The run is over. A record that waits for something has not failed."""
    if step is None:
        return
    if isinstance(error, NotYet):
        step.note({"returnstreams.waits": True})
    elif error is not None:
        step.fail(type(error).__name__)
    step.stop()


def end(steps: Iterable[Step]) -> None:
    """Their batch is committed."""
    for step in steps:
        step.end()
