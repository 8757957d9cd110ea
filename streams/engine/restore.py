"""Bring a task's rows up to date before it handles anything: by position, never by "the last record seen"."""

from __future__ import annotations

import time
from collections.abc import Container, Iterable, Mapping
from datetime import timedelta

import orjson
import structlog

from contracts.topics import COMPACTED
from streams.engine import mirrors
from streams.engine.agent import Agent
from streams.engine.errors import StateRefused
from streams.engine.kafka import Cluster, reading
from streams.engine.keyvalue import KeyValue
from streams.engine.overlay import Writes
from streams.engine.records import OutRecord, Record

log = structlog.get_logger()

META = "$task"
POSITION = "position"
BIRTH = "partitions"

# A fetch returns earlier when there is something; this is only how long the tail of control records may cost.
_POLL_S = 0.05
_BATCH = 5_000
_PROGRESS_EVERY_S = 5.0
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


async def restore(cluster: Cluster, agent: Agent, partition: int, stored: KeyValue) -> None:
    """Apply what the changelog and the output topics hold beyond the stored positions, up to their ends.

    Rows that this could not bring up to date are dropped first, with those of mirrored topics.
    """
    followed = [*agent.restored_from, *agent.mirrored]
    known = stored.positions()
    reason = outdated(known, stored.age(), *await _bounds(cluster, partition, followed)) if known else None
    if reason is not None:
        place = {"agent": agent.name, "partition": partition}
        log.warning("state is rebuilt from its topics", action="state_rebuilt", **place, reason=reason)
    if reason is not None or not known:
        stored.wipe()
        # Read from the start, a topic still has the deletion of everything that it shows: the age counts from here.
        stored.apply({}, {})
    await _follow(cluster, agent, partition, stored, dict.fromkeys(agent.restored_from))


async def restore_mirrors(
    cluster: Cluster, agent: Agent, partition: int, stored: KeyValue, offsets: Mapping[str, int]
) -> None:
    """Apply what mirrored inputs hold up to the offsets from which the task goes on: the rest is yet to be handled.

    What the task took over no row from, poison and what is parked, gives none here either.
    """
    until = {topic: offsets[topic] for topic in agent.mirrored}
    await _follow(cluster, agent, partition, stored, until, mirrors.untaken(stored))
    stored.apply({}, {})  # only now, for a start that breaks off before leaves rows as old as they were


async def _bounds(cluster: Cluster, partition: int, topics: Iterable[str]) -> tuple[dict[str, int], dict[str, int]]:
    """First and end offsets of one partition of these topics."""
    async with reading(cluster) as reader:
        ends = await reader.assign({(topic, partition): None for topic in topics})
        first = {topic: await reader.position(topic, partition) for topic, _ in ends}
    return first, {topic: end for (topic, _), end in ends.items()}


async def _follow(
    cluster: Cluster,
    agent: Agent,
    partition: int,
    stored: KeyValue,
    until: Mapping[str, int | None],
    without: Container[tuple[str, int]] = (),
) -> None:
    if not until:
        return
    began = time.monotonic()
    known = stored.positions()
    count = 0
    async with reading(cluster) as reader:
        ends = await reader.assign({(topic, partition): known.get(topic) for topic in until})
        left = {topic: (end if (end := until[topic]) is not None else ends[topic, partition]) for topic in until}
        while left := {t: end for t, end in left.items() if await reader.position(t, partition) < end}:
            writes: Writes = {}
            for record in await reader.fetch(_POLL_S, _BATCH):
                if record.offset < left.get(record.topic, 0) and (record.topic, record.offset) not in without:
                    count += 1
                    _row(agent, writes, record)
            reached = {t: min(await reader.position(t, partition), end) for t, end in left.items()}
            stored.apply(writes, reached, caught_up=False)
    log.info(
        "restored",
        action="restored",
        agent=agent.name,
        partition=partition,
        sources=list(until),
        records=count,
        seconds=round(time.monotonic() - began, 3),
    )


def _row(agent: Agent, writes: Writes, record: Record) -> None:
    key = (record.key or b"").decode()
    if record.topic == agent.changelog:
        store, _, key = key.partition("/")
    else:
        store = agent.store_held_in(record.topic)
    writes.setdefault(store, {})[key] = record.value
