"""When a delivery is tried again: quickly at first, then patiently, scattered, and as the receiver asks."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.retailers import Schedule
from streams.domain.hook_schedule import pause_s

HOUR = 3600.0
PLAIN = [5, 30, 120, 600, HOUR, 6 * HOUR, 12 * HOUR, 24 * HOUR, 24 * HOUR, 24 * HOUR]


@given(st.text(max_size=40))
def test_every_pause_is_the_schedules_up_to_a_fifth(call_id: str) -> None:
    for attempt, plain in enumerate(PLAIN, start=1):
        assert 0.8 * plain <= pause_s(Schedule(), call_id, attempt) <= 1.2 * plain


def test_the_scatter_is_the_same_whenever_it_is_asked_for_and_different_for_others() -> None:
    first = [pause_s(Schedule(), f"call-{n}", 1) for n in range(1000)]

    assert first == [pause_s(Schedule(), f"call-{n}", 1) for n in range(1000)]
    assert len({round(seconds, 2) for seconds in first}) > 100
    assert sum(first) / len(first) == pytest.approx(5, rel=0.02)
    assert pause_s(Schedule(), "call-1", 8) != pause_s(Schedule(), "call-1", 9)
    assert [pause_s(Schedule(), "call-1", n) for n in (1, 4)] == [4.693, 667.882], "in every release"


def test_no_pause_is_longer_than_the_cap() -> None:
    schedule = Schedule(delays_s=(5, 7200), cap_s=60)

    assert [pause_s(schedule, "x", attempt) <= 1.2 * 60 for attempt in (1, 2, 3, 9)] == [True] * 4


@pytest.mark.parametrize(("asked", "waited"), [(0, 1), (0.5, 1), (45, 45), (3600, 3600), (86_400, 3600)])
def test_the_receiver_may_say_when_within_an_hour(asked: float, waited: float) -> None:
    assert pause_s(Schedule(), "x", 5, asked) == waited
