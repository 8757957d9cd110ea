"""Waiting for a condition with a bound: the only way a test may wait."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

# Short enough not to slow a test down, long enough not to keep a two-core machine busy with asking.
INTERVAL_S = 0.02
# Nothing that the tests start may be slower than this, their brokers included, unless somebody killed it.
PATIENCE_S = 30.0


def wait_until(condition: Callable[[], bool], what: str, timeout_s: float = PATIENCE_S) -> None:
    """Returns as soon as the condition holds; AssertionError that says what did not happen otherwise."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, _late(timeout_s, what)
        time.sleep(INTERVAL_S)


async def eventually(
    condition: Callable[[], bool | Awaitable[bool]],
    what: str,
    timeout_s: float = PATIENCE_S,
    every_s: float = INTERVAL_S,
) -> None:
    """The same while the loop goes on. A condition that never answers is late too."""
    bound = asyncio.timeout(timeout_s)
    try:
        async with bound:
            while not await _holds(condition):  # noqa: ASYNC110 - many conditions, no one event
                await asyncio.sleep(every_s)
    except TimeoutError as error:
        if bound.expired():
            raise AssertionError(_late(timeout_s, what)) from error
        raise


async def _holds(condition: Callable[[], bool | Awaitable[bool]]) -> bool:
    found = condition()
    return found if isinstance(found, bool) else await found


def _late(timeout_s: float, what: str) -> str:
    return f"not within {timeout_s} s: {what}"
