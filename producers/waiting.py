"""Waits with a bound, of which most are over before they begin: a timer of its own for each costs 3 us a request."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine, Generator
from typing import Any, Generic, TypeVar

T = TypeVar("T")

# How exact a deadline is; one that is met late would be an answer that comes late, so it is met that much earlier.
LOOK_EVERY_S = 0.025


class Begun(Generic[T]):
    """A coroutine that has run until it had to wait, or to its end. Awaiting it goes on from there, in the same task.

    result: what it returned, once `ended`.
    """

    __slots__ = ("_coroutine", "_waits_for", "ended", "result")

    def __init__(self, coroutine: Coroutine[Any, None, T]) -> None:
        self.ended = False
        try:
            self._waits_for = coroutine.send(None)
        except StopIteration as end:
            self.ended = True
            self.result: T = end.value
        else:
            self._coroutine = coroutine

    def __await__(self) -> Generator[Any, None, T]:
        if self.ended:
            return self.result
        waits_for = self._waits_for
        while True:
            thrown: BaseException | None = None
            try:
                yield waits_for
            except BaseException as error:  # that it is cancelled is the coroutine's to hear
                thrown = error
            try:
                waits_for = self._coroutine.send(None) if thrown is None else self._coroutine.throw(thrown)
            except StopIteration as end:
                self.ended, self.result = True, end.value
                return self.result


class Deadlines:
    """Ends waits for futures of ours when their time is up. One timer for all of them."""

    def __init__(self) -> None:
        self._waiting: dict[asyncio.Future[None], float] = {}
        self._timer: asyncio.TimerHandle | None = None

    async def wait(self, future: asyncio.Future[None], until: float) -> None:
        """Until it has its result. TimeoutError at `until` (`time.monotonic`), or up to LOOK_EVERY_S before."""
        self._waiting[future] = until
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(LOOK_EVERY_S, self._look)
        try:
            await future
        finally:
            del self._waiting[future]

    def _look(self) -> None:
        now = time.monotonic() + LOOK_EVERY_S
        for future, until in self._waiting.items():
            if until <= now and not future.done():
                future.set_exception(TimeoutError())
        self._timer = asyncio.get_running_loop().call_later(LOOK_EVERY_S, self._look) if self._waiting else None
