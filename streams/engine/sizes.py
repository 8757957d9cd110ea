"""What the brokers would never take: a batch with one such record in it fails, is redone, and fails again, for ever.

An input that fits may have an output that does not: a decision explains every unit of an upload, a row keeps all
returns of an order, what waits is kept as text.
"""

from __future__ import annotations

from contracts import topics
from streams.engine.errors import TooLarge
from streams.engine.overlay import Writes
from streams.engine.records import OutRecord

# The framing of a batch (61 bytes) and of a record (some 30, and a few for each header), and the name of a row's store.
FRAMING_BYTES = 4096
MOST_BYTES = topics.MAX_MESSAGE_BYTES - FRAMING_BYTES


def check(emitted: list[OutRecord], writes: Writes) -> None:
    """TooLarge where a record or a row of a handler could never be written."""
    for record in emitted:
        # Of its headers, ours, only the subject is as long as a key. Every record comes by here: no more than that.
        size = len(record.value or b"") + 2 * len(record.key or b"")
        if size > MOST_BYTES:
            raise TooLarge(f"what follows from it is too large: a record for {record.topic} of {size} bytes")
    for store, rows in writes.items():
        for key, row in rows.items():
            if row is not None and not row_fits(key, row):
                raise TooLarge(f"what follows from it is too large: a row of {store} of {len(row)} bytes")


def fits(record: OutRecord) -> bool:
    """Whether the brokers would take this record, whose headers may be a sender's."""
    headers = sum(len(name) + len(value or b"") + 8 for name, value in record.headers)
    return len(record.key or b"") + len(record.value or b"") + headers <= MOST_BYTES


def row_fits(key: str, row: bytes) -> bool:
    """Whether the brokers would take this row, in a changelog."""
    return len(row) + 4 * len(key) <= MOST_BYTES  # a character has four bytes at most
