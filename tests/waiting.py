"""Waiting for a condition with a bound: the only way a test may wait."""

from __future__ import annotations

import time
from collections.abc import Callable

# Short enough not to slow a test down, long enough not to keep a two-core machine busy with asking.
INTERVAL_S = 0.02


def wait_until(condition: Callable[[], bool], timeout_s: float, what: str) -> None:
    """Returns as soon as the condition holds; AssertionError that says what did not happen otherwise."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {timeout_s} s: {what}"
        time.sleep(INTERVAL_S)
