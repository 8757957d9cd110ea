"""A table that every process follows: a row replaces, a tombstone forgets, what cannot be read changes nothing."""

from __future__ import annotations

from contracts import topics
from contracts.retailers import Retailer
from streams.engine.global_table import GlobalTable
from streams.engine.kafka import Cluster
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
