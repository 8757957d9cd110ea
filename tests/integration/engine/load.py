"""Input that goes on while processes and brokers fail."""

from __future__ import annotations

import asyncio

from tests.integration.engine.toy import Toy
from tests.waiting import PATIENCE_S, eventually


class Load:
    """Numbers that keep coming, in chunks, until it is told to end; then how many there were."""

    def __init__(self, toy: Toy, chunk: int = 100) -> None:
        self._toy = toy
        self._chunk = chunk
        self._ending = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self.count = 0

    async def __aenter__(self) -> Load:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.end()

    async def _run(self) -> None:
        while not self._ending.is_set():
            await self._toy.number(range(self.count, self.count + self._chunk))
            self.count += self._chunk
            await asyncio.wait({asyncio.ensure_future(self._ending.wait())}, timeout=0.1)

    async def grow(self, by: int, timeout_s: float = PATIENCE_S) -> None:
        """Until so many more are written."""
        end = self.count + by
        await eventually(lambda: self.count >= end, f"{by} more numbers", timeout_s)

    async def end(self) -> int:
        """Stop; how many there were."""
        self._ending.set()
        if self._task is not None:
            await self._task
        return self.count
