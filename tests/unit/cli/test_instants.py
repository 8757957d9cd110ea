"""Instants as somebody types them, and how long ago one is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from streams.cli.instants import EARLIEST, ago, long_ago
from streams.engine.errors import ConfigError

NOW = datetime(2026, 11, 10, tzinfo=UTC)


def test_how_long_is_told_in_one_unit() -> None:
    said = [long_ago(NOW, NOW - timedelta(seconds=seconds)) for seconds in (-5, 119, 120, 7200, 172_799, 172_800)]
    assert said == ["0 s", "119 s", "2 min", "2 h", "47 h", "2 d"]


@pytest.mark.parametrize(
    ("said", "at"),
    [
        ("30s", datetime(2026, 11, 9, 23, 59, 30, tzinfo=UTC)),
        ("90m", datetime(2026, 11, 9, 22, 30, tzinfo=UTC)),
        ("12h", datetime(2026, 11, 9, 12, tzinfo=UTC)),
        ("3d", datetime(2026, 11, 7, tzinfo=UTC)),
        ("2026-11-02T10:00", datetime(2026, 11, 2, 10, tzinfo=UTC)),
        ("1969-12-31", EARLIEST),
        ("0001-01-01T00:00+10:00", EARLIEST),
        ("2026-11-02T10:00+02:00", datetime(2026, 11, 2, 8, tzinfo=UTC)),
    ],
)
def test_a_time_is_so_long_before_now_or_an_instant(said: str, at: datetime) -> None:
    assert ago(said, NOW) == at


@pytest.mark.parametrize("said", ["", "soon", "3", "3w", "-3d", "9999999d", "999999d"])
def test_what_is_no_time_is_answered_with_what_is_one(said: str) -> None:
    with pytest.raises(ConfigError, match="say 90m, 12h, 3d, or an instant"):
        ago(said, NOW)
