"""A watchdog that looks when the test says so: how slow the machine is makes no difference to what it sees."""

from __future__ import annotations

import asyncio

import httpx

from streams.watchdog import Pulses, Watchdog
from tests.waiting import wait_until

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


def wait_until_well(watchdog: Watchdog, loop: asyncio.AbstractEventLoop, client: httpx.Client) -> None:
    """Until /healthz says so, which takes a turn of the loop and a look at it; from another thread."""

    def is_well() -> bool:
        loop.call_soon_threadsafe(watchdog._beat)
        watchdog.look(1.0)
        return client.get("/healthz").status_code == 200

    wait_until(is_well, "/healthz says 200 again")
