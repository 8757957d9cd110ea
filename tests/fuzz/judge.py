"""One request through the whole door, and what must hold of the answer, whatever the request was."""

from __future__ import annotations

import json
from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from producers.app import build
from producers.messages import KEPT, Message
from producers.problems import Unavailable
from streams import event_loop
from tests.fuzz.request import ACCOUNTS, NOW, Request
from tests.unit.producers import support


@dataclass
class Publisher:
    """Writes to memory, or not at all."""

    away: bool = False
    asked: bool = False
    ready: bool = True
    written: list[Message] = field(default_factory=list)

    async def publish(self, messages: Sequence[Message], until: float | None = None) -> None:
        self.asked = True
        if self.away:
            raise Unavailable("away")
        self.written.extend(messages)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, and what was written until then. asked: whether the publisher was to write anything."""

    status: int
    headers: dict[bytes, bytes]
    body: bytes
    written: list[Message]
    asked: bool


class Ingress:
    """The application, with a publisher that can be away."""

    def __init__(self) -> None:
        self._door = support.door_of(ACCOUNTS, Publisher(), clock=lambda: NOW)
        self._app = build(self._door)
        self._loop = event_loop.new()

    def close(self) -> None:
        """Let go of the loop."""
        self._loop.close()

    def ask(self, request: Request, *, away: bool = False) -> Answer:
        """Its answer."""
        self._door.publisher = publisher = Publisher(away)
        sent: list[MutableMapping[str, Any]] = []
        self._loop.run_until_complete(self._app(_scope(request), _receiver(request.body), _sender(sent)))
        start, *rest = sent
        body = b"".join(part.get("body", b"") for part in rest)
        return Answer(start["status"], dict(start["headers"]), body, publisher.written, publisher.asked)


def judge(ingress: Ingress, request: Request) -> Answer:
    """What must hold of every request. AssertionError otherwise."""
    answer = ingress.ask(request)
    assert answer.status in (200, 400, 401, 404, 413, 415, 422, 431), answer.status
    if answer.status == 200:
        assert request.signed, "nobody proved where this came from"
        _readable(answer.written)
        again = ingress.ask(request)
        assert [_fact(each) for each in again.written] == [_fact(each) for each in answer.written], "another fact"
        away = ingress.ask(request, away=True)
        assert away.status == (503 if answer.asked else 200), "2xx without the records"
    else:
        assert not answer.asked, f"{answer.status} has written"
        assert answer.headers[b"content-type"] == b"application/problem+json"
        assert json.loads(answer.body)["status"] == answer.status
    return answer


def _readable(written: list[Message]) -> None:
    """The agents can read it: the envelope, and the data by its model."""
    for message in written:
        assert message.key != ""
        assert all(isinstance(value, bytes) for _, value in message.headers)
        if message.topic is KEPT:  # as it came, so that it may be empty
            assert message.header("dl_reason")
            continue
        assert message.key
        assert message.header("ce_id")
        (model,) = [each.model for each in message.topic.events if each.type == message.header("ce_type")]
        model.model_validate_json(message.value)


def _fact(message: Message) -> tuple[str, str | None, str | None]:
    return message.topic.name, message.key, message.header("ce_id")


def _scope(request: Request) -> dict[str, Any]:
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": request.path,
        "raw_path": request.path.encode(),
        "query_string": request.query.encode(),
        "root_path": "",
        "headers": list(request.headers),
        "client": ("127.0.0.1", 1),
        "server": ("ingress", 80),
    }


def _receiver(body: bytes) -> Any:
    parts = iter(
        [
            {"type": "http.request", "body": body[: len(body) // 2], "more_body": True},
            {"type": "http.request", "body": body[len(body) // 2 :], "more_body": False},
        ]
    )

    async def receive() -> dict[str, Any]:
        return next(parts, {"type": "http.disconnect"})

    return receive


def _sender(sent: list[MutableMapping[str, Any]]) -> Any:
    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    return send
