"""Timers: one for each kind and key, in the order of their times, never before them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.engine import timers
from streams.engine.agent import Agent
from streams.engine.keyvalue import MemoryKeyValue
from streams.engine.overlay import Overlay
from tests.unit.engine.toys import START

KEYS = ["a", "a|b", "a|", "|", "", "b|a|1"]


@pytest.fixture
def rows() -> Overlay:
    return Overlay(MemoryKeyValue())


def at(ms: float) -> datetime:
    return START + timedelta(milliseconds=ms)


def test_a_later_one_of_the_same_key_replaces_it(rows: Overlay) -> None:
    timers.put(rows, "bell", "a", at(10), b"old")
    timers.put(rows, "bell", "a", at(20), b"new")

    assert timers.due(rows, at(15), 9) == []
    assert [t.payload for t in timers.due(rows, at(20), 9)] == [b"new"]


def test_kinds_and_keys_do_not_meet_whatever_bars_they_hold(rows: Overlay) -> None:
    for number, key in enumerate(KEYS):
        timers.put(rows, "bell", key, at(number), key.encode())
        timers.put(rows, "gong", key, at(100))
    timers.cancel(rows, "bell", "a|b")

    fired = timers.due(rows, at(50), 99)
    assert [(t.name, t.key, t.payload) for t in fired] == [("bell", key, key.encode()) for key in KEYS if key != "a|b"]
    assert all(timers.still_set(rows, timer) for timer in fired)


def test_cancelled_is_forgotten(rows: Overlay) -> None:
    timers.put(rows, "bell", "a", at(10))
    timers.cancel(rows, "bell", "a")
    timers.cancel(rows, "bell", "never set")

    assert timers.due(rows, at(99), 9) == []
    assert timers.next_due(rows) is None


def test_one_that_was_set_anew_is_not_still_set(rows: Overlay) -> None:
    timers.put(rows, "bell", "a", at(10))
    (timer,) = timers.due(rows, at(10), 9)
    timers.put(rows, "bell", "a", at(11))

    assert not timers.still_set(rows, timer)


def test_no_more_than_asked_for_and_the_earliest_first(rows: Overlay) -> None:
    for ms in (30, 10, 20):
        timers.put(rows, "bell", str(ms), at(ms))

    assert [t.key for t in timers.due(rows, at(99), 2)] == ["10", "20"]
    assert timers.next_due(rows) == at(10)


@given(due=st.integers(0, 10_000_000), now=st.integers(0, 10_000_000))
def test_never_before_its_time_and_at_most_a_millisecond_after(due: int, now: int) -> None:
    rows = Overlay(MemoryKeyValue())
    wanted, clock = at(due / 1000), at(now / 1000)
    timers.put(rows, "bell", "a", wanted)
    fired = timers.due(rows, clock, 9)

    assert not (fired and clock < wanted)
    assert fired or clock < wanted + timedelta(milliseconds=1)
    next_due = timers.next_due(rows)
    assert next_due is not None
    assert timers.due(rows, next_due, 9), "who sleeps until next_due finds it due: else he would spin"


@given(st.datetimes(datetime(1971, 1, 1), datetime(9999, 12, 30), timezones=st.just(UTC)))
def test_milliseconds_are_exact_and_rounded_up(instant: datetime) -> None:
    micros = (instant - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)

    assert timers.millis(instant) == -(-micros // 1000)


def test_a_time_before_1970_is_due_at_once(rows: Overlay) -> None:
    timers.put(rows, "bell", "a", datetime(1960, 1, 1, tzinfo=UTC))

    (timer,) = timers.due(rows, START, 9)
    assert timers.still_set(rows, timer)


@pytest.mark.parametrize("name", ["a|b", "$parked", ""])
def test_a_name_that_would_mix_up_the_rows_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="timer"):
        Agent("toy").timer(name)


def test_one_that_is_due_soon_enough_before_is_left_as_it_is(rows: Overlay) -> None:
    timers.put(rows, "t", "k", START)
    written = {store: dict(of) for store, of in rows.writes.items()}
    timers.put(rows, "t", "k", START + timedelta(days=30), slack=timedelta(days=30))
    assert rows.writes == written

    for due in (START + timedelta(days=31), START + timedelta(days=1)):  # too long after, and before
        timers.put(rows, "t", "k", due, slack=timedelta(days=30))
        assert timers.next_due(rows) == due
