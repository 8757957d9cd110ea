"""How many points of its bucket a shop has left, and who may spend them when. One for each shop and process.

Before a query runs, the bucket must hold what it may cost at most; afterwards it gets back what it did not cost. What
the shop says of its bucket counts; between its answers we count ourselves.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from enum import Enum

# What a document costs before its first answer has told: a guess on the low side makes one query too many at worst.
FIRST_GUESS = 50.0
# The smallest plan's bucket; the first answer says what this shop's is.
SMALLEST_BUCKET = 1000.0
SMALLEST_RATE = 50.0
# An import leaves so much of the bucket for those who wait for an answer.
LEFT_BY_BACKGROUND = 0.25
# A bucket that is a hair short would otherwise be asked again and again within a millisecond.
SHORTEST_WAIT_S = 0.01


class Priority(Enum):
    """Who spends. BACKGROUND (import, reconciliation) leaves a quarter of the bucket to the others."""

    FOREGROUND = "foreground"
    BACKGROUND = "background"


@dataclass(frozen=True, slots=True)
class Cost:
    """What an answer says under `extensions.cost`; points, and points a second. actual: None where nothing ran."""

    requested: float
    actual: float | None
    maximum: float
    available: float
    restore_rate: float


@dataclass(slots=True)
class Bucket:
    """What is in a shop's bucket, as far as is known. Pure: whoever asks says what time it is (seconds)."""

    maximum: float = SMALLEST_BUCKET
    restore_rate: float = SMALLEST_RATE
    level: float = SMALLEST_BUCKET
    as_of: float = 0.0
    closed_until: float = 0.0
    under_way: float = 0.0

    def at(self, now: float) -> float:
        """The level at this time."""
        return min(self.maximum, self.level + self.restore_rate * max(0.0, now - self.as_of))

    def wait_s(self, cost: float, keep: float, now: float) -> float:
        """How long until this may be spent with `keep` left; 0 for now.

        Where the bucket could never hold that much, a full one is enough: the shop will say what it thinks.
        """
        if now < self.closed_until:
            return self.closed_until - now
        missing = min(cost + keep, self.maximum) - self.at(now)
        return max(SHORTEST_WAIT_S, missing / self.restore_rate) if missing > 0 else 0.0

    def take(self, cost: float, now: float) -> None:
        """A query that may cost this is on its way."""
        self._set(self.at(now) - cost, now)
        self.under_way += cost

    def give_back(self, cost: float, now: float) -> None:
        """It ended without a word on the bucket. What it was counted for stays spent: it may have run."""
        self.under_way = max(0.0, self.under_way - cost)
        self._set(self.at(now), now)

    def learn(self, cost: Cost, reserved: float, now: float) -> None:
        """It was answered. Others that are on their way may not be in what the shop says yet: they are taken off."""
        self.under_way = max(0.0, self.under_way - reserved)
        self.maximum, self.restore_rate = cost.maximum, max(cost.restore_rate, 1.0)
        self._set(cost.available - self.under_way, now)

    def close(self, until: float) -> None:
        """The shop wants to hear nothing before then (a 429)."""
        self.closed_until = max(self.closed_until, until)

    def _set(self, level: float, now: float) -> None:
        self.level, self.as_of = level, now


@dataclass(slots=True)
class Reservation:
    """Points that one query has been let spend."""

    key: Hashable
    cost: float


@dataclass(slots=True)
class Throttle:
    """Lets queries through as the bucket fills, in the order in which they asked; the foreground does not queue behind
    the background. clock: seconds that only rise. spent: points that answers said were spent, for those who report.
    """

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    bucket: Bucket = field(default_factory=Bucket)
    spent: float = 0.0
    throttled: int = 0
    _costs: dict[Hashable, float] = field(default_factory=dict)
    _turns: dict[Priority, asyncio.Lock] = field(default_factory=lambda: {who: asyncio.Lock() for who in Priority})

    def __post_init__(self) -> None:
        self.bucket.as_of = self.clock()

    async def reserve(self, key: Hashable, priority: Priority = Priority.FOREGROUND) -> Reservation:
        """Wait until the bucket holds what this query costs. key: tells queries of another cost apart."""
        cost = self._costs.get(key, FIRST_GUESS)
        async with self._turns[priority]:
            keep = LEFT_BY_BACKGROUND * self.bucket.maximum if priority is Priority.BACKGROUND else 0.0
            while (wait_s := self.bucket.wait_s(cost, keep, self.clock())) > 0:
                await self.sleep(wait_s)
            self.bucket.take(cost, self.clock())
        return Reservation(key, cost)

    def settle(self, reservation: Reservation, cost: Cost | None) -> None:
        """The query ended, with what its answer said of its cost."""
        now = self.clock()
        if cost is None:
            self.bucket.give_back(reservation.cost, now)
            return
        self._costs[reservation.key] = cost.requested
        self.spent += cost.actual or 0.0
        self.bucket.learn(cost, reservation.cost, now)

    def close_for(self, seconds: float) -> None:
        """Nobody calls this shop for so long."""
        self.bucket.close(self.clock() + seconds)

    def requested(self, key: Hashable) -> float | None:
        """What a query of this key costs at most; None before its first answer."""
        return self._costs.get(key)
