"""How the hand-written loops read and write the wire: bare JSON, or validated models with CloudEvents headers."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Protocol

import orjson

from benchmarks.engine import models, work
from contracts import trace
from contracts.envelope import Letterhead, from_headers

Written = tuple[bytes, list[tuple[str, bytes]]]
"""Value and headers of an action."""


class Wire(Protocol):
    """One way to read and write."""

    def row(self, message: Any) -> bytes:
        """The row of an order."""

    def actions(self, key: str, row: bytes, message: Any) -> Iterable[Written]:
        """The actions of a return."""

    def is_order(self, message: Any) -> bool:
        """Which of the two a record is."""


class Bare:
    """JSON by orjson, nothing checked, no headers written."""

    def is_order(self, message: Any) -> bool:
        """See Wire."""
        return work.is_order(message.headers)

    def row(self, message: Any) -> bytes:
        """See Wire."""
        # A copy of its own: orjson's buffer is 4 KB.
        return bytes(memoryview(orjson.dumps(work.slim(orjson.loads(message.value)))))

    def actions(self, key: str, row: bytes, message: Any) -> Iterable[Written]:
        """See Wire."""
        for action in work.decide(key, orjson.loads(row), orjson.loads(message.value)):
            yield orjson.dumps(action), []


class Contracts:
    """What the native side does for every record: envelope read and checked, models validated, nine headers written."""

    def __init__(self, source: str) -> None:
        self._letterhead = Letterhead(source)
        (self._kind,) = models.output_topic("actions").events
        self._schema = self._kind.dataschema

    def is_order(self, message: Any) -> bool:
        """See Wire."""
        return work.is_order(message.headers)

    def row(self, message: Any) -> bytes:
        """See Wire."""
        from_headers(message.headers)
        return models.slim(models.Ordered.model_validate_json(message.value)).to_json()

    def actions(self, key: str, row: bytes, message: Any) -> Iterable[Written]:
        """See Wire."""
        envelope = from_headers(message.headers)
        context = trace.read(envelope.traceparent, envelope.tracestate)
        upload = models.Returned.model_validate_json(message.value)
        now = datetime.now(UTC)
        for action in models.decide(key, models.Row.model_validate_json(row), upload):
            headers = self._letterhead.headers(action.action_id, self._kind.type, self._schema, now, key, context)
            yield action.to_json(), list(headers)
