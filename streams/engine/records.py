"""Records: as they came, as a handler sees them, and as they will be written."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Generic, NamedTuple, TypeVar

from contracts.envelope import Envelope, Headers
from contracts.topics import Topic

T_co = TypeVar("T_co", covariant=True)


# Named tuples, not frozen dataclasses: they are made in a third of the time, and some are made for every record.


class Record(NamedTuple):
    """One consumed record, its bytes untouched. `topic` is the catalogue's name, without the installation's prefix."""

    topic: str
    partition: int
    offset: int
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: Headers = ()


class Event(NamedTuple, Generic[T_co]):
    """One input as a handler gets it.

    value: decoded; None only for the tombstone of a compacted input.
    envelope: empty attributes where the publisher sent none.
    """

    topic: Topic
    key: str
    value: T_co
    envelope: Envelope
    record: Record

    @property
    def at(self) -> datetime:
        """When the record was written (its broker timestamp), UTC."""
        return datetime.fromtimestamp(self.record.timestamp_ms / 1000, UTC)


class OutRecord(NamedTuple):
    """One record to write. The partition is given, or comes from `partition_key` (murmur2) once the topic is known."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: Headers = ()
    partition_key: bytes | None = None
    partition: int | None = None
    timestamp_ms: int | None = None
