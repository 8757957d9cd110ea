"""What may begin in the commit of a batch: what the batch itself has queued, or made the first of its key."""

from __future__ import annotations

from datetime import timedelta

from streams.engine.heads import lanes_of
from tests.unit.engine.lane_kit import Task
from tests.unit.engine.toys import START, Number, Reply, record


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


class TestQueuedByIt:
    """A call that is its key's first begins in the commit of the event that asks for it."""

    def test_it_begins_at_once_and_what_is_behind_it_does_not(self) -> None:
        task = Task()

        begun = task.take_and_begin("a/1", "a/1", "b/1")

        assert [(each.key, each.number, each.attempt) for each in begun] == [("a/1", 1, 1), ("b/1", 1, 1)]
        assert [each.number for each in task.settle_and_begin(begun[0], Reply(text="done"))] == [2]

    def test_it_waits_where_there_is_no_room(self) -> None:
        task = Task()
        task.room["a"] = 0

        assert [each.key for each in task.take_and_begin("a/1", "b/1", "b/2", limit=1)] == ["b/1"]
        task.room.clear()
        assert {each.key for each in task.begin(now=START + timedelta(seconds=2))} == {"a/1", "b/2"}

    def test_it_takes_no_place_of_what_was_owed_before(self) -> None:
        task = Task()
        task.owe("b/1")

        assert [each.key for each in task.take_and_begin("a/1", limit=1)] == ["b/1"]

    def test_what_came_and_went_in_one_batch_is_not_written(self) -> None:
        task = Task()
        batch, now = task.core.begin(), START + timedelta(seconds=1)
        task.core.handle(batch, record(Number(ask="a1"), key=b"a/1"), now)
        task.core.start_calls(batch, now, {"box": 1})

        lanes = {key: row for key, row in batch.rows.net()[lanes_of("box")].items() if key.endswith("|a/1")}
        assert list(lanes.values()) == [b"1"]
        assert len(batch.rows.writes[lanes_of("box")]) == 2
