"""The bucket of points that a simulated shop has: filled with time, charged before a query, refunded after it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class PointBucket:
    """maximum: points. restore_rate: points a second. clock: seconds that only rise.

    spent: points really charged so far. throttled: queries that were turned away.
    """

    maximum: float = 2000
    restore_rate: float = 100
    clock: Callable[[], float] = time.monotonic
    spent: float = 0
    throttled: int = 0
    _level: float = field(init=False)
    _as_of: float = field(init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self._level, self._as_of = self.maximum, self.clock()

    def charge(self, points: float) -> bool:
        """Take the points that a query may cost; False, and nothing is taken, where they are not there."""
        with self._lock:
            self._fill()
            if self._level < points:
                self.throttled += 1
                return False
            self._level -= points
            self.spent += points
            return True

    def refund(self, points: float) -> None:
        """What was charged and not used."""
        with self._lock:
            self._fill()
            self._level = min(self.maximum, self._level + points)
            self.spent -= points

    def status(self) -> dict[str, Any]:
        """`throttleStatus`."""
        with self._lock:
            self._fill()
            return {
                "maximumAvailable": float(self.maximum),
                "currentlyAvailable": int(self._level),
                "restoreRate": float(self.restore_rate),
            }

    def _fill(self) -> None:
        now = self.clock()
        self._level = min(self.maximum, self._level + self.restore_rate * (now - self._as_of))
        self._as_of = now
