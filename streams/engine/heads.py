"""Heads: the first call of each key of an outbox, and from when on it may be tried.

They stand in a store under that time, in an outbox with lanes under their lane and that time; an index says where the
head of a key stands.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from streams.engine import timers

if TYPE_CHECKING:
    from streams.engine.agent import Outbox
    from streams.engine.overlay import Overlay, Rows


def heads_of(outbox: str) -> str:
    """The store that holds the first call of each key under the time from which it may be tried: without lanes."""
    return f"$outbox.{outbox}.heads"


def lanes_of(outbox: str) -> str:
    """The same with lanes: under the lane, then that time."""
    return f"$outbox.{outbox}.lanes"


def head_index_of(outbox: str) -> str:
    """The store that says from when on the first call of each key may be tried."""
    return f"$outbox.{outbox}.head-index"


def due(rows: Rows, outbox: str, now: datetime, limit: int) -> list[tuple[str, int]]:
    """Heads (key, number) that may be tried now, longest due first, at most `limit`. For an outbox without lanes."""
    found: list[tuple[str, int]] = []
    for row_key, number in rows.scan(heads_of(outbox), before=timers.behind(now)):
        if len(found) >= limit:
            break
        found.append((row_key.split("|", 1)[1], int(number)))
    return found


def next_due(rows: Rows, outbox: str) -> datetime | None:
    """When the next head may be tried. For an outbox without lanes."""
    for row_key, _ in rows.scan(heads_of(outbox)):
        return timers.instant(row_key.split("|", 1)[0])
    return None


def head_of(rows: Rows, outbox: str, key: str, lane: str = "") -> int | None:
    """The number of a key's first call; None where its queue is empty."""
    at = rows.get(head_index_of(outbox), key)
    number = None if at is None else rows.get(*_place(outbox, lane, at.decode(), key))
    return None if number is None else int(number)


def is_head(rows: Rows, outbox: str, key: str, number: int, now: datetime, lane: str = "") -> bool:
    """Whether this call is still its key's first and may be tried now."""
    at = rows.get(head_index_of(outbox), key)
    if at is None or at.decode() > timers.passed(now):
        return False
    return rows.get(*_place(outbox, lane, at.decode(), key)) == str(number).encode()


def _place(outbox: str, lane: str, stamp: str, key: str) -> tuple[str, str]:
    """The store and the key of a head's row."""
    return (lanes_of(outbox), f"{lane}|{stamp}|{key}") if lane else (heads_of(outbox), f"{stamp}|{key}")


def set_head(rows: Overlay, outbox: str, key: str, number: int, stamp: str | None, lane: str) -> None:
    """Have it be tried from this due time on; None where the queue is empty. What may be tried at once gets one that
    has come, not one rounded up: it can then begin in the commit that sets it."""
    index = head_index_of(outbox)
    before = rows.get(index, key)
    if before is not None:
        old = _place(outbox, lane, before.decode(), key)
        # A release without lanes may have put it among all heads.
        rows.put(*(old if not lane or rows.get(*old) else _place(outbox, "", before.decode(), key)), None)
    if stamp is None:
        rows.put(index, key, None)
        return
    rows.put(index, key, stamp.encode())
    rows.put(*_place(outbox, lane, stamp, key), str(number).encode())


def move_to_lane(rows: Overlay, outbox: Outbox[Any, Any], head: str, number: bytes) -> None:
    """Put a head where a release with lanes looks for it, unless the batch has moved it already."""
    if rows.get(heads_of(outbox.name), head) == number:
        stamp, key = head.split("|", 1)
        rows.put(heads_of(outbox.name), head, None)
        rows.put(*_place(outbox.name, outbox.lane_of(key), stamp, key), number)
