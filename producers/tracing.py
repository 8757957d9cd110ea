"""The trace of one request: within the sender's where he says one, else its own; its records go on from here."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from opentelemetry.trace import SpanKind
from starlette.requests import Request
from starlette.responses import Response
from structlog.contextvars import bind_contextvars, reset_contextvars

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
    parent = headers.get(trace.PARENT)
    came = None if parent is None else trace.read(parent, ",".join(headers.getlist(trace.STATE)))
    step = None
    if observability.collecting():
        about = {"http.request.method": request.method, "http.route": route, "url.scheme": request.url.scheme}
        step = observability.begin(f"{request.method} {route}", SpanKind.SERVER, came, about)
    here = step.trace if step is not None else came or trace.begin()
    # Not bound_contextvars: it reads all variables there are, for 10 us a request.
    tokens = bind_contextvars(trace_id=here.id)
    try:
        yield Receiving(step, here)
    except BaseException as error:
        if step is not None:
            step.fail(type(error).__name__)
        raise
    finally:
        reset_contextvars(**tokens)
        if step is not None:
            step.end()


@contextmanager
def sending(messages: Sequence[Message], parent: Trace) -> Iterator[list[Message]]:
    """The messages as they are to be written: each says the step that wrote it."""
    if not observability.collecting():
        yield _carrying(messages, parent)
        return
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
        yield _carrying(messages, parent if step is None else step.trace)


def _carrying(messages: Sequence[Message], here: Trace) -> list[Message]:
    context = tuple((header, text.encode()) for header, text in here.headers.items())
    return [replace(message, headers=message.headers + context) for message in messages]
