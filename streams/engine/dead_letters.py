"""Dead letters: the record as it came, with headers that say from where, why, and at which attempt."""

from __future__ import annotations

from streams.engine.errors import Poison
from streams.engine.records import OutRecord, Record

# Long enough for any message of ours; a header is no place for a body that a library quotes in its error.
MESSAGE_BYTES = 2000


def topic_of(agent: str) -> str:
    """The name of the agent's dead-letter topic."""
    return f"dead-letters.{agent}"


def letter(agent: str, record: Record, error: BaseException) -> OutRecord:
    """The dead letter for a record that `error` ended."""
    kind = "poison" if isinstance(error, Poison) else "bug"
    headers = (
        ("dl_topic", record.topic.encode()),
        ("dl_partition", str(record.partition).encode()),
        ("dl_offset", str(record.offset).encode()),
        ("dl_timestamp", str(record.timestamp_ms).encode()),
        ("dl_kind", kind.encode()),
        ("dl_error", type(error).__name__.encode()),
        ("dl_message", _cut(str(error))),
        ("dl_attempt", b"1"),
    )
    return OutRecord(topic_of(agent), record.key, record.value, (*record.headers, *headers), partition=0)


def _cut(message: str) -> bytes:
    """At most MESSAGE_BYTES of it as UTF-8, never half a character."""
    return message.encode(errors="replace")[:MESSAGE_BYTES].decode(errors="ignore").encode()
