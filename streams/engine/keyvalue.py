"""Where the rows of a task lie: one ordered key-value space, here in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Protocol

from sortedcontainers import SortedDict

from streams.engine.clock import Clock, utc_now
from streams.engine.overlay import Writes, keys_between

META = "$task"
"""The store of what the engine itself keeps about a task: how far it is, and what wrote its rows."""


class KeyValue(Protocol):
    """The rows of one task, of all its stores, and how far each source of them has been applied.

    Positions are offsets by topic: of the changelog, and of every topic that a store mirrors. Rows and positions of
    one `apply` become durable together or not at all, so that a restart restores just what is missing.
    """

    def open(self) -> None:
        """Take hold of what is needed, before every restore; what an earlier error has broken is mended or emptied.

        May take long: to be called in a thread. StateInUse while another process has it, StateRefused when it is not
        ours to open.
        """

    def get(self, store: str, key: str) -> bytes | None:
        """The row, None where there is none."""

    def scan(self, store: str, prefix: str = "", after: str = "", before: str = "") -> Iterator[tuple[str, bytes]]:
        """All rows of the store whose key begins with `prefix`, in the order of their keys.

        Only those greater than `after` and smaller than `before`, where these are given: what lies beyond,
        deleted rows too, costs nothing.
        """

    def apply(self, writes: Writes, positions: Mapping[str, int], caught_up: bool = True) -> None:
        """Write rows and positions in one step. caught_up: there is nothing more to apply, so the age begins anew."""

    def positions(self) -> dict[str, int]:
        """Next offset to restore, by topic. Topics never applied are absent."""

    def age(self) -> timedelta | None:
        """How long ago all of its topics were known to be applied; None when they never were."""

    def wipe(self) -> None:
        """Forget everything, to be rebuilt from the changelog. May take long."""

    def close(self) -> None:
        """Release what is held. May take long."""


class MemoryKeyValue:
    """Rows in memory. Lost with the process, so a restart restores everything."""

    def __init__(self, clock: Clock = utc_now) -> None:
        self._clock = clock
        self._stores: dict[str, SortedDict] = {}
        self._positions: dict[str, int] = {}
        self._caught_up: datetime | None = None

    def open(self) -> None:
        """See KeyValue."""

    def get(self, store: str, key: str) -> bytes | None:
        """See KeyValue."""
        rows = self._stores.get(store)
        return None if rows is None else rows.get(key)

    def scan(self, store: str, prefix: str = "", after: str = "", before: str = "") -> Iterator[tuple[str, bytes]]:
        """See KeyValue."""
        rows = self._stores.get(store)
        if rows is None:
            return
        for key in keys_between(rows, prefix, after, before):
            yield key, rows[key]

    def apply(self, writes: Writes, positions: Mapping[str, int], caught_up: bool = True) -> None:
        """See KeyValue."""
        for store, rows in writes.items():
            table = self._stores.setdefault(store, SortedDict())
            for key, row in rows.items():
                if row is None:
                    table.pop(key, None)
                else:
                    # A copy of its own: orjson's and the fetcher's buffers are 4 KB and more for a row of 100 bytes.
                    table[key] = bytes(memoryview(row))
        self._positions.update(positions)
        if caught_up:
            self._caught_up = self._clock()

    def positions(self) -> dict[str, int]:
        """See KeyValue."""
        return dict(self._positions)

    def age(self) -> timedelta | None:
        """See KeyValue."""
        return None if self._caught_up is None else self._clock() - self._caught_up

    def wipe(self) -> None:
        """See KeyValue."""
        self._stores.clear()
        self._positions.clear()
        self._caught_up = None

    def close(self) -> None:
        """See KeyValue."""
