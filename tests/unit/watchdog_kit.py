"""A watchdog that looks when the test says so: how slow the machine is makes no difference to what it sees."""

from __future__ import annotations

import asyncio

from streams.watchdog import Pulses, Watchdog

# A quarter of it passes between two looks of the watchdog's own thread: more than a test may last.
LIMIT_S = 3600.0
# A look counts for half the limit at the most; the first may still see a turn, and the limit itself is not too long.
LOOKS = 4


def unhurried(pulses: Pulses = dict) -> Watchdog:
    """One whose own thread never comes to look."""
    return Watchdog(LIMIT_S, pulses, every_s=LIMIT_S)


def look_in_vain(watchdog: Watchdog) -> None:
    """As if the limit had passed. What makes no turn meanwhile is stuck."""
    for _ in range(LOOKS):
        watchdog.look(LIMIT_S)


def turn(watchdog: Watchdog, loop: asyncio.AbstractEventLoop) -> None:
    """Have the loop make its next turn now, if it turns at all; from another thread."""
    loop.call_soon_threadsafe(watchdog._beat)
