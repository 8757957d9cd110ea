"""The records of one request on their way to the brokers, awaited together."""

from __future__ import annotations

import asyncio
from typing import Any


class Delivery:
    """complete: the producer has taken all of them.

    Awaiting the futures themselves would cancel them when time is up; asyncio.wait costs two more callbacks a record.
    """

    __slots__ = ("_done", "_open", "complete", "futures")

    def __init__(self) -> None:
        self.futures: list[asyncio.Future[Any]] = []
        self.complete = False
        self._open = 0
        self._done: asyncio.Future[None] | None = None

    def sent(self, future: asyncio.Future[Any]) -> None:
        """The producer took one."""
        self.futures.append(future)
        self._open += 1

    def settled(self) -> None:
        """One of them is acknowledged, refused or given up."""
        self._open -= 1
        if self._open == 0 and self._done is not None and not self._done.done():
            self._done.set_result(None)

    async def all_settled(self) -> None:
        """Return once every one of them is."""
        if self._open:
            self._done = asyncio.get_running_loop().create_future()
            await self._done
