"""A task's time: never ahead of the brokers' clock nor of this machine's, whichever of them somebody has set.

Timers, holds and deadlines are about money, and one clock alone cannot be trusted with them. So a task goes by the
earlier of two: its machine's, and the brokers', as they stamped the task's last commit and the monotonic clock has
counted on from there. A clock that jumps ahead then expires nothing, one that jumps back only makes timers wait.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from streams.engine import metrics
from streams.engine.agent import Agent
from streams.engine.clock import Clock
from streams.engine.errors import ConfigError

log = structlog.get_logger()

# What the machine's clock may gain or lose against the monotonic one before the brokers are asked again. The latter
# stands still while a machine is suspended, and drifts by 2 s an hour at the very most.
DRIFT = timedelta(seconds=5)


class TaskClock:
    """The time of one task. It is unsure until the first `confirm`, and again after a clock was seen to jump.

    wall: this machine's clock. tolerance_s: by how much it may differ from the brokers' before that is told.
    """

    def __init__(
        self,
        agent: Agent,
        partition: int,
        wall: Clock,
        tolerance_s: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._changelog = agent.changelog
        self._wall = wall
        self._monotonic = monotonic
        self._tolerance = timedelta(seconds=tolerance_s)
        self._log = log.bind(agent=agent.name, partition=partition)
        self._gauge = metrics.CLOCK_AHEAD.labels(agent.name, str(partition))
        # The brokers' time less the monotonic one, and the machine's less it, when they were last compared.
        self._brokers: datetime | None = None
        self._machines: datetime | None = None
        self._at_odds = False

    def now(self) -> datetime:
        """The earlier of both clocks, UTC: the one for `ctx.now`, and for what is due."""
        return min(self._wall(), self.shared())

    def shared(self) -> datetime:
        """The brokers' time, which all owners of a task have in common: the one for deadlines that bind the next owner.

        It takes no part in any jump of the machine's clock.
        """
        return self._wall() if self._brokers is None else self._brokers + self._since()

    @property
    def unsure(self) -> bool:
        """Whether a broker should be asked before anything goes by this clock."""
        return self._machines is None or abs(self._wall() - self._since() - self._machines) > DRIFT

    def reading(self) -> float:
        """To be taken before a commit, for `confirm`."""
        return self._monotonic()

    def confirm(self, appended: datetime | None, before: float) -> None:
        """A broker appended a batch at this time of its own; `before` is the `reading` from before it was sent.

        ConfigError when no broker ever says its time.
        """
        if appended is None:
            if self._brokers is None:
                raise ConfigError(
                    f"topic {self._changelog}: its records do not bear the brokers' time, by which timers go "
                    "(message.timestamp.type is not LogAppendTime): run `returnstreams topics apply`"
                )
            return
        earliest, latest = appended - self._since(), appended - timedelta(seconds=before)
        # What lies between is the way there and back; within that, to stay is as right as to move.
        self._brokers = earliest if self._brokers is None else min(max(self._brokers, earliest), latest)
        self._machines = self._wall() - self._since()
        self._compare(self._machines - self._brokers)

    def _since(self) -> timedelta:
        return timedelta(seconds=self._monotonic())

    def _compare(self, ahead: timedelta) -> None:
        self._gauge.set(ahead.total_seconds())
        at_odds = abs(ahead) > self._tolerance
        if at_odds and not self._at_odds:
            self._log.error(
                "this machine's clock and the brokers' disagree",
                action="clocks_disagree",
                here=self._wall().isoformat(),
                brokers=self.shared().isoformat(),
                ahead_s=round(ahead.total_seconds(), 3),
                remedy="set whichever is wrong (NTP); until then nothing is due before both say so",
            )
        elif self._at_odds and not at_odds:
            self._log.info("the clocks agree again", action="clocks_agree", ahead_s=round(ahead.total_seconds(), 3))
        self._at_odds = at_odds
