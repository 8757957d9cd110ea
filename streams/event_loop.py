"""The event loop that all of the product runs on, its tests too: uvloop, where there is one for the system."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


def new() -> asyncio.AbstractEventLoop:
    """One that does not run yet."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def run(main: Coroutine[Any, Any, T]) -> T:
    """What `asyncio.run` does, on such a loop."""
    with asyncio.Runner(loop_factory=new) as runner:
        return runner.run(main)
