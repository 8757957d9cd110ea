"""The same agent without validation: its values are read and written by orjson, and nothing is said about their shape.

The engine asks two things of a value's class, which these have instead of a model: `model_validate_json` and `to_json`.
"""

from __future__ import annotations

from typing import Any, Self, cast

import orjson

from benchmarks.engine import work
from contracts.model import Model
from contracts.topics import EventType, Keyed, Topic


class Unchecked:
    """Any JSON object."""

    __slots__ = ("body",)

    def __init__(self, body: work.Plain) -> None:
        self.body = body

    @classmethod
    def model_validate_json(cls, raw: bytes) -> Self:
        """Read it, and believe it."""
        return cls(orjson.loads(raw))

    def to_json(self) -> bytes:
        """As it stands on the wire."""
        # A copy of its own: orjson's buffer is 4 KB, and lives as long as the batch.
        return bytes(memoryview(orjson.dumps(self.body)))


class Ordered(Unchecked):
    """An order."""


class Returned(Unchecked):
    """A return."""


class Row(Unchecked):
    """What is kept of an order."""


class Action(Unchecked):
    """What one returned unit gets."""

    @property
    def action_id(self) -> str:
        """Of the fact."""
        return cast(str, self.body["action_id"])


def input_topic(name: str) -> Topic:
    """Orders and returns."""
    kinds = _kind(Ordered, work.ORDER), _kind(Returned, work.RETURN)
    return Topic(name, "order key", Keyed.ORDER, kinds, 7, ("the benchmark",), ("every side",))


def output_topic(name: str) -> Topic:
    """Actions."""
    return Topic(name, "order key", Keyed.ORDER, (_kind(Action, work.ACTION),), 7, ("one side",), ("the checker",))


def slim(order: Ordered) -> Row:
    """See `work.slim`."""
    return Row(work.slim(order.body))


def decide(key: str, row: Row, upload: Returned) -> list[Action]:
    """See `work.decide`."""
    return [Action(action) for action in work.decide(key, row.body, upload.body)]


def _kind(model: type[Any], name: bytes) -> EventType:
    return EventType(cast(type[Model], model), name.decode())
