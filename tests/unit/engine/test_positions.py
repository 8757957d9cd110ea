"""Where a task begins, and when it refuses to: the group's offset and the changelog's, in all their combinations."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import pytest

from streams.engine import positions
from streams.engine.errors import StateRefused
from streams.engine.kafka import Committed
from streams.engine.keyvalue import MemoryKeyValue
from streams.engine.overlay import Writes
from tests.unit.engine.toys import toy_agent

FIRST, END = 100, 900


def start(committed: int | None, known: int | None, ours: bool, first: int = FIRST, end: int = END) -> int:
    changelog: Mapping[str, int] = {} if known is None else {"numbers": known}
    group = None if committed is None else Committed(committed, ours)
    offsets = positions.starting_offsets(
        toy_agent(), 3, {"numbers": group}, changelog, {"numbers": first}, {"numbers": end}
    )
    return offsets["numbers"]


@pytest.mark.parametrize(
    ("committed", "known", "ours", "begins"),
    [
        (None, None, False, FIRST),  # the first start ever
        (500, 500, True, 500),
        (500, 500, False, 500),  # committed by a release that left no mark
        (500, 499, False, 500),  # an operator moved the group on
        (END, END, True, END),
        (40, 40, True, FIRST),  # retention has passed: loud, but nothing can be done
        (FIRST, None, False, FIRST),  # set by hand to the very beginning
        (0, None, False, FIRST),
    ],
)
def test_the_larger_of_both(committed: int | None, known: int | None, ours: bool, begins: int) -> None:
    assert start(committed, known, ours) == begins


@pytest.mark.parametrize(
    ("committed", "known", "ours", "says"),
    [
        (None, 500, False, "the group's offset is None, but the changelog says 500"),
        (499, 500, True, "lost or set back"),
        (499, 500, False, "lost or set back"),
        (0, 500, False, "Set the group's offset to 500 or above"),
        (500, None, False, "the changelog toy-changelog knows nothing"),
        (500, None, True, "the changelog toy-changelog knows nothing"),
        (FIRST, None, True, "the changelog toy-changelog knows nothing"),  # its records are gone too, but they were
        (500, 499, True, "committed offset 500, but its changelog toy-changelog ends at 499: its last rows were lost"),
        (END + 1, END, False, "made anew or cut off"),
        (END + 1, END + 1, True, "made anew or cut off"),
    ],
)
def test_refused_by_name(committed: int | None, known: int | None, ours: bool, says: str) -> None:
    with pytest.raises(StateRefused, match=says) as caught:
        start(committed, known, ours)

    assert str(caught.value).startswith("toy: numbers[3]: ")


def test_every_input_has_its_own_answer() -> None:
    offsets = positions.starting_offsets(
        toy_agent(),
        0,
        {"numbers": Committed(7, ours=True), "labels": None},
        {"numbers": 7},
        {"numbers": 0, "labels": 2},
        {"numbers": 7, "labels": 2},
    )

    assert offsets == {"numbers": 7, "labels": 2}


def test_partitions_must_agree_and_stay() -> None:
    agent, stored = toy_agent(), MemoryKeyValue()
    assert positions.check_partitions(agent, stored, {"numbers": 4, "labels": 4}) == 4
    with pytest.raises(StateRefused, match="same number of partitions"):
        positions.check_partitions(agent, stored, {"numbers": 4, "labels": 5})
    with pytest.raises(StateRefused, match="same number of partitions"):
        positions.check_partitions(agent, stored, {"numbers": 0, "labels": 0})

    writes: Writes = {}
    positions.note_consumed(stored, writes, {"numbers": 3}, 4)
    stored.apply(writes, {})
    with pytest.raises(StateRefused, match="made with 4 partitions, its inputs now have 6"):
        positions.check_partitions(agent, stored, {"numbers": 6, "labels": 6})


def test_consumed_offsets_add_up_over_batches() -> None:
    stored = MemoryKeyValue()
    assert positions.consumed(stored) == {}
    for offsets in ({"numbers": 3}, {"labels": 1}, {}, {"numbers": 5}):
        writes: Writes = {}
        positions.note_consumed(stored, writes, offsets, 4)
        stored.apply(writes, {})

    assert positions.consumed(stored) == {"numbers": 5, "labels": 1}


def test_the_changelog_holds_what_no_other_topic_does() -> None:
    writes: Writes = {
        "counts": {"a/b": b"1", "gone": None},
        "totals": {"a": b"2"},
        "labels": {"a": b"3"},
        "$timers": {"0001|bell|a": b""},
    }
    found = {(r.key, r.value, r.partition) for r in positions.changelog_records(toy_agent(), 7, writes)}

    assert found == {
        (b"counts/a/b", b"1", 7),
        (b"counts/gone", None, 7),
        (b"$timers/0001|bell|a", b"", 7),
    }


SOUND = {"toy-changelog": 500, "labels": 20}
WEEK = timedelta(days=7)


def why(known: dict[str, int], age: timedelta | None, end: int = 900) -> str:
    first, ends = {"toy-changelog": 100, "labels": 0}, {"toy-changelog": end, "labels": 20}
    return positions.outdated(known, age, first, ends, ["toy-changelog"]) or ""


@pytest.mark.parametrize("age", [timedelta(0), timedelta(minutes=-5), timedelta(days=6, hours=22)])
def test_rows_that_are_young_enough_are_brought_up_to_date(age: timedelta) -> None:
    assert why(SOUND, age) == ""


@pytest.mark.parametrize("age", [None, WEEK - timedelta(minutes=59), WEEK, 3 * WEEK, timedelta(hours=-2)])
def test_rows_older_than_deletions_are_kept_are_not(age: timedelta | None) -> None:
    assert "toy-changelog was last applied" in why(SOUND, age)


@pytest.mark.parametrize("age", [None, 3 * WEEK, timedelta(hours=-2)])
def test_where_nothing_is_missing_the_age_does_not_matter(age: timedelta | None) -> None:
    assert why(SOUND, age, end=500) == ""
    assert why(SOUND, age, end=501) == "", "only the end of our own transaction lies behind"
    assert "toy-changelog was last applied" in why(SOUND, age, end=502)
    assert "labels was last applied" in why({**SOUND, "labels": 19}, age, end=500), "others write there, one by one"


@pytest.mark.parametrize(
    ("known", "says"),
    [
        ({"toy-changelog": 99}, "begins at 100 now, above the position 99"),
        ({"toy-changelog": 901}, "ends at 900, below the position 901: it was made anew or cut off"),
        ({**SOUND, "labels": 21}, "labels ends at 20"),
        ({**SOUND, "orders": 3}, "orders, which is followed no more"),
    ],
)
def test_positions_that_their_topics_do_not_know_are_named(known: dict[str, int], says: str) -> None:
    assert says in why(known, timedelta(0))
