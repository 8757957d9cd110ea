"""Header names that are not UTF-8: aiokafka decodes them strictly, and one such record stops whoever reads its topic.

Kafka's protocol says that they are text; the brokers do not look, and clients in C write what they are given. Such a
batch is read once more, by aiokafka's own slower reader, with what is no text as escapes.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import unpack_from
from typing import Any

from aiokafka.consumer import fetcher
from aiokafka.record.default_records import _DefaultRecordBatchPy
from aiokafka.record.memory_records import MemoryRecords

# Of a batch: its first offset (8 bytes) and how long it is from there on (4), then the rest.
_LENGTH_AT, _HEAD = 8, 12


def read_leniently() -> None:
    """From here on, for all consumers of this process: the client has no seam for it."""
    fetcher.MemoryRecords = _Batches


class _Batches(MemoryRecords):  # type: ignore[misc]
    """The batches of a fetch, each with its own bytes at hand."""

    def __init__(self, raw: bytes) -> None:
        super().__init__(raw)
        self._raw = raw
        self._at = 0

    def next_batch(self) -> Any:
        """The next one."""
        start = self._at
        self._at += _HEAD + unpack_from(">i", self._raw, start + _LENGTH_AT)[0]
        return _Batch(super().next_batch(), memoryview(self._raw)[start : self._at])


class _Batch:
    """One batch as aiokafka has it, but for its records."""

    __slots__ = ("_batch", "_raw")

    def __init__(self, batch: Any, raw: memoryview) -> None:
        self._batch = batch
        self._raw = raw

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def __next__(self) -> Any:
        return next(self._batch)

    def __iter__(self) -> Iterator[Any]:
        try:
            yield from self._batch
        except UnicodeDecodeError:
            again = _DefaultRecordBatchPy(self._raw)
            again._maybe_uncompress()
            again._buffer = _Escaping(again._buffer)
            yield from again  # the consumer passes over what it has had already


class _Escaping(bytearray):
    """Bytes that decode into text whatever they are."""

    def __getitem__(self, at: Any) -> Any:
        found = super().__getitem__(at)
        return _Escaping(found) if isinstance(at, slice) else found

    def decode(self, encoding: str = "utf-8", errors: str = "backslashreplace") -> str:
        """As text, what is none as escapes."""
        return super().decode(encoding, "backslashreplace")
