"""The breakers of a process, one for each lane of each outbox; all of its tasks share them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import structlog

from streams.engine import metrics
from streams.engine.breaker import Breaker, BreakerPolicy, State

log = structlog.get_logger()

_SHOWN: dict[State, int] = {"closed": 0, "half_open": 1, "open": 2}


@dataclass(slots=True)
class Destinations:
    """Whether a lane's destination is well, as the calls of this process have found it. In memory alone."""

    monotonic: Callable[[], float] = time.monotonic
    _breakers: dict[tuple[str, str], Breaker] = field(default_factory=dict)

    def breaker(self, outbox: str, lane: str, policy: BreakerPolicy) -> Breaker:
        """The lane's, made when it is first asked for."""
        known = self._breakers.get((outbox, lane))
        if known is None:
            known = self._breakers[outbox, lane] = Breaker(policy, self.monotonic)
            metrics.BREAKER_STATE.labels(outbox, lane).set_function(partial(_shown, known))
        return known

    def ended(self, outbox: str, lane: str, ok: bool, *, probe: bool) -> None:
        """A call came back; tells where that changes what others may do."""
        breaker = self._breakers[outbox, lane]
        was_closed = breaker.state == "closed"
        breaker.ended(ok, probe=probe)
        if was_closed and breaker.state != "closed":
            about = {"outbox": outbox, "lane": lane, "open_s": breaker.policy.open_s}
            log.warning("destination fails: its calls wait, but for a probe", action="breaker_opened", **about)
        elif not was_closed and breaker.state == "closed":
            log.info("destination answers again", action="breaker_closed", outbox=outbox, lane=lane)

    def opens_in_s(self) -> float | None:
        """Until the next of the open breakers lets a probe through; None where none is open."""
        return min((b.opens_in_s for b in self._breakers.values() if b.state == "open"), default=None)


def _shown(breaker: Breaker) -> float:
    return _SHOWN[breaker.state]
