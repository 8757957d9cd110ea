"""What a task shows of itself at every moment, on a clock that the test moves."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from prometheus_client import REGISTRY

from contracts import topics
from contracts.actions import AlertKind, ReturnAlert
from streams.engine.kafka import Standing
from streams.engine.keyvalue import MemoryKeyValue
from streams.engine.records import OutRecord
from streams.engine.task import Batch, TaskCore
from streams.engine.timers import millis
from streams.engine.watch import TaskWatch
from tests.unit.engine.toys import START, Number, record, toy_agent


class Moved:
    """A watch on a toy task, and its time."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.watch = TaskWatch(
            toy_agent(), 7, lambda: START + timedelta(seconds=self.seconds), lambda: 1000 + self.seconds
        )

    def value(self, name: str, **labels: str) -> float | None:
        return REGISTRY.get_sample_value(f"returnstreams_{name}", {"agent": "toy", "partition": "7", **labels})

    def alerts(self, kind: AlertKind) -> float:
        return REGISTRY.get_sample_value("returnstreams_alerts_total", {"agent": "toy", "kind": kind}) or 0

    def stands(self, position: int, end: int, fetched: int | None = None, pending: bool = False) -> None:
        at = Standing(position if fetched is None else fetched, end)
        self.watch.stands({"numbers": at}, {"numbers": position}, ["numbers"] if pending else [])


@pytest.fixture
def task() -> Iterator[Moved]:
    moved = Moved()
    yield moved
    moved.watch.close()


@pytest.fixture
def batch() -> Batch:
    core = TaskCore(toy_agent(), 0, MemoryKeyValue(), {})
    batch = core.begin()
    core.handle(batch, record(Number()), START)
    return batch


def test_poison_counts_by_its_sender(task: Moved) -> None:
    def counted(sender: str) -> float:
        labels = {"agent": "toy", "source": sender}
        return REGISTRY.get_sample_value("returnstreams_poison_records_total", labels) or 0

    before = counted("seko"), counted("loop")
    core = TaskCore(toy_agent(), 0, MemoryKeyValue(), {})
    batch = core.begin()
    for n, sender in enumerate((b"seko", b"loop", b"seko")):
        core.handle(batch, record(b"junk", offset=n, headers=(("ce_source", sender),)), START)
    assert (counted("seko"), counted("loop")) == before, "not before the commit: it may be done again"
    task.watch.committed(batch, [], 0.1)

    assert (counted("seko") - before[0], counted("loop") - before[1]) == (2, 1)


def test_alerts_count_by_their_kind(task: Moved, batch: Batch) -> None:
    alert = ReturnAlert(
        alert_id="1",
        kind=AlertKind.RETURN_NOT_SCANNED,
        retailer="acme",
        order_key="acme/1",
        message="look at it",
        at=START,
    )
    before = task.alerts(AlertKind.RETURN_NOT_SCANNED)
    batch.emitted.append(OutRecord(topics.RETURN_ALERTS.name, b"acme/1", alert.model_dump_json().encode()))
    task.watch.committed(batch, batch.emitted, 0.01)
    assert task.alerts(AlertKind.RETURN_NOT_SCANNED) == before + 1


def test_a_commit_grows_old_only_while_there_is_work(task: Moved, batch: Batch) -> None:
    task.watch.enter("running")
    task.watch.idle()
    task.seconds = 3600
    assert task.value("commit_age_seconds") == 0

    task.watch.busy(millis(START))
    task.seconds += 40
    assert task.value("commit_age_seconds") == 40
    task.watch.computed(batch)
    task.watch.committed(batch, (), 0.1)
    assert task.value("commit_age_seconds") == 0
    task.seconds += 5
    assert task.value("commit_age_seconds") == 5, "more may be there: it has not been idle since"


def test_a_task_that_does_not_come_to_work_has_work(task: Moved) -> None:
    for state in ("opening", "restoring"):
        task.watch.enter(state)
        task.seconds += 30
    assert task.value("commit_age_seconds") == 60

    task.watch.enter("running")
    task.watch.idle()
    task.watch.enter("paused")
    task.seconds += 10
    assert task.value("commit_age_seconds") == 10


def test_the_lag_in_seconds_is_the_age_of_what_comes_next_and_nothing_when_idle(task: Moved) -> None:
    task.watch.enter("running")
    task.watch.busy(millis(START - timedelta(minutes=5)))
    assert task.value("lag_seconds") == 300
    task.seconds = 60
    assert task.value("lag_seconds") == 360

    task.watch.idle()
    assert task.value("lag_seconds") == 0


def test_a_writer_whose_clock_is_ahead_makes_no_negative_lag(task: Moved) -> None:
    task.watch.busy(millis(START + timedelta(hours=1)))

    assert task.value("lag_seconds") == 0


def test_behind_with_nothing_in_hand_counts_from_when_it_was_seen_not_to_move(task: Moved) -> None:
    task.watch.enter("paused")
    task.watch.idle()
    task.stands(position=10, end=12)
    task.seconds = 90
    task.stands(position=10, end=30)
    assert (task.value("lag_records", topic="numbers"), task.value("lag_seconds")) == (20, 90)

    task.stands(position=20, end=30)
    assert task.value("lag_seconds") == 0, "it moves"
    task.stands(position=30, end=30)
    assert task.value("lag_records", topic="numbers") == 0


def test_the_end_marks_of_transactions_are_no_lag_once_they_are_read_past(task: Moved, batch: Batch) -> None:
    task.stands(position=10, end=11, fetched=11)
    assert task.value("lag_records", topic="numbers") == 0

    task.stands(position=10, end=11, fetched=11, pending=True)
    assert task.value("lag_records", topic="numbers") == 1
    task.watch.computed(batch)
    task.stands(position=10, end=11, fetched=11)
    assert task.value("lag_records", topic="numbers") == 1, "what is in the batch is not committed yet"
    task.watch.committed(batch, (), 0.1)
    task.stands(position=11, end=11)
    assert task.value("lag_records", topic="numbers") == 0


def test_only_what_runs_or_stops_must_make_turns(task: Moved) -> None:
    pulses = []
    for state in ("opening", "restoring", "running", "paused", "running", "stopping"):
        task.watch.enter(state)
        pulses.append(task.watch.pulse)

    assert [pulse is None for pulse in pulses] == [True, True, False, True, False, False]
    before = task.watch.pulse
    task.watch.moved()
    assert task.watch.pulse != before


def test_one_state_at_a_time_and_none_after_it_stops(task: Moved) -> None:
    def states() -> list[str]:
        names = ("opening", "restoring", "running", "paused", "stopping")
        return [name for name in names if task.value("task_state", state=name)]

    assert states() == ["opening"]
    task.watch.enter("stopping")
    task.watch.enter("opening")
    assert states() == ["stopping"]


def test_what_went_elsewhere_shows_nothing_more_whoever_still_measures(task: Moved) -> None:
    task.watch.close()
    task.stands(position=1, end=2)
    task.watch.timers_due(3)

    assert task.value("task_state", state="opening") is None
    assert task.value("lag_records", topic="numbers") is None
    assert task.value("timers_due") is None
