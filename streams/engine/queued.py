"""What an outbox owes, as its agent's changelog tells it to one who only looks: a command, never a task."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, NamedTuple

import orjson

from streams.engine import timers
from streams.engine.heads import head_index_of
from streams.engine.outbox import queue_of


class Queued(NamedTuple):
    """One row of a queue. number: its place among those of its key. intent: as JSON, None where the row is gone.

    attempt: how many were begun. first_at: when the first of them was, None before it.
    """

    key: str
    number: int
    id: str = ""
    intent: dict[str, Any] | None = None
    attempt: int = 0
    queued_at: datetime | None = None
    first_at: datetime | None = None


class Due(NamedTuple):
    """From when on the first call of a key may be tried; None: its queue is empty."""

    key: str
    at: datetime | None


def reader(outbox: str) -> Callable[[bytes | None, bytes | None], Queued | Due | None]:
    """What turns a changelog record's key and value into what it says of this outbox; None where it says nothing.

    Of each key the newest record holds, as in any compacted topic.
    """
    queue, heads = f"{queue_of(outbox)}/".encode(), f"{head_index_of(outbox)}/".encode()

    def read(key: bytes | None, value: bytes | None) -> Queued | Due | None:
        if key is None:
            return None
        if key.startswith(queue):
            whose, _, number = key[len(queue) :].decode().rpartition("|")
            return _queued(whose, int(number), value)
        if key.startswith(heads):
            return Due(key[len(heads) :].decode(), timers.instant(value.decode()) if value else None)
        return None

    return read


def _queued(key: str, number: int, row: bytes | None) -> Queued:
    if row is None:
        return Queued(key, number)
    stored = orjson.loads(row)
    return Queued(
        key,
        number,
        stored["id"],
        stored["intent"],
        stored["attempt"],
        _instant(stored.get("queued_at")),
        _instant(stored.get("first_at")),
    )


def _instant(written: str | None) -> datetime | None:
    return None if written is None else datetime.fromisoformat(written)
