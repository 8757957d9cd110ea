"""What a batch has changed and not yet committed, laid over the stored rows; one layer more for each record."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import merge
from typing import Protocol

Writes = dict[str, dict[str, bytes | None]]
"""store -> key -> row, None for a deletion."""


class Rows(Protocol):
    """Anything that rows can be read from, by store and key."""

    def get(self, store: str, key: str) -> bytes | None:
        """The row, None where there is none."""

    def scan(self, store: str, prefix: str = "") -> Iterator[tuple[str, bytes]]:
        """All rows of the store whose key begins with `prefix`, in the order of their keys."""


class Overlay:
    """A layer of changes. Reading falls through to what lies below; `commit_to` moves the layer down one."""

    __slots__ = ("below", "writes")

    def __init__(self, below: Rows) -> None:
        self.below = below
        self.writes: Writes = {}

    def get(self, store: str, key: str) -> bytes | None:
        """The row as this layer sees it."""
        layer = self.writes.get(store)
        if layer is not None and key in layer:
            return layer[key]
        return self.below.get(store, key)

    def put(self, store: str, key: str, row: bytes | None) -> None:
        """Write a row; None deletes it."""
        self.writes.setdefault(store, {})[key] = row

    def scan(self, store: str, prefix: str = "") -> Iterator[tuple[str, bytes]]:
        """The rows with this prefix as this layer sees them, in the order of their keys."""
        layer = self.writes.get(store)
        if not layer:
            yield from self.below.scan(store, prefix)
            return
        changed = dict(layer)
        own = sorted((k, v) for k, v in changed.items() if v is not None and k.startswith(prefix))
        kept = ((k, v) for k, v in self.below.scan(store, prefix) if k not in changed)
        yield from merge(own, kept, key=lambda row: row[0])

    def absorb(self, upper: Overlay) -> None:
        """Take over the changes of the layer above."""
        for store, rows in upper.writes.items():
            self.writes.setdefault(store, {}).update(rows)
