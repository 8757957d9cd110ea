"""A circuit breaker: calls to a destination that fails wait, until single probes show that it has come back."""

from __future__ import annotations

import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

State = Literal["closed", "half_open", "open"]

# Results that are looked at, at most: with more in a window, the newest say enough.
MOST_RESULTS = 1000


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """When a breaker opens: `failures` (a share, 0-1) of the results in window_s failed, and they are at_least so many;
    or so many failed in_a_row, for a busy destination that was well has a window full of successes.

    open_s: how long it then lets nothing through; after it, `probes` calls at once until one of them tells.
    """

    window_s: float = 60
    at_least: int = 10
    failures: float = 0.5
    open_s: float = 30
    probes: int = 1
    in_a_row: int = 20


@dataclass(slots=True)
class Breaker:
    """One destination's. Knows nothing of calls but that they begin and how they end. monotonic: seconds."""

    policy: BreakerPolicy
    monotonic: Callable[[], float] = time.monotonic
    _results: deque[tuple[float, bool]] = field(default_factory=deque)
    _failed: int = 0
    _in_a_row: int = 0
    _opened: float | None = None
    _probing: int = 0

    @property
    def state(self) -> State:
        """As of now: time alone takes it from open to half open."""
        if self._opened is None:
            return "closed"
        return "open" if self.opens_in_s > 0 else "half_open"

    @property
    def opens_in_s(self) -> float:
        """Until it lets a probe through; 0 where it would."""
        return 0.0 if self._opened is None else max(0.0, self._opened + self.policy.open_s - self.monotonic())

    def room(self) -> int:
        """How many calls may begin."""
        if self._opened is None:
            return sys.maxsize
        return 0 if self.opens_in_s > 0 else max(0, self.policy.probes - self._probing)

    def begun(self) -> bool:
        """A call begins; whether it is a probe, which its end must say again."""
        probe = self._opened is not None
        self._probing += probe
        return probe

    def ended(self, ok: bool, *, probe: bool) -> None:
        """A call came back. One that began before the breaker opened says nothing about now."""
        self._probing -= probe
        if self._opened is not None:
            if probe:
                self._results.clear()
                self._failed = self._in_a_row = 0
                self._opened = None if ok else self.monotonic()
            return
        now = self.monotonic()
        self._results.append((now, ok))
        self._failed += not ok
        self._in_a_row = 0 if ok else self._in_a_row + 1
        while self._results[0][0] <= now - self.policy.window_s or len(self._results) > MOST_RESULTS:
            self._failed -= not self._results.popleft()[1]
        count = len(self._results)
        many = count >= self.policy.at_least and self._failed >= self.policy.failures * count
        if many or self._in_a_row >= self.policy.in_a_row:
            self._opened = now

    def dropped(self, *, probe: bool) -> None:
        """A call was cancelled: it says nothing."""
        self._probing -= probe
