"""Instants as somebody types them, and how long ago one is."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from streams.engine.errors import ConfigError

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
# Nothing of ours is older, and a broker can be asked for no time before 1970.
EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)

_AGO = re.compile(r"(\d{1,6})([smhd])")


def ago(said: str, now: datetime) -> datetime:
    """`90m` before `now`, or the instant itself; without an offset it is UTC. Never before EARLIEST.

    ConfigError says what can be read.
    """
    try:
        if (match := _AGO.fullmatch(said)) is not None:
            return max(EARLIEST, now - timedelta(**{_UNITS[match[2]]: int(match[1])}))
        at = datetime.fromisoformat(said)
    except (ValueError, OverflowError):
        raise ConfigError(f"{said!r} is no time: say 90m, 12h, 3d, or an instant like 2026-11-22T10:00Z") from None
    return max(EARLIEST, at if at.tzinfo is not None else at.replace(tzinfo=UTC))


def long_ago(now: datetime, since: datetime) -> str:
    """`3 h`: in the largest unit of which there are two."""
    seconds = max(0, int((now - since).total_seconds()))
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
