"""The breaker: opens at a share of failures, lets single probes through, and is closed by one that succeeds."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import REGISTRY
from structlog.testing import capture_logs

from streams.engine.breaker import MOST_RESULTS, Breaker, BreakerPolicy
from streams.engine.destinations import Destinations

POLICY = BreakerPolicy(window_s=60, at_least=4, failures=0.5, open_s=30, probes=1)


class Clock:
    """Seconds that move by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(POLICY, clock)


def results(breaker: Breaker, *oks: bool) -> None:
    for ok in oks:
        breaker.ended(ok, probe=breaker.begun())


def test_it_opens_at_the_share_of_failures_and_not_before_there_are_enough(breaker: Breaker) -> None:
    results(breaker, False, False, False)
    assert breaker.state == "closed"
    assert breaker.room() == sys.maxsize

    results(breaker, True)

    assert (breaker.state, breaker.room()) == ("open", 0)


def test_failures_below_the_share_leave_it_closed(breaker: Breaker) -> None:
    results(breaker, *[True, True, False] * 20)

    assert breaker.state == "closed"


def test_so_many_failures_in_a_row_open_it_whatever_was_before(breaker: Breaker) -> None:
    """A destination with a hundred calls a second has a minute of successes in its window when it breaks down."""
    results(breaker, *[True] * 500, *[False] * (POLICY.in_a_row - 1), True, *[False] * (POLICY.in_a_row - 1))
    assert breaker.room() == sys.maxsize

    results(breaker, False)

    assert breaker.state == "open"


def test_only_the_window_counts(breaker: Breaker, clock: Clock) -> None:
    results(breaker, False, False, False)
    clock.now += POLICY.window_s
    results(breaker, False)

    assert breaker.state == "closed"


def test_after_its_time_one_probe_may_go_and_decides(breaker: Breaker, clock: Clock) -> None:
    results(breaker, *[False] * 4)
    assert breaker.opens_in_s == 30
    clock.now += 30
    assert (breaker.state, breaker.room()) == ("half_open", 1)

    probe = breaker.begun()
    assert (probe, breaker.room()) == (True, 0)
    breaker.ended(False, probe=probe)
    assert (breaker.state, breaker.opens_in_s) == ("open", 30)

    clock.now += 30
    results(breaker, True)
    assert breaker.state == "closed"
    results(breaker, False, False, False)
    assert breaker.state == "closed", "what was before it opened is forgotten"


def test_a_probe_that_was_cancelled_makes_room_for_another(breaker: Breaker, clock: Clock) -> None:
    results(breaker, *[False] * 4)
    clock.now += 30
    breaker.dropped(probe=breaker.begun())

    assert breaker.room() == 1


def test_what_began_before_it_opened_says_nothing_about_now(breaker: Breaker) -> None:
    late = breaker.begun()
    results(breaker, *[False] * 4)
    breaker.ended(True, probe=late)

    assert breaker.state == "open"


@given(st.lists(st.tuples(st.sampled_from(["begin", "end", "fail", "drop", "wait"])), max_size=80))
def test_it_never_locks_out_for_good(steps: list[tuple[str]]) -> None:
    clock = Clock()
    breaker = Breaker(POLICY, clock)
    under_way: list[bool] = []
    for (step,) in steps:
        if step == "begin" and breaker.room() > 0:
            under_way.append(breaker.begun())
        elif step == "wait":
            clock.now += 10
        elif step != "begin" and under_way:
            probe = under_way.pop(0)
            breaker.dropped(probe=probe) if step == "drop" else breaker.ended(step == "end", probe=probe)
    while under_way:
        breaker.dropped(probe=under_way.pop())
    clock.now += POLICY.open_s

    assert breaker.room() >= 1


def test_it_forgets_what_is_old_however_many_results_there_are(breaker: Breaker) -> None:
    results(breaker, *[True] * (3 * MOST_RESULTS))

    assert len(breaker._results) == MOST_RESULTS


class TestDestinations:
    def test_each_lane_has_its_own_and_a_change_is_told_and_shown(self, clock: Clock) -> None:
        known = Destinations(clock)
        for lane in ("shown-a", "shown-b"):
            known.breaker("box", lane, POLICY)
        assert known.opens_in_s() is None
        with capture_logs() as lines:
            for _ in range(6):
                known.ended("box", "shown-a", False, probe=known.breaker("box", "shown-a", POLICY).begun())
            clock.now += 12
            assert known.opens_in_s() == 18
            assert state("shown-a") == 2
            clock.now += 18
            assert state("shown-a") == 1
            known.ended("box", "shown-a", True, probe=known.breaker("box", "shown-a", POLICY).begun())

        assert [line["action"] for line in lines] == ["breaker_opened", "breaker_closed"]
        assert {line["lane"] for line in lines} == {"shown-a"}
        assert (state("shown-a"), state("shown-b")) == (0, 0)


def state(lane: str) -> float | None:
    return REGISTRY.get_sample_value("returnstreams_breaker_state", {"outbox": "box", "lane": lane})
