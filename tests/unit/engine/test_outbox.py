"""Outboxes: in order per key, one attempt at a time, nothing lost and nothing answered twice."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.trace import Trace
from streams.engine import heads, outbox
from streams.engine.agent import Agent, Outbox
from streams.engine.keyvalue import MemoryKeyValue
from streams.engine.outbox import Again, Call, Done, Policy
from streams.engine.overlay import Overlay
from streams.engine.owed import STEP_S, Owed
from tests.unit.engine.toys import POLICY, START, Ask, Reply

BOX: Outbox[Ask, Reply] = Outbox("box", Ask, Reply, POLICY)
TIMEOUT = timedelta(seconds=POLICY.timeout_s)


@pytest.fixture
def rows() -> Overlay:
    return Overlay(MemoryKeyValue())


def add(rows: Overlay, key: str, call_id: str, now: datetime = START) -> None:
    outbox.append(rows, "box", key, call_id, Ask(text=call_id), now)


def owed(rows: Overlay) -> int:
    counted = Owed("box")
    counted.begin()
    counted.count(rows, 1000)
    return counted.depth()


def begin(rows: Overlay, now: datetime, limit: int = 99) -> list[Call[Any]]:
    return [outbox.start(rows, BOX, key, number, now) for key, number in heads.due(rows, "box", now, limit)]


def test_the_next_of_a_key_waits_for_the_one_before_and_others_do_not(rows: Overlay) -> None:
    for key, call_id in (("a", "a1"), ("a", "a2"), ("b", "b1")):
        add(rows, key, call_id)

    first = begin(rows, START)
    assert [c.id for c in first] == ["a1", "b1"]
    assert begin(rows, START) == []
    outbox.settle(rows, first[0], Done(), START)
    assert [(c.id, c.attempt, c.intent.text) for c in begin(rows, START)] == [("a2", 1, "a2")]
    assert owed(rows) == 2


def test_an_attempt_without_an_answer_is_repeated_after_its_deadline_with_the_same_id(rows: Overlay) -> None:
    add(rows, "a", "a1")
    (lost,) = begin(rows, START)

    assert lost.deadline == START + TIMEOUT
    assert begin(rows, lost.deadline - timedelta(microseconds=1)) == []
    (again,) = begin(rows, lost.deadline)
    assert (again.id, again.attempt, again.first_at) == ("a1", 2, START)
    assert not outbox.is_current(rows, lost)
    assert outbox.is_current(rows, again)


def test_again_keeps_its_place_and_the_others_of_the_key_waiting(rows: Overlay) -> None:
    add(rows, "a", "a1")
    add(rows, "a", "a2")
    (call,) = begin(rows, START)
    later = START + timedelta(minutes=5)
    outbox.settle(rows, call, Again(later), START)

    assert heads.next_due(rows, "box") == later
    assert begin(rows, later - timedelta(milliseconds=1)) == []
    assert [(c.id, c.attempt) for c in begin(rows, later)] == [("a1", 2)]


def test_an_answer_of_an_earlier_life_of_the_same_id_is_nobodys(rows: Overlay) -> None:
    add(rows, "a", "same")
    (old,) = begin(rows, START)
    outbox.settle(rows, old, Done(), START)
    later = START + timedelta(hours=1)
    add(rows, "a", "same", later)
    (new,) = begin(rows, later)

    assert (new.number, new.attempt) == (old.number, old.attempt)
    assert not outbox.is_current(rows, old)
    assert outbox.is_current(rows, new)


def test_no_more_are_started_than_there_are_places(rows: Overlay) -> None:
    for key in "abc":
        add(rows, key, key)

    assert len(begin(rows, START, limit=2)) == 2
    assert len(begin(rows, START, limit=0)) == 0
    assert len(begin(rows, START)) == 1


def test_a_drained_queue_leaves_no_rows_behind() -> None:
    stored = MemoryKeyValue()
    rows = Overlay(stored)
    add(rows, "a", "a1")
    (call,) = begin(rows, START)
    outbox.settle(rows, call, Done(), START)
    stored.apply(rows.writes, {})

    assert [row for store in rows.writes for row in stored.scan(store)] == []
    assert not outbox.is_current(rows, replace(call, attempt=1))


def test_delays_grow_and_the_last_one_stays() -> None:
    policy = Policy(timeout_s=1, delays_s=(5, 30))

    assert [policy.delay_s(attempt) for attempt in (1, 2, 3, 9)] == [5, 30, 30, 30]


@pytest.mark.parametrize("name", ["a/b", "a.heads", "$x", ""])
def test_a_name_that_would_mix_up_the_rows_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="outbox"):
        Agent("toy").outbox(name, Ask, Reply, POLICY)


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["add", "answer", "again", "wait"]),
        st.sampled_from(["a", "a|", "a|000000000001", "a|1", "|"]),
    ),
    max_size=40,
)


@given(STEPS)
def test_it_is_a_list_for_each_key(steps: list[tuple[str, str]]) -> None:
    stored, counted = MemoryKeyValue(), Owed("box")
    rows = Overlay(stored)
    model: dict[str, deque[str]] = {}
    under_way: dict[str, Call[Any]] = {}
    now, count = START, 0
    for step, key in steps:
        if step == "add":
            count += 1
            model.setdefault(key, deque()).append(f"id{count}")
            add(rows, key, f"id{count}", now)
        elif step == "wait":
            now += TIMEOUT
        elif (call := under_way.get(key)) is not None and outbox.is_current(rows, call):
            del under_way[key]
            if step == "answer":
                assert model[key].popleft() == call.id
            outbox.settle(rows, call, Done() if step == "answer" else Again(now), now)
        for call in begin(rows, now):
            assert call.id == model[call.key][0], "only the first of a key is ever called"
            under_way[call.key] = call
        counted.follow(rows.writes, stored)
        stored.apply(rows.writes, {})
        rows = Overlay(stored)
        assert counted.depth() == owed(rows) == sum(map(len, model.values()))
    waiting = {key for key, queue in model.items() if queue}
    assert {key for key, call in under_way.items() if outbox.is_current(rows, call)} == waiting


def test_the_age_is_that_of_the_first_queued_and_falls_when_it_is_done(rows: Overlay) -> None:
    stored, counted = MemoryKeyValue(), Owed("box")
    add(rows, "a", "old")
    add(rows, "b", "young", START + timedelta(minutes=5))
    counted.follow(rows.writes, stored)
    stored.apply(rows.writes, {})
    now = START + timedelta(minutes=6)
    assert counted.oldest_s(now) == pytest.approx(360, abs=STEP_S)

    later = Overlay(stored)
    (old,) = [call for call in begin(later, now) if call.id == "old"]
    counted.follow(later.writes, stored)
    assert counted.oldest_s(now) == pytest.approx(360, abs=STEP_S), "an attempt is no end"
    outbox.settle(later, old, Done(), now)
    counted.follow(later.writes, stored)

    assert counted.depth() == 1
    assert counted.oldest_s(now) == pytest.approx(60, abs=STEP_S)
    assert Owed("other").oldest_s(now) == 0


def test_a_call_goes_on_in_the_trace_that_queued_it(rows: Overlay) -> None:
    trace = Trace(f"00-{'a' * 32}-{'b' * 16}-01", "vendor=1")
    outbox.append(rows, "box", "a", "a1", Ask(text="x"), START, trace)
    (first,) = begin(rows, START)
    (second,) = begin(rows, first.deadline)

    assert first.trace == second.trace == trace


def test_a_row_of_the_release_before_still_counts_and_is_called(rows: Overlay) -> None:
    add(rows, "a", "a1")
    row = orjson.loads(rows.get("$outbox.box", "a|000000000001") or b"")
    del row["queued_at"]
    rows.put("$outbox.box", "a|000000000001", orjson.dumps(row))
    counted = Owed("box")
    counted.begin()
    counted.count(rows, 1000)

    assert (counted.depth(), counted.oldest_s(START)) == (1, 0)
    assert begin(rows, START)[0].trace is None
