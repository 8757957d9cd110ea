"""How far a task has come: what its rows say, what its group says, and when it must not begin."""

from __future__ import annotations

from collections.abc import Container, Mapping
from datetime import timedelta

import orjson
import structlog

from contracts.topics import COMPACTED
from streams.engine import metrics
from streams.engine.agent import Agent
from streams.engine.errors import StateRefused
from streams.engine.kafka import Committed
from streams.engine.keyvalue import META, KeyValue
from streams.engine.overlay import Writes
from streams.engine.records import OutRecord

log = structlog.get_logger()

POSITION = "position"
BIRTH = "partitions"

# A deletion can be read for so long after the rows before it are gone. Rows from before that may have been deleted
# without a trace. Less an hour, for the reading itself and for a clock that was set.
_CLOCK_MARGIN = timedelta(hours=1)
OLDEST = timedelta(milliseconds=int(COMPACTED["delete.retention.ms"])) - _CLOCK_MARGIN
# Behind a task's last record lies the end of its transaction. Another one would take two offsets at least: where there
# is but one, nothing was written since.
_MARKER = 1


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
    """Write the consumed offsets into the batch itself, and at first the partition count."""
    meta = writes.setdefault(META, {})
    meta[POSITION] = orjson.dumps({**consumed(stored), **offsets})
    if stored.get(META, BIRTH) is None:
        meta[BIRTH] = str(partitions).encode()


def applied(
    agent: Agent, partition: int, ends: Mapping[tuple[str, int], int], offsets: Mapping[str, int]
) -> dict[str, int]:
    """How far the rows stand after a batch in every topic that they can be restored from.

    ends: behind what the batch wrote, by topic and partition. offsets: which it consumed.
    """
    written = {topic: end for (topic, p), end in ends.items() if topic in agent.restored_from and p == partition}
    return written | {topic: offset for topic, offset in offsets.items() if topic in agent.mirrored}


def keep(agent: Agent, stored: KeyValue, handled: Mapping[str, int]) -> None:
    """Note how far mirrored inputs were handled: a position that is the end does not grow old while nothing comes,
    and behind the last record of a transaction lies its end."""
    known = stored.positions()
    moved = {topic: handled[topic] for topic in agent.mirrored if handled.get(topic, 0) > known.get(topic, 0)}
    if moved:
        stored.apply({}, moved, caught_up=False)


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


def rows_lag(group: Mapping[str, Committed | None], changelog: Mapping[str, int]) -> bool:
    """Whether the group has come further than the restored rows know. Both are written in one transaction, so either
    the changelog was not read to its real end, or it has lost it, or somebody set the group's offset by hand."""
    return any(
        known is not None and known.offset > changelog.get(topic, known.offset) for topic, known in group.items()
    )


def starting_offsets(
    agent: Agent,
    partition: int,
    group: Mapping[str, Committed | None],
    changelog: Mapping[str, int],
    first: Mapping[str, int],
    end: Mapping[str, int],
) -> dict[str, int]:
    """Where to begin each input: at the larger of the group's offset and the changelog's.

    Both are written in one transaction. Where they differ, rows or offsets were lost, and to go on by either could
    repeat what was done: StateRefused. Only an offset that somebody set forward by hand is taken at its word. An input
    that ends before it is refused too: its records are others now.
    """
    offsets: dict[str, int] = {}
    for topic, committed in group.items():
        known = changelog.get(topic)
        place = f"{agent.name}: {topic}[{partition}]"
        start = _agreed(agent, place, committed, known, first[topic])
        if start > end[topic]:
            raise StateRefused(
                f"{place}: offset {start} was reached, but the topic ends at {end[topic]}: it was made anew or cut "
                "off, and what is written to it now would be skipped. Begin with a new prefix"
            )
        if 0 < start < first[topic]:
            gap = {"place": place, "from_": start, "to": first[topic]}
            log.error("records lost to retention", action="retention_gap", **gap)
            metrics.RETENTION_GAPS.labels(agent.name, topic).inc(first[topic] - start)
        offsets[topic] = max(start, first[topic])
    return offsets


def _agreed(agent: Agent, place: str, committed: Committed | None, known: int | None, first: int) -> int:
    offset = None if committed is None else committed.offset
    ours = committed is not None and committed.ours
    if known is None:
        if offset is not None and (ours or offset > first):
            raise StateRefused(
                f"{place}: the group has come to offset {offset}, but the changelog {agent.changelog} knows nothing "
                "of it: it was lost. Restore the changelog, or begin with a new prefix"
            )
        return offset or 0
    if offset is None or offset < known:
        raise StateRefused(
            f"{place}: the group's offset is {offset}, but the changelog says {known} was reached: it was "
            f"lost or set back. Set the group's offset to {known} or above to go on without repeating anything"
        )
    if offset > known and ours:
        raise StateRefused(
            f"{place}: this agent has committed offset {offset}, but its changelog {agent.changelog} ends at {known}: "
            "its last rows were lost, and what they decided could be done again. Restore the changelog; or, once you "
            f"know what {known} to {offset - 1} did, set the group's offset to {offset} by hand to go on without"
        )
    if offset > known:
        log.warning("offset set forward", action="offset_forward", place=place, reached=known, start=offset)
    return offset


def outdated(
    known: Mapping[str, int],
    age: timedelta | None,
    first: Mapping[str, int],
    end: Mapping[str, int],
    own: Container[str] = (),
) -> str | None:
    """Why rows at these positions cannot be brought up to date by what their topics hold; None when they can.

    age: since all topics were applied to their ends. first and end: offsets of the topics that the task restores from.
    own: those that only this task writes to.
    """
    for topic, offset in known.items():
        if topic not in end:
            return f"it holds rows of {topic}, which is followed no more: if it ever is again, they are old"
        if offset < first[topic]:
            return f"{topic} begins at {first[topic]} now, above the position {offset}"
        if offset > end[topic]:
            return f"{topic} ends at {end[topic]}, below the position {offset}: it was made anew or cut off"
        missed = end[topic] - offset - (_MARKER if topic in own else 0)
        if missed > 0 and (age is None or not -_CLOCK_MARGIN <= age < OLDEST):
            return f"{topic} was last applied {age} ago, and may have dropped deletions since"
    return None
