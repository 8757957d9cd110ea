"""When a delivery is tried again: the retailer's schedule, a little scattered, and what the receiver asked for."""

from __future__ import annotations

import hashlib

from contracts.retailers import Schedule

# What failed at one moment must not come back at one moment: a fifth earlier or later spreads it.
SCATTER = 0.2

# What a receiver may ask for by Retry-After: less would hammer it, more would let it forget us.
SHORTEST_WAIT_S = 1
LONGEST_WAIT_S = 60 * 60


def pause_s(schedule: Schedule, call_id: str, attempt: int, asked_s: float | None = None) -> float:
    """Seconds between this attempt (from 1) and the next.

    asked_s: what the receiver's Retry-After said, which then counts, within bounds. The scatter is made of id and
    attempt: a handler that runs again must come to the same time.
    """
    if asked_s is not None:
        return min(max(asked_s, SHORTEST_WAIT_S), LONGEST_WAIT_S)
    plain = schedule.delays_s[attempt - 1] if attempt <= len(schedule.delays_s) else schedule.cap_s
    return round(min(plain, schedule.cap_s) * (1 + SCATTER * _between_minus_one_and_one(f"{call_id}/{attempt}")), 3)


def _between_minus_one_and_one(text: str) -> float:
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**63 - 1
