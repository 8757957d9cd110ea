"""Records that wait for a retailer: whole, in order per key, and no other key with them."""

from __future__ import annotations

from datetime import timedelta

from streams.engine import parking
from streams.engine.keyvalue import MemoryKeyValue
from streams.engine.overlay import Overlay
from streams.engine.records import Record
from tests.unit.engine.toys import START, Number, record

HOUR = timedelta(hours=1)


def parked(rows: Overlay, key: str) -> list[tuple[str, int]]:
    return [(r.topic, r.offset) for _, r, _ in parking.waiting(rows, key)]


def test_a_record_is_kept_whole() -> None:
    rows = Overlay(MemoryKeyValue())
    came = Record("numbers", 3, 17, 5, "schlüssel".encode(), b"\x00\xff", (("a", b"\xff"), ("a", b"")))
    parking.park(rows, came, START)

    assert [r for _, r, _ in parking.waiting(rows, "schlüssel")] == [came]


def test_keys_that_look_like_rows_of_others_stay_apart() -> None:
    rows = Overlay(MemoryKeyValue())
    keys = ["a", "a|2.5", "a|1793534400000.x", "a|", "a|000000000000001.numbers", "|"]
    for offset, key in enumerate(keys):
        parking.park(rows, record(Number(), key=key.encode(), offset=offset), START)

    assert {key: parked(rows, key) for key in keys} == {key: [("numbers", i)] for i, key in enumerate(keys)}


def test_a_clock_that_jumps_back_does_not_turn_the_order_round() -> None:
    rows = Overlay(MemoryKeyValue())
    parking.park(rows, record(Number(), offset=1), START)
    parking.park(rows, record(Number(), offset=2), START - HOUR)
    parking.park(rows, record(Number(), offset=3), START + HOUR)

    assert parked(rows, "k") == [("numbers", 1), ("numbers", 2), ("numbers", 3)]


def test_a_key_waits_until_its_last_record_is_through() -> None:
    rows = Overlay(MemoryKeyValue())
    assert not parking.is_waiting(rows, record(Number()))
    parking.park(rows, record(Number()), START)

    assert parking.is_waiting(rows, record(Number(), offset=1))
    assert not parking.is_waiting(rows, record(Number(), key=b"k|"))
    assert not parking.is_waiting(rows, record(Number(), key=None))
    assert not parking.is_waiting(rows, record(Number(), key=b"\xff"))
