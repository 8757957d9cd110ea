"""Records that wait for something not known yet: kept whole in a store, tried again later, in order per key."""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterator
from datetime import datetime, timedelta

import orjson

from streams.engine import sizes, timers
from streams.engine.errors import TooLarge
from streams.engine.overlay import Overlay, Rows
from streams.engine.records import Record

PARKED = "$parked"
# Of each key that waits, the time under which its last record stands: a clock that jumps back must not turn the order
# round, and whether a key waits is asked for every record.
WAITING = "$parked-keys"
TIMER = "$parked"

# A retailer that is applied a moment after the first upload should not cost a minute; one that never comes, little.
FIRST_RETRY = timedelta(seconds=1)
LAST_RETRY = timedelta(minutes=1)
# The inputs themselves are kept 14 days; a record that waited half of that is for a person.
LONGEST_WAIT = timedelta(days=7)


def key_of(record: Record) -> str:
    """Whose queue the record joins. Keys that are not UTF-8 never get here: they are poison."""
    return (record.key or b"").decode()


def is_waiting(rows: Rows, record: Record) -> bool:
    """Whether earlier records of its key wait, so that this one must wait behind them."""
    try:
        return record.key is not None and rows.get(WAITING, key_of(record)) is not None
    except UnicodeDecodeError:
        return False


def park(rows: Overlay, record: Record, now: datetime) -> None:
    """Keep the record behind those of its key, and try again soon. TooLarge where it is too large for a row."""
    key = key_of(record)
    last = rows.get(WAITING, key)
    since = max(timers.stamp(now), last.decode() if last else "")
    row_key, row = f"{key}|{since}.{record.topic}.{record.offset:020d}", _encode(record)
    if not sizes.row_fits(row_key, row):
        raise TooLarge(f"must wait, and is too large for that: a row of {len(row)} bytes")
    rows.put(WAITING, key, since.encode())
    rows.put(PARKED, row_key, row)
    if last is None:
        timers.put(rows, TIMER, key, now + FIRST_RETRY)


def waiting(rows: Rows, key: str) -> Iterator[tuple[str, Record, datetime]]:
    """The parked records of a key (row key, record, since when), in the order in which they came."""
    for row_key, row in rows.scan(PARKED, f"{key}|"):
        place = row_key[len(key) + 1 :]
        # A key may itself hold a bar; what follows this one's own never does.
        if "|" not in place:
            yield row_key, _decode(row), timers.instant(place.split(".", 1)[0])


def release(rows: Overlay, row_key: str) -> None:
    """The record no longer waits."""
    rows.put(PARKED, row_key, None)


def retry_later(rows: Overlay, key: str, since: datetime, now: datetime) -> None:
    """Try again after a pause that grows with the time already waited."""
    pause = min(LAST_RETRY, max(FIRST_RETRY, (now - since) / 2))
    timers.put(rows, TIMER, key, now + pause)


def drained(rows: Overlay, key: str) -> None:
    """No record of this key waits any more."""
    rows.put(WAITING, key, None)


def offsets(rows: Rows) -> set[tuple[str, int]]:
    """Topic and offset of every parked record."""
    places = (row_key.rsplit("|", 1)[1].split(".", 1)[1] for row_key, _ in rows.scan(PARKED))
    return {(topic, int(offset)) for topic, _, offset in (place.rpartition(".") for place in places)}


def _text(raw: bytes | None) -> str | None:
    return None if raw is None else b64encode(raw).decode()


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else b64decode(text)


def _encode(record: Record) -> bytes:
    headers = [[name, _text(value)] for name, value in record.headers]
    fields = (record.topic, record.partition, record.offset, record.timestamp_ms)
    return orjson.dumps([*fields, _text(record.key), _text(record.value), headers])


def _decode(row: bytes) -> Record:
    topic, partition, offset, timestamp_ms, key, value, headers = orjson.loads(row)
    pairs = tuple((name, _bytes(raw) or b"") for name, raw in headers)
    return Record(topic, partition, offset, timestamp_ms, _bytes(key), _bytes(value), pairs)
