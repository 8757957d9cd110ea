"""The records of one request on their way to the brokers, awaited together."""

from __future__ import annotations

import asyncio
from typing import Any

from producers.waiting import Deadlines


class Delivery:
    """sent: how many the producer took. complete: it took all of them. errors: why some were not written.

    replaced: some were given up with their producer. producer: which one that is, None while there is none.
    """

    __slots__ = ("_done", "_open", "complete", "errors", "producer", "replaced", "sent")

    def __init__(self) -> None:
        self.producer: Any = None
        self.sent = 0
        self.complete = self.replaced = False
        self.errors: list[BaseException] = []
        self._open = 0
        self._done: asyncio.Future[None] | None = None

    def taken(self) -> None:
        """The producer took one."""
        self.sent += 1
        self._open += 1

    def settled(self, error: BaseException | None, *, replaced: bool = False) -> None:
        """One of them is acknowledged, refused or given up."""
        self._open -= 1
        if error is not None:
            self.errors.append(error)
        self.replaced |= replaced
        if self._open == 0 and self._done is not None and not self._done.done():
            self._done.set_result(None)

    async def all_settled(self, deadlines: Deadlines, until: float) -> None:
        """Return once every one of them is. TimeoutError at `until`; what is under way goes on."""
        if self._open:
            self._done = asyncio.get_running_loop().create_future()
            await deadlines.wait(self._done, until)
