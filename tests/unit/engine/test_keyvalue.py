"""What every place for rows must do, whichever it is: a new one joins FACTORIES and passes all of this."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from streams.engine.clock import Clock, utc_now
from streams.engine.keyvalue import KeyValue, MemoryKeyValue
from streams.engine.rocks import RocksStorage

Factory = Callable[[Clock], AbstractContextManager[KeyValue]]


@contextmanager
def memory(clock: Clock) -> Iterator[KeyValue]:
    yield MemoryKeyValue(clock)


@contextmanager
def rocks(clock: Clock) -> Iterator[KeyValue]:
    with tempfile.TemporaryDirectory() as root:
        made = RocksStorage(Path(root), clock=clock)("agent", 0)
        yield made
        made.close()


FACTORIES: list[Factory] = [memory, rocks]

each_kind = pytest.mark.parametrize("factory", FACTORIES, ids=lambda f: f.__name__)


@pytest.fixture(params=FACTORIES, ids=lambda f: f.__name__)
def rows(request: pytest.FixtureRequest) -> Iterator[KeyValue]:
    factory: Factory = request.param
    with factory(utc_now) as made:
        yield made


def test_a_new_one_is_empty(rows: KeyValue) -> None:
    assert rows.get("s", "a") is None
    assert list(rows.scan("s")) == []
    assert rows.positions() == {}


def test_rows_of_stores_with_the_same_keys_are_apart(rows: KeyValue) -> None:
    rows.apply({"s": {"a": b"1"}, "st": {"a": b"2"}, "s|a": {"": b"3"}}, {})

    assert [rows.get("s", "a"), rows.get("st", "a"), rows.get("s|a", "")] == [b"1", b"2", b"3"]
    assert list(rows.scan("s")) == [("a", b"1")]


def test_an_empty_row_is_not_a_missing_one(rows: KeyValue) -> None:
    rows.apply({"s": {"a": b""}}, {})

    assert rows.get("s", "a") == b""


def test_deleting_what_is_not_there_is_nothing(rows: KeyValue) -> None:
    rows.apply({"s": {"a": None}, "t": {}}, {"changelog": 7})

    assert list(rows.scan("s")) == []


def test_rows_are_copies_of_what_was_written(rows: KeyValue) -> None:
    buffer: Any = bytearray(b"first")  # stands for the fetcher's buffers, which are used again
    rows.apply({"s": {"a": buffer}}, {})
    buffer[:] = b"later"

    assert rows.get("s", "a") == b"first"


def test_positions_are_replaced_topic_by_topic(rows: KeyValue) -> None:
    rows.apply({}, {"changelog": 3, "orders": 9})
    rows.apply({}, {"changelog": 5})
    rows.positions()["changelog"] = 99

    assert rows.positions() == {"changelog": 5, "orders": 9}


def test_wiped_means_rows_and_positions(rows: KeyValue) -> None:
    rows.apply({"s": {"m": b"1"}}, {"changelog": 3})
    assert list(rows.scan("s")) == [("m", b"1")]
    rows.wipe()

    assert rows.get("s", "m") is None
    assert rows.positions() == {}
    assert rows.age() is None
    rows.apply({"s": {"b": b"2"}}, {"changelog": 1})
    assert list(rows.scan("s")) == [("b", b"2")]


def test_a_scan_that_nobody_finished_harms_nothing(rows: KeyValue) -> None:
    rows.apply({"s": {f"{n:04}": b"x" for n in range(3000)}}, {})
    begun = rows.scan("s")
    assert next(begun) == ("0000", b"x")
    rows.wipe()
    rows.apply({"s": {"b": b"2"}}, {})

    assert list(rows.scan("s")) == [("b", b"2")]


def test_long_scans_are_whole(rows: KeyValue) -> None:
    keys = [f"{n:05}" for n in range(5000)]
    rows.apply({"s": dict.fromkeys(keys, b"x"), "t": {"0": b"y"}}, {})

    assert [key for key, _ in rows.scan("s")] == keys
    assert [key for key, _ in rows.scan("s", "012")] == keys[1200:1300]
    assert [key for key, _ in rows.scan("s", "012", "01249")] == keys[1250:1300]
    assert [key for key, _ in rows.scan("s", after="01249x")] == keys[1250:]


def test_opening_is_asked_for_before_every_restore_and_changes_nothing(rows: KeyValue) -> None:
    for n in range(3):
        rows.open()
        rows.apply({"s": {str(n): b"1"}}, {"changelog": n})
    rows.wipe()
    rows.open()
    assert rows.positions() == {}
    rows.apply({"s": {"a": b"1"}}, {"changelog": 7})
    rows.open()

    assert list(rows.scan("s")) == [("a", b"1")]
    assert rows.positions() == {"changelog": 7}


def test_closing_twice_is_nothing(rows: KeyValue) -> None:
    rows.apply({"s": {"a": b"1"}}, {})
    rows.close()
    rows.close()


@each_kind
def test_the_age_counts_from_when_all_was_applied(factory: Factory) -> None:
    now = datetime(2026, 11, 1, 12, tzinfo=UTC)
    with factory(lambda: now) as rows:
        assert rows.age() is None
        rows.apply({"s": {"a": b"1"}}, {"changelog": 1}, caught_up=False)
        assert rows.age() is None
        rows.apply({}, {"changelog": 2})
        now += timedelta(days=3)
        assert rows.age() == timedelta(days=3)
        rows.apply({}, {"changelog": 3}, caught_up=False)
        assert rows.age() == timedelta(days=3)
        rows.apply({}, {})
        assert rows.age() == timedelta(0)


@each_kind
@settings(deadline=None)  # a database is opened and closed each time
@given(
    batches=st.lists(
        st.dictionaries(
            st.sampled_from(["s", "$t"]),
            st.dictionaries(st.text(alphabet="ab|/\u00e9\U0001f600", max_size=3), st.none() | st.binary(max_size=3)),
        ),
        max_size=5,
    ),
    prefix=st.text(alphabet="ab|\u00e9", max_size=2),
    after=st.text(alphabet="ab|/\u00e9\U0001f600", max_size=3),
    before=st.text(alphabet="ab|/\u00e9\U0001f600", max_size=3),
)
def test_scans_follow_the_order_of_the_keys(
    factory: Factory, batches: list[dict[str, dict[str, bytes | None]]], prefix: str, after: str, before: str
) -> None:
    model: dict[tuple[str, str], bytes | None] = {}
    with factory(utc_now) as rows:
        for writes in batches:
            rows.apply(writes, {})
            model |= {(store, key): row for store, changed in writes.items() for key, row in changed.items()}
            for store in ("s", "$t"):
                expected = sorted((k, r) for (s, k), r in model.items() if s == store and r is not None)
                assert list(rows.scan(store)) == expected
                begin_so = [(k, r) for k, r in expected if k.startswith(prefix)]
                assert list(rows.scan(store, prefix)) == begin_so
                behind = [(k, r) for k, r in begin_so if k > after or not after]
                assert list(rows.scan(store, prefix, after)) == behind
                assert list(rows.scan(store, prefix, after, before)) == [
                    p for p in behind if p[0] < before or not before
                ]
                assert list(rows.scan(store, before=before)) == [p for p in expected if p[0] < before or not before]
                assert list(rows.scan(store)) == expected
