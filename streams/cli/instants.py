"""Instants as somebody types them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from streams.engine.errors import ConfigError

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
_AGO = re.compile(r"(\d{1,6})([smhd])")


def ago(said: str, now: datetime) -> datetime:
    """`90m` before `now`, or the instant itself; without an offset it is UTC. ConfigError says what can be read."""
    if (match := _AGO.fullmatch(said)) is not None:
        return now - timedelta(**{_UNITS[match[2]]: int(match[1])})
    try:
        at = datetime.fromisoformat(said)
    except ValueError:
        raise ConfigError(f"{said!r} is no time: say 90m, 12h, 3d, or an instant like 2026-11-22T10:00Z") from None
    return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
