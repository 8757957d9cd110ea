"""A batch of one task: what a failing handler did is undone alone, and everything else is kept."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from streams.engine import mirrors
from streams.engine.errors import StorageFailed
from streams.engine.keyvalue import MemoryKeyValue
from streams.engine.outbox import Answer
from streams.engine.records import OutRecord, Record
from streams.engine.task import RETRY_AFTER_BUG, Batch, TaskCore
from tests.builders import retailer
from tests.unit.engine.toys import ECHOES, START, Echo, Label, Number, Reply, record, toy_agent

SECOND = timedelta(seconds=1)


@pytest.fixture
def core() -> TaskCore:
    return TaskCore(toy_agent(), 0, MemoryKeyValue(), {})


def run(core: TaskCore, *records: Record, now: datetime = START) -> Batch:
    """One batch of these records, and whatever is due, committed."""
    batch = core.begin()
    for each in records:
        core.handle(batch, each, now)
    core.fire(batch, now, 100)
    core.start_calls(batch, now, {"box": 9})
    core.stored.apply(batch.rows.writes, {})
    return batch


def echoes(emitted: list[OutRecord]) -> list[Echo]:
    return [Echo.model_validate_json(o.value or b"") for o in emitted if o.topic == ECHOES.name]


def letters(emitted: list[OutRecord]) -> list[dict[str, bytes]]:
    return [dict(out.headers) for out in emitted if out.topic == "dead-letters.toy"]


def rows(core: TaskCore, store: str) -> dict[str, bytes]:
    return dict(core.stored.scan(store))


def test_a_bug_undoes_its_own_record_and_no_other(core: TaskCore) -> None:
    batch = run(
        core,
        record(Number(n=1), offset=0),
        record(Number(n=2, fail=True), offset=1),
        record(Number(n=3), offset=2),
        record(Number(n=4, fail=True), key=b"other", offset=3),
    )

    assert [e.n for e in echoes(batch.emitted)] == [1, 3]
    assert rows(core, "counts") == {"k": b'\x01{"n":2}'}
    assert [(d["dl_kind"], d["dl_error"], d["dl_offset"]) for d in letters(batch.emitted)] == [
        (b"bug", b"Bug", b"1"),
        (b"bug", b"Bug", b"3"),
    ]
    assert (batch.offsets, batch.records, batch.dead) == ({"numbers": 4}, 4, 2)


class FailingRows(MemoryKeyValue):
    """A disk that fails where the handler reads."""

    def get(self, store: str, key: str) -> bytes | None:
        if store == "counts":
            raise StorageFailed("the disk is gone")
        return super().get(store, key)


def test_a_disk_that_fails_under_a_handler_is_no_records_fault() -> None:
    """Buried as a bug, the record would be lost to a disk that recovers before the commit."""
    core = TaskCore(toy_agent(), 0, FailingRows(), {})

    with pytest.raises(StorageFailed):
        run(core, record(Number()))


def test_poison_is_consumed_and_kept(core: TaskCore) -> None:
    batch = run(core, record(b"junk", offset=0), record(Number(), key=b"\xff", offset=1), record(Number(), offset=2))

    assert [d["dl_kind"] for d in letters(batch.emitted)] == [b"poison", b"poison"]
    assert len(echoes(batch.emitted)) == 1


def test_timers_and_calls_of_a_failing_record_are_gone_too(core: TaskCore) -> None:
    agent = core.agent
    handler = agent.handlers["numbers", Number]

    def failing(event: Any, ctx: Any) -> None:
        handler(event, ctx)
        raise KeyError("at the very end")

    agent.handlers["numbers", Number] = failing
    batch = run(core, record(Number(ring_s=1, ask="a1")))

    assert batch.starts == []
    assert core.next_due(["box"]) is None
    assert len(letters(batch.emitted)) == 1


def test_a_bug_in_a_timer_undoes_the_timer_alone(core: TaskCore) -> None:
    run(core, record(Number(ring_s=1, fail=True)), record(Number(ring_s=1), key=b"b", offset=1))
    batch = run(core, now=START + SECOND)

    assert [e.what for e in echoes(batch.emitted)] == ["rang"]
    assert set(rows(core, "counts")) == {"k", "b", "b/rang"}
    (kept,) = letters(batch.emitted)
    assert (kept["dl_topic"], kept["dl_kind"]) == (b"$timer.bell", b"bug")
    assert run(core, now=START + RETRY_AFTER_BUG).empty, (
        "what was undone has not fired: it comes again, and not at once"
    )
    again = run(core, now=START + RETRY_AFTER_BUG + SECOND)
    assert letters(again.emitted)[0]["dl_topic"] == b"$timer.bell"


def test_a_timer_that_is_replaced_in_the_same_batch_does_not_fire(core: TaskCore) -> None:
    run(core, record(Number(ring_s=1)))
    batch = run(core, record(Number(ring_s=60), offset=1), now=START + SECOND)

    assert [e.what for e in echoes(batch.emitted)] == ["counted"]
    assert core.next_due([]) == START + 61 * SECOND


def test_a_timer_of_a_kind_that_is_gone_waits_for_its_release_to_come_back(core: TaskCore) -> None:
    run(core, record(Number(ring_s=1)))
    spec = core.agent.timers.pop("bell")

    batch = run(core, now=START + SECOND)
    assert letters(batch.emitted) == []
    due = core.next_due([])
    assert due is not None
    assert due > START + SECOND, "else the task would spin"
    core.agent.timers["bell"] = spec
    assert [e.what for e in echoes(run(core, now=due).emitted)] == ["rang"]


def test_a_timer_that_needs_an_unknown_retailer_waits_like_a_record() -> None:
    core = TaskCore(toy_agent(), 0, MemoryKeyValue(), known := {})
    spec = core.agent.timers["bell"]
    ring = spec.handler
    assert ring is not None

    def asking(timer: Any, ctx: Any) -> None:
        ctx.retailer("acme")
        ring(timer, ctx)

    spec.handler = asking
    run(core, record(Number(ring_s=1)))
    batch = run(core, now=START + SECOND)
    assert (echoes(batch.emitted), letters(batch.emitted)) == ([], [])

    known["acme"] = retailer("acme")
    due = core.next_due([])
    assert due is not None
    assert due > START + SECOND
    assert [e.what for e in echoes(run(core, now=due).emitted)] == ["rang"]


def test_a_bug_in_an_answer_keeps_the_call_and_repeats_it_later(core: TaskCore) -> None:
    (call,) = run(core, record(Number(ask="a1"))).starts
    batch = core.begin()
    core.answer(batch, [Answer(call, Reply(text="no", fail=True))], START)
    core.stored.apply(batch.rows.writes, {})

    assert echoes(batch.emitted) == []
    assert letters(batch.emitted)[0]["dl_topic"] == b"$answer.box"
    assert run(core, now=START + RETRY_AFTER_BUG - SECOND).starts == []
    (again,) = run(core, now=START + RETRY_AFTER_BUG).starts
    assert (again.id, again.attempt) == ("a1", 2)


def test_an_answer_counts_once_and_a_late_one_not_at_all(core: TaskCore) -> None:
    (first,) = run(core, record(Number(ask="a1"))).starts
    (second,) = run(core, now=first.deadline).starts
    batch = core.begin()
    answers = [Answer(first, Reply(text="late")), Answer(second, Reply(text="x")), Answer(second, Reply(text="x"))]
    core.answer(batch, answers, first.deadline)

    assert [e.what for e in echoes(batch.emitted)] == ["told x"]


def test_a_mirror_follows_its_topic_even_where_the_handler_has_a_bug(core: TaskCore) -> None:
    labels = (("old", False), ("new", True))
    for offset, (text, fail) in enumerate(labels):
        run(core, record(Label(text=text, fail=fail), topic="labels", offset=offset))
    batch = run(core, record(Number()), record(b"junk", topic="labels", offset=2))

    assert [e.label for e in echoes(batch.emitted)] == ["new"]
    assert rows(core, "labels") == {"k": Label(text="new", fail=True).model_dump_json().encode()}
    assert mirrors.untaken(core.stored) == {("labels", 2)}
    run(core, record(None, topic="labels", offset=3))
    assert rows(core, "labels") == {}


class TestParking:
    """A record whose retailer is not known yet."""

    @pytest.fixture
    def known(self) -> dict[str, Any]:
        return {}

    @pytest.fixture
    def core(self, known: dict[str, Any]) -> TaskCore:
        return TaskCore(toy_agent(), 0, MemoryKeyValue(), known)

    def test_it_waits_with_all_later_ones_of_its_key_while_others_go_on(
        self, core: TaskCore, known: dict[str, Any]
    ) -> None:
        batch = run(
            core,
            record(Number(n=1, retailer="acme"), offset=0),
            record(Number(n=2), offset=1),
            record(Number(n=3), key=b"other", offset=2),
            record(b"junk", offset=3),
        )
        assert [e.n for e in echoes(batch.emitted)] == [3]
        assert batch.offsets == {"numbers": 4}

        later = run(core, record(Number(n=4), offset=4), now=START + SECOND / 2)
        assert later.emitted == []
        known["acme"] = retailer("acme")
        released = run(core, record(Number(n=5), offset=5), now=START + SECOND)
        assert [e.n for e in echoes(released.emitted)] == [1, 2, 4, 5]
        assert [d["dl_offset"] for d in letters(released.emitted)] == [b"3"]
        assert echoes(run(core, record(Number(n=6), offset=6)).emitted)[0].n == 6
        assert not any(name.startswith("$") and rows(core, name) for name in ("$parked", "$timers", "$timer-index"))

    def test_after_seven_days_a_person_gets_it_and_the_rest_goes_on(self, core: TaskCore) -> None:
        run(core, record(Number(n=1, retailer="acme"), offset=0))
        now, found = START, []
        while now < START + timedelta(days=8) and (due := core.next_due([])) is not None:
            now = due
            found += run(core, now=now).emitted

        (kept,) = letters(found)
        assert (kept["dl_kind"], kept["dl_offset"]) == (b"poison", b"0")
        assert timedelta(days=7) <= now - START < timedelta(days=7, minutes=2)

    def test_a_retry_pauses_longer_and_longer_up_to_a_minute(self, core: TaskCore) -> None:
        run(core, record(Number(n=1, retailer="acme"), offset=0))
        times = [START]
        while times[-1] < START + timedelta(minutes=10):
            due = core.next_due([])
            assert due is not None
            run(core, now=due)
            times.append(due)

        pauses = [b - a for a, b in pairwise(times)]
        assert pauses == sorted(pauses)
        assert (pauses[0], pauses[-1]) == (SECOND, timedelta(minutes=1))

    def test_a_thousand_waiting_keys_cost_the_others_nothing(self, core: TaskCore) -> None:
        for n in range(1000):
            run(core, record(Number(retailer="acme"), key=str(n).encode(), offset=n))
        seen: list[str] = []
        scan = core.stored.scan

        class Watched(MemoryKeyValue):
            """Tells which rows were walked over."""

            def scan(self, store: str, prefix: str = "", after: str = "", before: str = "") -> Any:
                for key, row in scan(store, prefix, after, before):
                    seen.append(key)
                    yield key, row

        watched = Watched()
        watched.get = core.stored.get  # type: ignore[method-assign]
        core.stored = watched
        batch = core.begin()
        core.handle(batch, record(Number(), key=b"another", offset=2000), START)
        core.fire(batch, START, 100)

        assert len(seen) < 10
