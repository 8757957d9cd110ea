"""Points of a bucket: nobody is let through before they are there, and what the shop says counts."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from streams.shopify.throttle import Bucket, Cost, Priority, Throttle

COSTS = st.floats(1, 400)


@dataclass(slots=True)
class Clock:
    """Moves only while somebody sleeps."""

    now: float = 100.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)


def throttle(clock: Clock) -> Throttle:
    return Throttle(clock=clock, sleep=clock.sleep)


def cost(requested: float, *, actual: float | None = None, available: float = 1000, rate: float = 50) -> Cost:
    return Cost(requested, requested if actual is None else actual, 1000, available, rate)


@given(st.lists(st.tuples(COSTS, st.floats(0, 1)), min_size=1, max_size=60))
async def test_a_shop_that_counts_as_it_says_never_throttles(queries: list[tuple[float, float]]) -> None:
    """The shop's own bucket, played beside ours: each query costs at most what it may, its rest comes back."""
    clock = Clock()
    ours = throttle(clock)
    level, at = 1000.0, clock.now
    for number, (requested, share) in enumerate(queries):
        ours.settle(await ours.reserve("first"), cost(requested, available=level, actual=0)) if number == 0 else None
        ours._costs["q"] = requested
        reservation = await ours.reserve("q")
        level, at = min(1000.0, level + 50 * (clock.now - at)), clock.now
        assert level >= requested - 1e-6, "it would have been throttled"
        level -= requested * share
        ours.settle(reservation, cost(requested, actual=requested * share, available=level))


async def test_a_query_waits_until_the_bucket_holds_what_it_costs() -> None:
    clock = Clock()
    ours = throttle(clock)
    ours.settle(await ours.reserve("q"), cost(300, available=100))

    began = clock.now
    await ours.reserve("q")

    assert clock.now - began == 4.0, "200 points at 50 a second"


async def test_what_is_on_its_way_is_not_spent_twice() -> None:
    clock = Clock()
    ours = throttle(clock)
    ours.settle(await ours.reserve("q"), cost(400, available=1000))

    first, _ = await ours.reserve("q"), await ours.reserve("q")
    began = clock.now
    ours.settle(first, cost(400, available=600))  # the second one is not in it yet
    await ours.reserve("q")

    assert clock.now - began == 4.0


async def test_an_import_leaves_a_part_of_the_bucket_to_those_who_wait_for_an_answer() -> None:
    clock = Clock()
    ours = throttle(clock)
    ours.settle(await ours.reserve("q"), cost(100, available=300))

    began = clock.now
    await ours.reserve("q", Priority.FOREGROUND)
    assert clock.now == began
    await ours.reserve("q", Priority.BACKGROUND)
    assert clock.now > began


async def test_a_shop_that_said_429_is_left_alone_for_so_long() -> None:
    clock = Clock()
    ours = throttle(clock)
    ours.close_for(7)

    began = clock.now
    await ours.reserve("q")

    assert clock.now - began == 7


async def test_a_query_that_no_bucket_could_hold_is_let_through_with_a_full_one() -> None:
    clock = Clock()
    ours = throttle(clock)
    ours.settle(await ours.reserve("q"), cost(5000, actual=0, available=1000))

    began = clock.now
    await ours.reserve("q")

    assert clock.now == began, "the shop will say what it thinks of it"


def test_a_bucket_never_holds_more_than_it_can() -> None:
    bucket = Bucket(level=900, as_of=0)

    assert bucket.at(1000) == 1000


async def test_what_was_spent_is_counted() -> None:
    ours = throttle(Clock())
    ours.settle(await ours.reserve("q"), cost(300, actual=120))
    ours.settle(await ours.reserve("q"), None)

    assert ours.spent == 120
