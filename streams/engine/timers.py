"""Timers that survive a restart: rows under their due time, and an index to find the one of a key."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from streams.engine.overlay import Overlay, Rows

DUE = "$timers"
INDEX = "$timer-index"

# Wide enough for the year 9999 in milliseconds, so that text order is time order.
_DUE_DIGITS = 15

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Timer:
    """One timer that is due. `name` is its kind, `key` whose it is, `payload` what was left with it."""

    name: str
    key: str
    due: datetime
    payload: bytes = b""


def millis(at: datetime) -> int:
    """Milliseconds since 1970, rounded up: a timer never fires before its time."""
    # In whole numbers: a float of seconds is a microsecond off in 2515, and a year 9999 is a legal due time.
    return -(-((at - _EPOCH) // _MICROSECOND) // 1000)


def stamp(at: datetime) -> str:
    """A due time as text that sorts like it."""
    return f"{max(millis(at), 0):0{_DUE_DIGITS}d}"


def passed(now: datetime) -> str:
    """The last due time that has come by `now`: rounded down, where those of the timers are rounded up."""
    return f"{max((now - _EPOCH) // _MICROSECOND // 1000, 0):0{_DUE_DIGITS}d}"


def behind(now: datetime) -> str:
    """A key behind all of those that begin with a due time that has come, and `|`."""
    return f"{passed(now)}}}"


def instant(text: str) -> datetime:
    """The time that `stamp` wrote."""
    return _EPOCH + timedelta(milliseconds=int(text))


def put(
    rows: Overlay, name: str, key: str, due: datetime, payload: bytes = b"", slack: timedelta = timedelta(0)
) -> None:
    """Set the timer of this key, in place of an earlier one; one that is due up to `slack` before `due` is left."""
    at = stamp(due)
    before = rows.get(INDEX, f"{name}|{key}") if slack else None
    if before is not None and stamp(due - slack) <= before.decode() <= at:
        return
    cancel(rows, name, key)
    rows.put(DUE, f"{at}|{name}|{key}", payload)
    rows.put(INDEX, f"{name}|{key}", at.encode())


def cancel(rows: Overlay, name: str, key: str) -> None:
    """Forget the timer of this key, if there is one."""
    at = rows.get(INDEX, f"{name}|{key}")
    if at is not None:
        rows.put(DUE, f"{at.decode()}|{name}|{key}", None)
        rows.put(INDEX, f"{name}|{key}", None)


def due(rows: Rows, now: datetime, limit: int) -> list[Timer]:
    """The timers whose time has come, in that order, at most `limit` of them."""
    found: list[Timer] = []
    for row_key, payload in rows.scan(DUE, before=behind(now)):
        if len(found) == limit:
            break
        at, name, key = row_key.split("|", 2)
        found.append(Timer(name, key, instant(at), payload))
    return found


def next_due(rows: Rows) -> datetime | None:
    """When the next timer is due, None where none is set."""
    for row_key, _ in rows.scan(DUE):
        return instant(row_key[:_DUE_DIGITS])
    return None


def still_set(rows: Rows, timer: Timer) -> bool:
    """Whether this very timer has not been replaced or cancelled meanwhile."""
    return rows.get(INDEX, f"{timer.name}|{timer.key}") == stamp(timer.due).encode()
