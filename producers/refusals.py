"""The log of what was refused: one line a second for each kind, not one a request."""

from __future__ import annotations

import time
from collections.abc import Callable

import structlog

from producers.logs import Repeats
from producers.problems import Problem

log = structlog.get_logger(__name__)

# Who is sent away for load comes again at once, by the thousand: each line would cost more than the refusal (40 us).
# Who proves nothing could fill a disk with them (250 bytes each). The metrics count them anyway.
EVERY_S = 1.0


class Refusals:
    """A line for one in EVERY_S of each kind and sender, with how many were not said since the last."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._repeats = Repeats(EVERY_S)

    def say(self, sender: str, problem: Problem) -> None:
        """A request of this sender was refused."""
        silenced = self._repeats.left_out((sender, problem.word), self._clock())
        if silenced is None:
            return
        more = {"silenced": silenced} if silenced else {}
        log.info("refused", action="refused", sender=sender, status=problem.status, problem=problem.word, **more)
