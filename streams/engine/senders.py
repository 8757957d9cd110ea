"""Who sent the poison: names to count it under, and when a log line about it is worth writing."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from streams.engine.records import Record

UNNAMED = "(none)"
OTHERS = "(others)"
# `ce_source` is whatever a publisher wrote. A metric must not grow with what strangers think of.
MOST_NAMES = 50
LONGEST_NAME = 80
# A sender whose every record is broken would fill the log; one line a minute says the same.
QUIET = timedelta(minutes=1)


@dataclass(slots=True)
class Senders:
    """The senders of one task's poison since its start."""

    _told: dict[str, datetime] = field(default_factory=dict)
    _kept_quiet: dict[str, int] = field(default_factory=dict)

    def name(self, record: Record) -> str:
        """The sender by its `ce_source`, readable and cut; beyond so many of them, `(others)`."""
        raw = next((value for name, value in record.headers if name == "ce_source"), b"")
        name = (raw or b"").decode(errors="backslashreplace")[:LONGEST_NAME] or UNNAMED
        return name if name in self._told or len(self._told) < MOST_NAMES else OTHERS

    def worth_a_line(self, sender: str, now: datetime) -> int | None:
        """How many of this sender's went without a line since the last one; None when this one shall, too."""
        last = self._told.get(sender)
        if last is not None and timedelta() <= now - last < QUIET:
            self._kept_quiet[sender] = self._kept_quiet.get(sender, 0) + 1
            return None
        self._told[sender] = now
        return self._kept_quiet.pop(sender, 0)
