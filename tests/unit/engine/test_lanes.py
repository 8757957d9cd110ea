"""Lanes: they take turns, each within its own bounds, whatever the others owe; and rows of before are read."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.model import Model
from streams.engine import outbox
from streams.engine.agent import Outbox
from streams.engine.breaker import BreakerPolicy
from streams.engine.calling import Calls
from streams.engine.context import encode
from streams.engine.keyvalue import MemoryKeyValue
from streams.engine.lanes import MOVED_AT_ONCE
from streams.engine.options import RunnerOptions
from streams.engine.outbox import NEVER, Again, Answer, Call, Done, Policy
from streams.engine.overlay import Overlay, Rows
from streams.engine.owed import Owed
from streams.engine.task import TaskCore
from tests.unit.engine.toys import POLICY, START, Ask, Count, Reply, lane_of, toy_agent

MANY = 300


class Task:
    """A core, driven batch by batch. room: by lane; as many as asked for in any other."""

    def __init__(self, stored: MemoryKeyValue | None = None, policy: Policy = POLICY) -> None:
        self.core = TaskCore(toy_agent(policy, lanes=True), 0, stored or MemoryKeyValue(), {})
        self.core.calls.look(self.core.stored)
        self.box: Outbox[Any, Any] = self.core.agent.outboxes["box"]
        self.room: dict[str, int] = {}

    def owe(self, *keys: str, now: datetime = START, lane: bool = True) -> None:
        rows = Overlay(self.core.stored)
        for n, key in enumerate(keys):
            name = lane_of(key) if lane else ""
            outbox.append(rows, "box", key, f"{key}#{n}", Ask(text=key), now, lane=name)
        self._apply(rows)

    def begin(self, limit: int = 10, now: datetime = START) -> list[Call[Any]]:
        batch = self.core.begin()
        self.core.start_calls(batch, now, {"box": limit}, room=lambda _, lane: self.room.get(lane, limit))
        self._apply(batch.rows)
        return batch.starts

    def settle(self, call: Call[Any], reply: Reply, now: datetime = START) -> None:
        batch = self.core.begin()
        self.core.answer(batch, [Answer(call, reply)], now)
        self._apply(batch.rows)

    def next_due(self) -> datetime | None:
        return self.core.next_due(["box"], lambda _, lane: self.room.get(lane, 10))

    def _apply(self, rows: Overlay) -> None:
        self.core.stored.apply(rows.writes, {})
        self.core.calls.applied(rows.writes)

    def settle_and_begin(self, call: Call[Any], reply: Reply, limit: int = 10) -> list[Call[Any]]:
        """As a running task does it: both in one batch. A second after START."""
        batch, now = self.core.begin(), START + timedelta(seconds=1)
        self.core.answer(batch, [Answer(call, reply)], now)
        self.core.start_calls(batch, now, {"box": limit}, room=lambda _, lane: self.room.get(lane, limit))
        self._apply(batch.rows)
        return batch.starts


def left(rows: Rows, *stores: str) -> list[tuple[str, bytes]]:
    return [row for store in stores for row in rows.scan(f"$outbox.box.{store}")]


def lanes(calls: list[Call[Any]]) -> list[str]:
    return [call.lane for call in calls]


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
    task._apply(rows)
    later = START + timedelta(days=3000)
    assert task.begin(now=later) == []

    rows = Overlay(task.core.stored)
    outbox.try_again(rows, task.box, "a/1", later)
    outbox.try_again(rows, task.box, "a/nothing", later)
    task._apply(rows)

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


def test_what_each_lane_owes_is_counted() -> None:
    stored, counted = MemoryKeyValue(), Owed("box", lane_of)
    task = Task(stored)
    rows = Overlay(stored)
    for key in ("a/1", "a/1", "b/1"):
        outbox.append(rows, "box", key, key, Ask(text=key), START, lane=lane_of(key))
    assert counted.follow(rows.writes, stored)
    task._apply(rows)

    later = START + timedelta(seconds=60)
    assert (counted.depth(), counted.depth("a"), counted.depth("b"), counted.depth("c")) == (3, 2, 1, 0)
    assert counted.oldest_s(later, "b") == pytest.approx(60, abs=10)
    (call, _) = task.begin()
    rows = Overlay(stored)
    outbox.settle(rows, call, Done(), START)
    assert not counted.follow(rows.writes, stored)
    assert (counted.depth("a"), counted.lanes) == (1, {"a", "b"})
    stored.apply(rows.writes, {})
    counted.count(stored)
    assert (counted.depth("a"), counted.depth("b")) == (1, 1)


class TestRoom:
    """The room that the calls under way and the breaker leave."""

    BOUNDS = Policy(10, (1,), concurrency=8, per_lane=2, breaker=BreakerPolicy(at_least=2, open_s=30))

    def calls(self, reply: Reply | Exception, now: list[float]) -> tuple[Calls, asyncio.Event]:
        async def answer(call: Call[Any]) -> Model:
            if isinstance(reply, Exception):
                raise reply
            return reply

        options = RunnerOptions(callers={"box": answer})
        options.destinations.monotonic = lambda: now[0]
        wake = asyncio.Event()
        return Calls(toy_agent(self.BOUNDS, lanes=True), 0, options, wake, lambda: START), wake

    def call(self, n: int, lane: str) -> Call[Any]:
        deadline = START + timedelta(seconds=9)
        return Call("box", f"{lane}/{n}", 1, f"c{n}", Ask(text="?"), 1, START, deadline, lane=lane)

    async def test_a_lane_has_its_own_bound(self) -> None:
        calls, _ = self.calls(Reply(), [0.0])
        for n in range(2):
            calls.start(self.call(n, "room-a"))

        assert (calls.room("box", "room-a"), calls.room("box", "room-b")) == (0, 2)
        assert calls.free() == {"box": 6}
        await calls.cancel()
        assert calls.room("box", "room-a") == 2

    @pytest.mark.parametrize("reply", [Reply(again_s=1), RuntimeError("a bug")])
    async def test_failures_close_the_lane_and_a_probe_opens_it(self, reply: Reply | Exception) -> None:
        now = [0.0]
        calls, wake = self.calls(reply, now)
        lane = f"room-{type(reply).__name__}"
        for n in range(2):
            calls.start(self.call(n, lane))
        async with asyncio.timeout(5):
            while calls.room("box", lane) != 0 or calls.free() != {"box": 8}:
                wake.clear()
                await wake.wait()

        assert calls.room("box", "room-well") == 2
        now[0] = 31
        assert calls.room("box", lane) == 1

    async def test_a_probe_that_is_cancelled_before_it_began_leaves_room(self) -> None:
        now = [0.0]
        calls, _ = self.calls(Reply(again_s=1), now)
        breaker = calls._options.destinations.breaker("box", "room-p", self.BOUNDS.breaker or BreakerPolicy())
        for _ in range(2):
            breaker.ended(False, probe=False)
        now[0] = 31
        calls.start(self.call(1, "room-p"))
        assert calls.room("box", "room-p") == 0

        await calls.cancel()

        assert calls.room("box", "room-p") == 1


class TestInOneBatch:
    """What stands behind a call begins in the commit of its answer."""

    def test_the_next_of_the_key_begins_with_the_answer(self) -> None:
        task = Task()
        task.owe("a/1", "a/1", "a/1")
        [first] = task.begin()

        [second] = task.settle_and_begin(first, reply=Reply(text="done"))
        [third] = task.settle_and_begin(second, reply=Reply(text="done"))

        assert [each.number for each in (first, second, third)] == [1, 2, 3]
        assert task.settle_and_begin(third, reply=Reply(text="done")) == []

    def test_it_takes_no_place_of_those_that_were_due_before(self) -> None:
        task = Task()
        task.owe("a/1", "a/1", "a/2", "b/1", "b/1")
        one, *_ = task.begin(limit=1)
        task.room["a"] = 1

        [next_] = task.settle_and_begin(one, reply=Reply(text="done"), limit=1)
        assert (one.key, next_.key) == ("a/1", "b/1")
        assert [each.key for each in task.settle_and_begin(next_, reply=Reply(text="done"))] == ["a/2", "b/1"]

    def test_what_is_to_be_tried_later_does_not_begin(self) -> None:
        task = Task()
        task.owe("a/1", "a/1")
        [first] = task.begin()

        assert task.settle_and_begin(first, reply=Reply(text="", again_s=60)) == []
