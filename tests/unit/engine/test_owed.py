"""What outboxes owe is counted from what is written, and from what was there before, some at a time."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from prometheus_client import REGISTRY

from streams.engine import outbox
from streams.engine.keyvalue import MemoryKeyValue
from streams.engine.outbox import Answer, Call, Done
from streams.engine.overlay import Overlay
from streams.engine.owed import Owed
from streams.engine.watch import COUNTED_AT_ONCE, TaskWatch
from tests.unit.engine.lane_kit import Task
from tests.unit.engine.toys import START, Ask, Reply, lane_of
from tests.waiting import eventually


def test_what_each_lane_owes_is_counted() -> None:
    stored, counted = MemoryKeyValue(), Owed("box", lane_of)
    task = Task(stored)
    rows = Overlay(stored)
    for key in ("a/1", "a/1", "b/1"):
        outbox.append(rows, "box", key, key, Ask(text=key), START, lane=lane_of(key))
    assert counted.follow(rows.writes, stored)
    task.apply(rows)

    later = START + timedelta(seconds=60)
    assert (counted.depth(), counted.depth("a"), counted.depth("b"), counted.depth("c")) == (3, 2, 1, 0)
    assert counted.oldest_s(later, "b") == pytest.approx(60, abs=10)
    (call, _) = task.begin()
    rows = Overlay(stored)
    outbox.settle(rows, call, Done(), START)
    assert not counted.follow(rows.writes, stored)
    assert (counted.depth("a"), counted.lanes) == (1, {"a", "b"})
    stored.apply(rows.writes, {})
    counted.begin()
    counted.count(stored, 1000)
    assert (counted.depth("a"), counted.depth("b")) == (1, 1)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("queue"), st.sampled_from(["a/1", "a/2", "b/1", "c/9"])),
        st.tuples(st.just("done"), st.integers(0, 9)),
        st.tuples(st.just("count"), st.integers(1, 3)),
    ),
    max_size=40,
)


@given(st.lists(st.sampled_from(["a/1", "a/2", "b/1", "c/9"]), max_size=12), STEPS)
@settings(deadline=None)
def test_what_is_written_while_it_is_counted_counts_once(before: list[str], steps: list[tuple[str, Any]]) -> None:
    """A task works while what it owed before is counted, some rows at a time."""
    task = Task()
    task.owe(*before)
    stored, counted = task.core.stored, Owed("box", lane_of)
    counted.begin()
    under_way: list[Call[Any]] = []
    for step, value in steps:
        batch = task.core.begin()
        if step == "queue":
            rows = batch.rows
            outbox.append(rows, "box", value, value, Ask(text=value), START, lane=lane_of(value))
        elif step == "done" and under_way:
            call = under_way.pop(value % len(under_way))
            task.core.answer(batch, [Answer(call, Reply(text="done"))], START)
        elif step == "count":
            counted.count(stored, value)
        task.core.start_calls(batch, START, {"box": 2})
        under_way += batch.starts
        counted.follow(batch.rows.net(), stored)
        task.apply(batch.rows)
    while counted.count(stored, 2):
        pass

    there = Counter(lane_of(key) for key, _ in stored.scan(outbox.queue_of("box")))
    assert {lane: counted.depth(lane) for lane in "abc"} == {lane: there[lane] for lane in "abc"}
    assert counted.depth() == there.total()


class TestBesideTheWork:
    """A task that owes very much is ready at once, and goes on counting."""

    @pytest.fixture(autouse=True)
    def _without_pauses(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("streams.engine.watch.COUNT_PAUSE_S", 0)

    @pytest.fixture
    def owing(self) -> Iterator[tuple[Task, TaskWatch]]:
        task = Task()
        task.owe(*(f"a/{n}" for n in range(2 * COUNTED_AT_ONCE)))
        watch = TaskWatch(task.core.agent, 8)
        yield task, watch
        watch.close()

    @staticmethod
    def shown() -> float | None:
        where = {"agent": "toy", "partition": "8", "outbox": "box", "lane": "a"}
        return REGISTRY.get_sample_value("returnstreams_lane_owed", where)

    async def test_the_first_are_counted_at_once_and_the_rest_soon(self, owing: tuple[Task, TaskWatch]) -> None:
        task, watch = owing

        watch.count_owed(task.core.stored)

        assert self.shown() == COUNTED_AT_ONCE
        await eventually(lambda: self.shown() == 2 * COUNTED_AT_ONCE, "all of them are counted")

    async def test_a_task_that_begins_anew_counts_no_further(self, owing: tuple[Task, TaskWatch]) -> None:
        task, watch = owing
        watch.count_owed(task.core.stored)

        watch.enter("opening")
        for _ in range(20):
            await asyncio.sleep(0)

        assert self.shown() == COUNTED_AT_ONCE
