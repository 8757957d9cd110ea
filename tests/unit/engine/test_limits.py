"""When bugs are too many: in a row or spread, over any number of starts, and what a good record costs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import cycle, islice

import pytest
import structlog
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts import topics
from contracts.controls import PauseLifted, TaskPaused
from streams.engine import limits
from streams.engine.keyvalue import MemoryKeyValue
from streams.engine.limits import Limits, is_lifted
from streams.engine.outbox import Answer
from streams.engine.records import Record
from streams.engine.task import Batch, TaskCore
from tests.unit.engine.toys import START, Number, Reply, record, toy_agent

SECOND = timedelta(seconds=1)


@pytest.fixture(autouse=True, scope="module")
def _quiet() -> Iterator[None]:
    """Thousands of tracebacks, rendered with their locals, would take a minute."""
    with structlog.testing.capture_logs():
        yield


unhurried = settings(deadline=None)
SMALL = Limits(in_a_row=3, share=0.2, window=10)


def started(stored: MemoryKeyValue, how_many: Limits = SMALL) -> TaskCore:
    """The task after a start: all it knows is what is stored."""
    return TaskCore(toy_agent(), 0, stored, {}, how_many)


def run(core: TaskCore, *records: Record) -> Batch:
    """One batch, as a running task works: nothing more once it is paused."""
    batch = core.begin()
    for each in records:
        if batch.paused:
            break
        core.handle(batch, each, START)
    core.stored.apply(batch.rows.writes, {})
    return batch


def letters(batch: Batch) -> int:
    return sum(out.topic == "dead-letters.toy" for out in batch.emitted)


def row(core: TaskCore) -> bytes | None:
    return core.stored.get(limits.STORE, limits.ROW)


def fed(core: TaskCore, fails: list[bool], a_batch: int = 1) -> int:
    """Feed records that fail or not until the task pauses; how many letters there are then."""
    found = 0
    records = [record(Number(n=n, fail=fail), offset=n) for n, fail in enumerate(fails)]
    for at in range(0, len(records), a_batch):
        found += letters(run(core, *records[at : at + a_batch]))
    return found


@pytest.mark.parametrize("a_batch", [1, 2, 7, 100])
def test_as_many_in_a_row_as_the_limit_says_and_not_one_more(a_batch: int) -> None:
    core = started(MemoryKeyValue())

    assert fed(core, [True] * 50, a_batch) == 3
    pause = core.pause()
    assert pause is not None
    assert (pause.reason, pause.error, pause.at) == ("3 failures in a row", "Bug", START)


@pytest.mark.parametrize("a_batch", [1, 4, 100])
def test_a_share_of_the_last_runs_pauses_though_others_succeed(a_batch: int) -> None:
    core = started(MemoryKeyValue(), Limits(in_a_row=100, share=0.2, window=10))

    assert fed(core, list(islice(cycle([False, False, True]), 60)), a_batch) == 3
    pause = core.pause()
    assert pause is not None
    assert pause.reason == "3 failures in the last 10 runs of its handlers"


def test_a_share_that_is_just_allowed_never_pauses() -> None:
    core = started(MemoryKeyValue())

    assert fed(core, list(islice(cycle([True, False, False, False, False]), 500))) == 100
    assert core.pause() is None


@unhurried
@given(st.lists(st.booleans(), max_size=80), st.integers(1, 20))
def test_starting_anew_after_every_batch_changes_nothing(fails: list[bool], a_batch: int) -> None:
    records = [record(Number(n=n, fail=fail), offset=n) for n, fail in enumerate(fails)]
    kept, fresh = started(MemoryKeyValue()), MemoryKeyValue()
    once = sum(letters(run(kept, each)) for each in records)
    again = 0
    for at in range(0, len(records), a_batch):
        again += letters(run(started(fresh), *records[at : at + a_batch]))

    assert (once, kept.pause() is None) == (again, started(fresh).pause() is None)


@unhurried
@given(st.lists(st.booleans(), max_size=100))
def test_no_order_of_bugs_loses_more_than_the_limits_say(fails: list[bool]) -> None:
    core = started(MemoryKeyValue())
    fed(core, fails)
    taken = fails[: _handled(fails)]

    for end in range(1, len(taken) + 1):
        assert sum(taken[max(0, end - 10) : end]) <= 3
    assert (core.pause() is None) == (len(taken) == len(fails) and not _over(taken))


def _over(fails: list[bool]) -> bool:
    return fails[-3:] == [True] * 3 or sum(fails[-10:]) > 2


def _handled(fails: list[bool]) -> int:
    """How many are handled until the task pauses, counted in the plainest way."""
    return next((end for end in range(1, len(fails) + 1) if _over(fails[:end])), len(fails))


def test_good_records_write_nothing_and_soon_forget_a_bug() -> None:
    core = started(MemoryKeyValue())
    run(core, *(record(Number(n=n), offset=n) for n in range(100)))
    assert row(core) is None

    run(core, record(Number(fail=True), offset=100))
    assert row(core) is not None
    run(core, *(record(Number(n=n), offset=n) for n in range(101, 110)))
    assert row(core) is not None
    run(core, record(Number(), offset=110))
    assert row(core) is None
    assert limits.STORE not in run(core, record(Number(), offset=111)).rows.writes


def test_poison_neither_counts_nor_comforts() -> None:
    core = started(MemoryKeyValue())
    poison = [record(b"junk", offset=n) for n in range(200)]
    assert letters(run(core, *poison)) == 200
    assert core.pause() is None

    bugs = [record(Number(fail=True), offset=n) for n in range(3)]
    found = [letters(run(core, each)) for pair in zip(bugs, poison[:3], strict=True) for each in pair]
    assert found == [1, 1, 1, 1, 1, 0]
    assert core.pause() is not None


def test_bugs_of_timers_and_answers_count_with_those_of_records() -> None:
    core = started(MemoryKeyValue())
    run(core, record(Number(ring_s=1, fail=True, ask="a1")))
    batch = core.begin()
    core.start_calls(batch, START, {"box": 1})
    core.stored.apply(batch.rows.writes, {})
    (call,) = batch.starts

    batch = core.begin()
    core.fire(batch, START + SECOND, 10)
    core.answer(batch, [Answer(call, Reply(fail=True))], START + SECOND)
    assert letters(batch) == 2
    core.handle(batch, record(Number(fail=True), offset=1), START + SECOND)
    assert batch.paused
    assert letters(batch) == 3


def test_an_answer_to_a_paused_task_is_taken_and_one_that_fails_costs_no_letter() -> None:
    core = started(MemoryKeyValue())
    run(core, record(Number(ask="a1"), key=b"a"), record(Number(ask="b1"), key=b"b", offset=1))
    batch = core.begin()
    core.start_calls(batch, START, {"box": 2})
    core.stored.apply(batch.rows.writes, {})
    good, bad = batch.starts
    fed(core, [True] * 3)
    assert core.pause() is not None

    batch = core.begin()
    core.answer(batch, [Answer(good, Reply(text="x")), Answer(bad, Reply(fail=True))], START)
    assert [out.topic for out in batch.emitted] == ["echoes"]
    core.stored.apply(batch.rows.writes, {})
    assert core.next_due(["box"]) is not None, "the failed one is still owed"


def test_a_pause_is_announced_with_the_letter_that_brought_it_and_taken_back_when_lifted() -> None:
    core = started(MemoryKeyValue())
    run(core, *(record(Number(fail=True), offset=n) for n in range(2)))
    last = run(core, record(Number(fail=True), offset=2))
    (said,) = [out for out in last.emitted if out.topic == topics.AGENT_PAUSES.name]
    assert said.key == b"toy/0"
    assert TaskPaused.model_validate_json(said.value or b"") == core.pause()

    batch = core.begin()
    core.lift(batch)
    core.stored.apply(batch.rows.writes, {})
    assert [(out.topic, out.key, out.value) for out in batch.emitted] == [("agent-pauses", b"toy/0", None)]
    assert core.pause() is None
    assert fed(core, [True] * 50) == 3, "counted anew"


def test_what_lifts_one_pause_lifts_no_later_one() -> None:
    core = started(MemoryKeyValue())
    fed(core, [True] * 3)
    first = core.pause()
    assert first is not None
    controls = {"toy/0": PauseLifted(pause=first.pause, agent="toy", partition=0, at=START)}
    assert is_lifted(first, controls)

    batch = core.begin()
    core.lift(batch)
    core.stored.apply(batch.rows.writes, {})
    fed(core, [True] * 3)
    second = core.pause()
    assert second is not None
    assert not is_lifted(second, controls)
