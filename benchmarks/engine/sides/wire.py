"""How the hand-written loops read and write the wire: bare JSON, or validated models with CloudEvents headers."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Protocol

import orjson

from benchmarks.engine import models, work
from contracts.envelope import Envelope, from_headers

Written = tuple[bytes, list[tuple[str, bytes]]]
"""Value and headers of an action."""


class Wire(Protocol):
    """One way to read and write."""

    def row(self, value: bytes) -> bytes:
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

    def row(self, value: bytes) -> bytes:
        """See Wire."""
        # A copy of its own: orjson's buffer is 4 KB.
        return bytes(memoryview(orjson.dumps(work.slim(orjson.loads(value)))))

    def actions(self, key: str, row: bytes, message: Any) -> Iterable[Written]:
        """See Wire."""
        for action in work.decide(key, orjson.loads(row), orjson.loads(message.value)):
            yield orjson.dumps(action), []


class Contracts:
    """What the native side does for every record: envelope read and checked, models validated, nine headers written."""

    def __init__(self, source: str) -> None:
        self._source = source

    def is_order(self, message: Any) -> bool:
        """See Wire."""
        return work.is_order(message.headers)

    def row(self, value: bytes) -> bytes:
        """See Wire."""
        return models.slim(models.Ordered.model_validate_json(value)).model_dump_json().encode()

    def actions(self, key: str, row: bytes, message: Any) -> Iterable[Written]:
        """See Wire."""
        trace = from_headers(message.headers).traceparent
        upload = models.Returned.model_validate_json(message.value)
        kind = models.output_topic("actions").events[0]
        for action in models.decide(key, models.Row.model_validate_json(row), upload):
            envelope = Envelope(
                id=action.action_id,
                source=self._source,
                type=kind.type,
                time=datetime.now(UTC),
                subject=key,
                dataschema=kind.dataschema,
                traceparent=trace,
            )
            yield action.model_dump_json().encode(), list(envelope.to_headers())
