"""Bring a task's rows up to date before it handles anything: by position, never by "the last record seen"."""

from __future__ import annotations

import time
from collections.abc import Container, Iterable, Mapping

import structlog

from streams.engine import mirrors
from streams.engine.agent import Agent
from streams.engine.kafka import Cluster, reading
from streams.engine.keyvalue import KeyValue
from streams.engine.overlay import Writes
from streams.engine.positions import outdated
from streams.engine.records import Record

log = structlog.get_logger()

# A fetch returns earlier when there is something; this is only how long the tail of control records may cost.
_POLL_S = 0.05
_BATCH = 5_000


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
