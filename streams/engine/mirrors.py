"""Which records of a mirrored input left no row: a restore reads the same topic, and must come to the same rows."""

from __future__ import annotations

from streams.engine import parking
from streams.engine.agent import Agent
from streams.engine.overlay import Overlay, Rows
from streams.engine.records import Record

REFUSED = "$refused"


def follow(rows: Overlay, agent: Agent, record: Record, key: str) -> None:
    """Take the record over as the row of its key, where its topic is mirrored."""
    if _mirrored(agent, record):
        rows.put(record.topic, key, record.value)


def refuse(rows: Overlay, agent: Agent, record: Record) -> None:
    """Remember that this record is poison: the last good row of its key stays in force."""
    if _mirrored(agent, record):
        rows.put(REFUSED, f"{record.topic}|{record.offset}", b"")


def untaken(rows: Rows) -> set[tuple[str, int]]:
    """Topic and offset of every record that left no row: refused, or parked and yet to be handled."""
    refused = (key.split("|") for key, _ in rows.scan(REFUSED))
    return {(topic, int(offset)) for topic, offset in refused} | parking.offsets(rows)


def _mirrored(agent: Agent, record: Record) -> bool:
    store = agent.stores.get(record.topic)
    return store is not None and store.mirrors is not None
