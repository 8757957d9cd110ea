"""The trace of one request: within the sender's where he says one, else its own; its records go on from here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

from opentelemetry.trace import SpanKind
from structlog.contextvars import bind_contextvars, reset_contextvars

from contracts import trace
from contracts.trace import Trace
from producers.incoming import Incoming
from producers.messages import Message
from producers.publisher import Publishes
from streams import observability
from streams.observability import Step


class Receiving:
    """A request to this route under way, of which the path itself may hold a token and the address a person's place.

    trace: what its records go on from; while the block runs, each line of the log says its id.
    """

    __slots__ = ("_step", "_tokens", "trace")

    def __init__(self, route: str, request: Incoming) -> None:
        parent = request.headers.get(trace.PARENT)
        came = None if parent is None else trace.read(parent, ",".join(request.all(trace.STATE)))
        self._step: Step | None = None
        if observability.collecting():
            self._step = _begun(route, request, came)
        self.trace = self._step.trace if self._step is not None else came or trace.begin()

    def __enter__(self) -> Self:
        # Not bound_contextvars: it reads all variables there are, for 10 us a request.
        self._tokens = bind_contextvars(trace_id=self.trace.id)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: object) -> None:
        reset_contextvars(**self._tokens)
        if self._step is None:
            return
        if kind is not None:
            self._step.fail(kind.__name__)
        self._step.end()

    def answered(self, status: int) -> None:
        """What the sender hears. That he made a mistake is no failure of ours."""
        if self._step is None:
            return
        self._step.note({"http.response.status_code": status})
        if status >= 500:
            self._step.fail(str(status))


def _begun(route: str, request: Incoming, came: Trace | None) -> Step | None:
    method = request.scope["method"]
    about = {"http.request.method": method, "http.route": route, "url.scheme": request.scope["scheme"]}
    return observability.begin(f"{method} {route}", SpanKind.SERVER, came, about)


async def publish(publisher: Publishes, messages: Sequence[Message], until: float, parent: Trace) -> None:
    """Publish them; each says the step that wrote it."""
    if not observability.collecting():
        return await publisher.publish(_carrying(messages, parent), until)
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
        await publisher.publish(_carrying(messages, parent if step is None else step.trace), until)


def _carrying(messages: Sequence[Message], here: Trace) -> list[Message]:
    context = here.record_headers
    return [Message(m.topic, m.key, m.value, m.headers + context, m.everywhere) for m in messages]
