"""What blocks for long and lets the interpreter's lock go meanwhile: opening, closing and removing files."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


async def in_thread(step: Callable[[], T]) -> T:
    """Run it in a thread. A cancel waits for its end: nobody else may come to the same files before."""
    running = asyncio.ensure_future(asyncio.to_thread(step))
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        await asyncio.wait({running})
        running.exception()  # looked at, for asyncio; whoever cancelled does not ask
        raise
