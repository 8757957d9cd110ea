"""Records that the producer took and the brokers have not acknowledged yet: how many, where, and since when."""

from __future__ import annotations

import asyncio
import time
from typing import Any, NamedTuple

Place = tuple[str, int]
"""Topic and partition: within one the brokers acknowledge in the order of sending."""


class Waiting(NamedTuple):
    """One record. since: seconds of the monotonic clock."""

    producer: Any
    place: Place
    since: float


class Pending:
    """All of them, oldest first, and apart for each partition."""

    def __init__(self) -> None:
        self._all: dict[asyncio.Future[Any], Waiting] = {}
        self._places: dict[Place, dict[asyncio.Future[Any], None]] = {}

    def add(self, future: asyncio.Future[Any], producer: Any, place: Place) -> None:
        """The producer took one."""
        self._all[future] = Waiting(producer, place, time.monotonic())
        self._places.setdefault(place, {})[future] = None

    def take(self, future: asyncio.Future[Any]) -> None:
        """It is resolved, one way or another."""
        place = self._all.pop(future).place
        here = self._places[place]
        del here[future]
        if not here:
            del self._places[place]

    def oldest(self) -> Waiting | None:
        """The one that waits longest; None where none does."""
        return next(iter(self._all.values()), None)

    def waited_s(self, place: Place) -> float:
        """For how long the first of this partition has waited; 0 where none does."""
        first = next(iter(self._places.get(place, ())), None)
        return 0.0 if first is None else time.monotonic() - self._all[first].since

    def of(self, producer: Any) -> list[asyncio.Future[Any]]:
        """Those of one producer."""
        return [future for future, waiting in self._all.items() if waiting.producer is producer]
