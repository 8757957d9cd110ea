"""A task's time is never ahead of the brokers' nor of the machine's, whatever either of them does."""

from __future__ import annotations

from collections.abc import MutableMapping
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from streams.engine.errors import ConfigError
from streams.engine.task_clock import TaskClock
from tests.unit.engine.toys import START, toy_agent

HOUR = timedelta(hours=1)
TOLERANCE_S = 60.0


class World:
    """A machine and a broker whose clocks are moved by hand, and the task between them."""

    def __init__(self) -> None:
        self.wall = START
        self.brokers = START
        self.monotonic = 1000.0
        self.clock = TaskClock(toy_agent(), 0, lambda: self.wall, TOLERANCE_S, lambda: self.monotonic)

    def passes(self, by: timedelta) -> None:
        """As time does, for all of them."""
        self.wall += by
        self.brokers += by
        self.monotonic += by.total_seconds()

    def commits(self, there: timedelta = timedelta(0), back: timedelta = timedelta(0)) -> None:
        """A batch goes to the broker and its answer comes back."""
        before = self.clock.reading()
        self.passes(there)
        appended = self.brokers
        self.passes(back)
        self.clock.confirm(appended, before)


@pytest.fixture
def world() -> World:
    made = World()
    made.commits()
    return made


def actions(logs: list[MutableMapping[str, Any]]) -> list[object]:
    return [line["action"] for line in logs]


def test_it_is_unsure_until_a_broker_has_spoken() -> None:
    world = World()
    assert world.clock.unsure
    world.commits()
    assert not world.clock.unsure


def test_it_goes_on_by_itself_between_commits(world: World) -> None:
    world.passes(5 * HOUR)

    assert world.clock.now() == world.clock.shared() == START + 5 * HOUR
    assert not world.clock.unsure


def test_a_clock_that_jumps_ahead_takes_nothing_along_and_is_doubted_until_a_broker_was_asked(world: World) -> None:
    world.wall += 24 * HOUR
    assert world.clock.now() == START
    assert world.clock.unsure

    with capture_logs() as logs:
        world.commits()
        world.commits()
    assert actions(logs) == ["clocks_disagree"]
    assert logs[0]["ahead_s"] == 86400
    assert (world.clock.now(), world.clock.unsure) == (START, False)

    world.passes(HOUR)
    assert world.clock.now() == START + HOUR, "what is truly due is not held up"


def test_a_clock_that_jumps_back_takes_the_tasks_time_along_and_is_told(world: World) -> None:
    world.wall -= 2 * HOUR
    assert world.clock.now() == START - 2 * HOUR
    assert world.clock.unsure
    with capture_logs() as logs:
        world.commits()
    assert actions(logs) == ["clocks_disagree"]
    assert world.clock.shared() == START, "a deadline binds the next owner, whose clock may be right"


def test_once_the_clocks_agree_all_is_as_before(world: World) -> None:
    world.wall += 24 * HOUR
    world.commits()
    world.wall -= 24 * HOUR
    assert world.clock.unsure
    with capture_logs() as logs:
        world.commits()

    assert actions(logs) == ["clocks_agree"]
    assert (world.clock.now(), world.clock.unsure) == (START, False)


def test_brokers_that_are_ahead_expire_nothing_either(world: World) -> None:
    world.brokers += 24 * HOUR
    with capture_logs() as logs:
        world.commits()

    assert actions(logs) == ["clocks_disagree"]
    assert world.clock.now() == START


def test_a_machine_that_was_suspended_is_unsure_and_then_right(world: World) -> None:
    """Its monotonic clock stood still; its own was set when it woke."""
    world.wall += 5 * HOUR
    world.brokers += 5 * HOUR
    assert world.clock.unsure
    with capture_logs() as logs:
        world.commits()

    assert logs == []
    assert world.clock.now() == START + 5 * HOUR


def test_a_slow_commit_moves_nothing(world: World) -> None:
    world.commits(there=timedelta(seconds=1), back=timedelta(seconds=7))
    assert world.clock.shared() == world.brokers


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("passes"), st.integers(0, 100_000)),
            st.tuples(st.just("wall"), st.integers(-1_000_000, 1_000_000)),
            st.tuples(st.just("suspended"), st.integers(0, 100_000)),
            st.tuples(st.just("commits"), st.integers(0, 9_000)),
        )
    )
)
def test_it_is_never_ahead_of_either_clock(steps: list[tuple[str, int]]) -> None:
    """Nor behind both, once a broker was asked: by no more than the way to the broker and back."""
    world = World()
    world.commits(timedelta(seconds=1), timedelta(seconds=2))
    for what, ms in steps:
        by = timedelta(milliseconds=ms)
        if what == "passes":
            world.passes(by)
        elif what == "wall":
            world.wall += by
        elif what == "suspended":
            world.wall += by
            world.brokers += by
        else:
            world.commits(by / 3, by)
            earlier = min(world.wall, world.brokers)
            assert earlier - 2 * by <= world.clock.now()
        assert world.clock.now() <= min(world.wall, world.brokers)


def test_it_takes_the_machines_time_before_any_broker_has_spoken() -> None:
    world = World()
    later: datetime = START + HOUR
    world.wall = later
    assert world.clock.now() == later


def test_a_topic_without_the_brokers_time_is_named_with_its_remedy(world: World) -> None:
    with pytest.raises(ConfigError, match=r"toy-changelog.*LogAppendTime.*returnstreams topics apply"):
        World().clock.confirm(None, 0.0)
    world.clock.confirm(None, 0.0)
    assert world.clock.now() == START, "one that loses it later goes on by the time it has"
