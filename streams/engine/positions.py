"""How far a task has come: what its rows say, what its group says, and when it must not begin."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import orjson
import structlog

from contracts.topics import COMPACTED
from streams.engine.agent import Agent
from streams.engine.errors import StateRefused
from streams.engine.keyvalue import KeyValue
from streams.engine.overlay import Writes
from streams.engine.records import OutRecord

log = structlog.get_logger()

META = "$task"
POSITION = "position"
BIRTH = "partitions"

# A deletion can be read for so long after the rows before it are gone. Rows from before that may have been deleted
# without a trace. Less an hour, for the reading itself and for a clock that was set.
_CLOCK_MARGIN = timedelta(hours=1)
OLDEST = timedelta(milliseconds=int(COMPACTED["delete.retention.ms"])) - _CLOCK_MARGIN


def changelog_records(agent: Agent, partition: int, writes: Writes) -> list[OutRecord]:
    """The batch's rows as records of the agent's changelog: key `<store>/<key>`, a deletion as a tombstone.

    Rows of stores that another topic already holds are left out.
    """
    elsewhere = {store.name for store in agent.stores.values() if store.changelog or store.mirrors}
    return [
        OutRecord(agent.changelog, f"{store}/{key}".encode(), row, partition=partition)
        for store, rows in writes.items()
        if store not in elsewhere
        for key, row in rows.items()
    ]


def consumed(stored: KeyValue) -> dict[str, int]:
    """Next offset to consume by input topic, as the changelog knows it. Empty for a task that never committed."""
    row = stored.get(META, POSITION)
    return {} if row is None else orjson.loads(row)


def note_consumed(stored: KeyValue, writes: Writes, offsets: Mapping[str, int], partitions: int) -> None:
    """Write the consumed offsets and the partition count into the batch itself."""
    meta = writes.setdefault(META, {})
    meta[POSITION] = orjson.dumps({**consumed(stored), **offsets})
    meta[BIRTH] = str(partitions).encode()


def check_partitions(agent: Agent, stored: KeyValue, counts: Mapping[str, int]) -> int:
    """The number of partitions, if all inputs agree on it and the task was born with it; else StateRefused."""
    if len(set(counts.values())) != 1 or 0 in counts.values():
        raise StateRefused(
            f"{agent.name}: its inputs must have the same number of partitions, but have {dict(counts)}; "
            "run `returnstreams topics plan`"
        )
    count = next(iter(counts.values()))
    born = stored.get(META, BIRTH)
    if born is not None and int(born) != count:
        raise StateRefused(
            f"{agent.name}: its state was made with {int(born)} partitions, its inputs now have {count}: keys lie "
            "elsewhere now, and what was decided would be decided again. Use a new topic set: decision 0003"
        )
    return count


def rows_lag(group: Mapping[str, int | None], changelog: Mapping[str, int]) -> bool:
    """Whether the group has come further than the restored rows know. Both are written in one transaction, so either
    the changelog was not read to its real end, or somebody set the group's offset forward by hand."""
    return any(offset is not None and offset > changelog.get(topic, offset) for topic, offset in group.items())


def starting_offsets(
    agent: Agent,
    partition: int,
    group: Mapping[str, int | None],
    changelog: Mapping[str, int],
    first: Mapping[str, int],
    end: Mapping[str, int],
) -> dict[str, int]:
    """Where to begin each input: at the larger of the group's offset and the changelog's.

    Both are written in one transaction. Where the group's is missing or smaller, it was lost or set back, and to go by
    either could repeat what was done: StateRefused. So does an input that ends before it: its records are others now.
    """
    offsets: dict[str, int] = {}
    for topic, committed in group.items():
        known = changelog.get(topic)
        place = f"{agent.name}: {topic}[{partition}]"
        if known is not None and (committed is None or committed < known):
            raise StateRefused(
                f"{place}: the group's offset is {committed}, but the changelog says {known} was reached: it was "
                f"lost or set back. Set the group's offset to {known} or above to go on without repeating anything"
            )
        if known is None and committed is not None and committed > first[topic]:
            raise StateRefused(
                f"{place}: the group has come to offset {committed}, but the changelog {agent.changelog} knows nothing "
                "of it: it was lost. Restore the changelog, or begin with a new prefix"
            )
        start = max(committed or 0, known or 0)
        if known is not None and start > known:
            log.warning("offset set forward", action="offset_forward", place=place, reached=known, start=start)
        if start > end[topic]:
            raise StateRefused(
                f"{place}: offset {start} was reached, but the topic ends at {end[topic]}: it was made anew or cut "
                "off, and what is written to it now would be skipped. Begin with a new prefix"
            )
        if start < first[topic]:
            if start:
                log.error(
                    "records lost to retention", action="retention_gap", place=place, from_=start, to=first[topic]
                )
            start = first[topic]
        offsets[topic] = start
    return offsets


def outdated(
    known: Mapping[str, int], age: timedelta | None, first: Mapping[str, int], end: Mapping[str, int]
) -> str | None:
    """Why rows at these positions cannot be brought up to date by what their topics hold; None when they can.

    age: since all topics were applied to their ends. first and end: offsets of the topics that the task restores from.
    """
    for topic, offset in known.items():
        if topic not in end:
            return f"it holds rows of {topic}, which is followed no more: if it ever is again, they are old"
        if offset < first[topic]:
            return f"{topic} begins at {first[topic]} now, above the position {offset}"
        if offset > end[topic]:
            return f"{topic} ends at {end[topic]}, below the position {offset}: it was made anew or cut off"
        if offset < end[topic] and (age is None or not -_CLOCK_MARGIN <= age < OLDEST):
            return f"{topic} was last applied {age} ago, and may have dropped deletions since"
    return None
