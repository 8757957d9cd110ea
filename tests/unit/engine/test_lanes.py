"""Lanes: they take turns, each within its own bounds, whatever the others owe; and rows of before are read."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.engine import outbox
from streams.engine.context import encode
from streams.engine.keyvalue import MemoryKeyValue
from streams.engine.lanes import MOVED_AT_ONCE
from streams.engine.outbox import NEVER, Again, Call, Done
from streams.engine.overlay import Overlay
from tests.unit.engine.lane_kit import Task, lanes, left
from tests.unit.engine.toys import POLICY, START, Count, Reply

MANY = 300


def test_one_with_very_many_leaves_the_others_their_turn() -> None:
    task = Task()
    task.owe(*(f"big/{n:03}" for n in range(MANY)))
    task.owe("small/1", "tiny/1", now=START + timedelta(seconds=1))

    assert lanes(task.begin(limit=4, now=START + timedelta(seconds=1))) == ["big", "small", "tiny", "big"]


def test_turns_go_on_where_they_ended() -> None:
    task = Task()
    task.owe(*(f"{lane}/{n}" for lane in "abc" for n in range(5)))

    assert [lanes(task.begin(limit=1))[0] for _ in range(7)] == ["a", "b", "c", "a", "b", "c", "a"]


def test_within_a_lane_the_longest_due_goes_first() -> None:
    task = Task()
    task.owe("a/2", now=START + timedelta(seconds=2))
    task.owe("a/1", now=START + timedelta(seconds=1))

    assert [call.key for call in task.begin(now=START + timedelta(seconds=5))] == ["a/1", "a/2"]


def test_a_lane_without_room_costs_nothing_and_is_not_waited_for() -> None:
    task = Task()
    task.owe(*(f"full/{n}" for n in range(5)))
    task.owe("other/1", now=START + timedelta(seconds=30))
    task.room = {"full": 0}

    batch = task.core.begin()
    task.core.start_calls(batch, START, {"box": 10}, room=lambda _, lane: task.room.get(lane, 10))

    assert batch.empty
    assert task.next_due() == START + timedelta(seconds=30)
    task.room = {"full": 2}
    assert task.next_due() == START
    assert lanes(task.begin()) == ["full", "full"]


def test_a_lane_that_its_agent_holds_waits() -> None:
    task = Task()
    task.owe("a/1", "b/1")
    totals = task.core.agent.stores["totals"]
    task.core.stored.apply({"totals": {"a": encode(totals, Count(n=99))}}, {})

    assert lanes(task.begin()) == ["b"]
    assert task.begin() == []
    assert task.next_due() == START + timedelta(seconds=POLICY.timeout_s)
    task.core.stored.apply({"totals": {"a": None}}, {})
    assert lanes(task.begin()) == ["a"]


def test_what_waits_for_somebody_is_tried_when_it_is_asked_for() -> None:
    task = Task()
    task.owe("a/1", "a/1")
    (first,) = task.begin()
    rows = Overlay(task.core.stored)
    outbox.settle(rows, first, Again(NEVER), START)
    task.apply(rows)
    later = START + timedelta(days=3000)
    assert task.begin(now=later) == []

    rows = Overlay(task.core.stored)
    outbox.try_again(rows, task.box, "a/1", later)
    outbox.try_again(rows, task.box, "a/nothing", later)
    task.apply(rows)

    (again,) = task.begin(now=later)
    assert (again.id, again.attempt, again.first_at) == (first.id, 2, later)
    assert not outbox.is_current(task.core.stored, first)


def test_heads_of_a_release_without_lanes_are_given_theirs_and_called() -> None:
    task = Task()
    count = MOVED_AT_ONCE + 10
    task.owe(*(f"a/{n:05}" for n in range(count)), "b/1", lane=False)
    stored = task.core.stored
    assert isinstance(stored, MemoryKeyValue)

    restarted = Task(stored)
    called: Counter[str] = Counter()
    for _ in range(5):
        for call in restarted.begin(limit=count):
            called[call.lane] += 1
            restarted.settle(call, Reply(text="ok"))

    assert called == {"a": count, "b": 1}
    assert left(stored, "heads", "lanes", "head-index", "numbers") == []


def test_a_head_of_before_that_is_settled_before_it_was_moved_leaves_nothing_behind() -> None:
    task = Task()
    task.owe("a/1", lane=False)
    rows = Overlay(task.core.stored)
    call = outbox.start(rows, task.box, "a/1", 1, START)
    outbox.settle(rows, call, Done(), START)

    assert left(rows, "heads", "lanes", "head-index") == []


KEYS = st.sampled_from(["a/1", "a/2", "a/3", "ab/1", "a-b/1", "b/1", "~/1"])


@given(st.lists(st.tuples(st.sampled_from(["owe", "begin", "done", "again", "wait", "restart"]), KEYS), max_size=60))
@settings(deadline=None)
def test_each_key_is_called_in_order_and_nothing_is_forgotten(steps: list[tuple[str, str]]) -> None:
    task, now, queued = Task(), START, Counter[str]()
    under_way: dict[str, Call[Any]] = {}
    done: dict[str, list[int]] = {}

    def begin() -> None:
        for call in task.begin(limit=3, now=now):
            assert call.key not in under_way or under_way[call.key].deadline <= now
            under_way[call.key] = call

    def settle(key: str, reply: Reply) -> None:
        call = under_way.pop(key)
        if call.deadline > now:
            task.settle(call, reply, now)
            if reply.again_s is None:
                done.setdefault(key, []).append(call.number)

    for step, key in steps:
        if step == "owe":
            queued[key] += 1
            task.owe(key, now=now)
        elif step == "begin":
            begin()
        elif step == "wait":
            now += timedelta(seconds=4)
        elif step == "restart":
            assert isinstance(task.core.stored, MemoryKeyValue)
            task, under_way = Task(task.core.stored), {}
        elif key in under_way:
            settle(key, Reply(again_s=3 if step == "again" else None))
    for _ in range(200):
        now += timedelta(seconds=11)
        under_way.clear()
        begin()
        for key in list(under_way):
            settle(key, Reply())

    assert {key: len(numbers) for key, numbers in done.items()} == queued
    assert task.next_due() is None
