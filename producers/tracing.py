"""The trace of one request: within the sender's where he says one, else its own; its records go on from here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from opentelemetry.trace import SpanKind
from starlette.requests import Request
from starlette.responses import Response
from structlog.contextvars import bound_contextvars

from contracts import trace
from contracts.trace import Trace
from producers.messages import Message
from streams import observability
from streams.observability import Step


class Receiving:
    """One request under way. trace: what its records go on from."""

    def __init__(self, step: Step | None, trace: Trace) -> None:
        self.trace = trace
        self._step = step

    def answered(self, response: Response) -> None:
        """What the sender hears. That he made a mistake is no failure of ours."""
        if self._step is None:
            return
        self._step.note({"http.response.status_code": response.status_code})
        if response.status_code >= 500:
            self._step.fail(str(response.status_code))


@contextmanager
def receiving(route: str, request: Request) -> Iterator[Receiving]:
    """A request to this route, of which the path itself may hold a token and the address a person's place."""
    headers = request.headers
    came = trace.read(headers.get(trace.PARENT), ",".join(headers.getlist(trace.STATE)))
    about = {"http.request.method": request.method, "http.route": route, "url.scheme": request.url.scheme}
    with observability.step(f"{request.method} {route}", SpanKind.SERVER, came, about) as step:
        here = step.trace if step is not None else came or trace.begin()
        with bound_contextvars(trace_id=here.id):
            yield Receiving(step, here)


@contextmanager
def sending(messages: Sequence[Message], parent: Trace) -> Iterator[list[Message]]:
    """The messages as they are to be written: each says the step that wrote it."""
    topics = {message.topic.name for message in messages}
    about: dict[str, str | int] = {
        "messaging.system": "kafka",
        "messaging.operation.name": "send",
        "messaging.operation.type": "send",
        "messaging.batch.message_count": len(messages),
    }
    name = "send"
    if len(topics) == 1:
        about["messaging.destination.name"] = topic = topics.pop()
        name = f"send {topic}"
    with observability.step(name, SpanKind.PRODUCER, parent, about) as step:
        here = parent if step is None else step.trace
        context = tuple((header, text.encode()) for header, text in here.headers.items())
        yield [replace(message, headers=(*message.headers, *context)) for message in messages]
