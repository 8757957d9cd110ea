"""A table that every process follows: a row replaces, a tombstone forgets, what cannot be read changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from contracts import topics
from contracts.retailers import Retailer
from streams import event_loop
from streams.engine.global_table import GlobalTable
from streams.engine.kafka import Cluster, Reader
from streams.engine.records import Record
from tests.builders import retailer


def said(value: bytes | None) -> Record:
    return Record(topics.RETAILERS.name, 0, 0, 0, b"acme", value, (("last-version", b"1"),))


def test_a_retailer_goes_and_comes_back_while_the_table_is_followed() -> None:
    table = GlobalTable(Cluster({}, ""), topics.RETAILERS, Retailer)
    table.apply(said(None))  # of one that was removed before this process began
    assert dict(table) == {}

    table.apply(said(retailer(version=1).to_json()))
    table.apply(said(b"{}"))
    assert table["acme"].version == 1

    table.apply(said(None))
    table.apply(said(None))
    assert table.get("acme") is None

    table.apply(said(retailer(version=2).to_json()))
    assert table["acme"].version == 2


class Topic:
    """A reader of one partition that hands out one record at a time; seen: what the table says after each."""

    def __init__(self, table: GlobalTable[Retailer], records: Sequence[Record]) -> None:
        self._table = table
        self._left = list(records)
        self.seen: list[int | None] = []

    async def partitions(self, topic: str) -> list[int]:
        return [0]

    async def assign(self, start: dict[tuple[str, int], int | None]) -> dict[tuple[str, int], int]:
        return dict.fromkeys(start, len(self._left))

    async def position(self, topic: str, partition: int) -> int:
        known = self._table.get("acme")
        self.seen.append(None if known is None else known.version)
        return 0 if self._left else 1_000

    async def fetch(self, timeout_s: float) -> list[Record]:
        return [self._left.pop(0)]


def read(table: GlobalTable[Retailer], *values: bytes | None) -> list[int | None]:
    topic = Topic(table, [said(value) for value in values])
    event_loop.run(table.read_to_end(cast(Reader, topic)))
    return topic.seen


def version(number: int) -> bytes:
    return retailer(version=number).to_json()


def test_no_old_row_is_in_force_while_the_topic_is_read_again() -> None:
    """The brokers were away: what is read first was replaced long ago, by other rules and another hook."""
    table = GlobalTable(Cluster({}, ""), topics.RETAILERS, Retailer)
    read(table, version(1), None, version(2), version(3))
    assert table["acme"].version == 3

    assert read(table, version(1), None, version(2), version(3)) == [3] * 5
    assert table["acme"].version == 3


def test_what_was_removed_while_the_brokers_were_away_is_gone_even_without_its_tombstone() -> None:
    table = GlobalTable(Cluster({}, ""), topics.RETAILERS, Retailer)
    table.apply(said(version(1)))
    read(table, b"{}")
    assert table["acme"].version == 1, "the last good row stays in force where it alone was compacted away"
    read(table)
    assert dict(table) == {}
