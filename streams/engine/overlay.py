"""What a batch has changed and not yet committed, laid over the stored rows; one layer more for each record."""

from __future__ import annotations

from collections.abc import Iterator
from heapq import merge
from typing import Protocol

from sortedcontainers import SortedDict, SortedSet

Writes = dict[str, dict[str, bytes | None]]
"""store -> key -> row, None for a deletion."""


class Rows(Protocol):
    """Anything that rows can be read from, by store and key."""

    def get(self, store: str, key: str) -> bytes | None:
        """The row, None where there is none."""

    def scan(self, store: str, prefix: str = "", after: str = "", before: str = "") -> Iterator[tuple[str, bytes]]:
        """All rows of the store whose key begins with `prefix`, in the order of their keys.

        Only those greater than `after` and smaller than `before`, where these are given: what lies beyond,
        deleted rows too, costs nothing.
        """


class Overlay:
    """A layer of changes. Reading falls through to what lies below; `commit_to` moves the layer down one."""

    __slots__ = ("_sorted", "below", "writes")

    def __init__(self, below: Rows) -> None:
        self.below = below
        self.writes: Writes = {}
        # The keys of those stores that were scanned: to sort a batch's keys anew for each record's scan is quadratic.
        self._sorted: dict[str, SortedSet] = {}

    def get(self, store: str, key: str) -> bytes | None:
        """The row as this layer sees it."""
        layer = self.writes.get(store)
        if layer is not None and key in layer:
            return layer[key]
        return self.below.get(store, key)

    def put(self, store: str, key: str, row: bytes | None) -> None:
        """Write a row; None deletes it."""
        self.writes.setdefault(store, {})[key] = row
        if store in self._sorted:
            self._sorted[store].add(key)

    def scan(self, store: str, prefix: str = "", after: str = "", before: str = "") -> Iterator[tuple[str, bytes]]:
        """See Rows. The rows are those of when the first one is asked for, whatever is written meanwhile."""
        layer = self.writes.get(store)
        if not layer:
            yield from self.below.scan(store, prefix, after, before)
            return
        if store not in self._sorted:
            self._sorted[store] = SortedSet(layer)
        changed = {key: layer[key] for key in keys_between(self._sorted[store], prefix, after, before)}
        own = ((key, row) for key, row in changed.items() if row is not None)
        kept = (row for row in self.below.scan(store, prefix, after, before) if row[0] not in changed)
        yield from merge(own, kept, key=lambda row: row[0])

    def net(self) -> Writes:
        """The writes without deletions of rows that lie nowhere below: of what came and went in one batch, nothing."""
        return {
            store: {k: row for k, row in rows.items() if row is not None or self.below.get(store, k) is not None}
            for store, rows in self.writes.items()
        }

    def absorb(self, upper: Overlay) -> None:
        """Take over the changes of the layer above."""
        for store, rows in upper.writes.items():
            self.writes.setdefault(store, {}).update(rows)
            if store in self._sorted:
                self._sorted[store].update(rows)


def keys_between(keys: SortedDict | SortedSet, prefix: str, after: str, before: str) -> Iterator[str]:
    """Those that begin with `prefix`, are greater than `after` and smaller than `before`, in order."""
    behind = bool(after) and after >= prefix
    for key in keys.irange(after if behind else prefix, before or None, inclusive=(not behind, False)):
        if not key.startswith(prefix):
            return
        yield key
