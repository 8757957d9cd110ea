"""Bring a task's rows up to date before it handles anything: by position, never by "the last record seen"."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Container, Mapping, Sequence
from weakref import WeakKeyDictionary

import structlog

from streams.engine import metrics, mirrors
from streams.engine.agent import Agent
from streams.engine.kafka import Reader, Row
from streams.engine.keyvalue import KeyValue
from streams.engine.overlay import Writes
from streams.engine.positions import outdated
from streams.engine.threads import in_thread

log = structlog.get_logger()

# A fetch returns earlier when there is something; this is only how long the tail of control records may cost.
_POLL_S = 0.05
# How many are read and applied at once: 10 ms of rows of 0.5 KB, for which the loop stands still.
AT_ONCE = 1_000
PROGRESS_EVERY_S = 5.0

# Of all tasks of a loop one at a time opens, or reads and applies: in turns, and all else that waits comes in between.
_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = WeakKeyDictionary()


async def restore(reader: Reader, agent: Agent, partition: int, stored: KeyValue) -> None:
    """Apply what the changelog and the output topics hold beyond the stored positions, up to their ends.

    Rows that this could not bring up to date are dropped first, with those of mirrored topics.
    """
    known = stored.positions()
    reason = await _why_not(reader, agent, partition, stored) if known else None
    if reason is not None:
        place = {"agent": agent.name, "partition": partition}
        log.warning("state is rebuilt from its topics", action="state_rebuilt", **place, reason=reason)
    if reason is not None or not known:
        await in_thread(stored.wipe)
        await in_thread(stored.open)
        # Read from the start, a topic still has the deletion of everything that it shows: the age counts from here.
        stored.apply({}, {})
    await _follow(reader, agent, partition, stored, dict.fromkeys(agent.restored_from))


async def restore_mirrors(
    reader: Reader, agent: Agent, partition: int, stored: KeyValue, offsets: Mapping[str, int]
) -> None:
    """Apply what mirrored inputs hold up to the offsets from which the task goes on: the rest is yet to be handled.

    What the task took over no row from, poison and what is parked, gives none here either.
    """
    until = {topic: offsets[topic] for topic in agent.mirrored}
    await _follow(reader, agent, partition, stored, until, mirrors.untaken(stored))
    stored.apply({}, {})  # only now, for a start that breaks off before leaves rows as old as they were


async def _why_not(reader: Reader, agent: Agent, partition: int, stored: KeyValue) -> str | None:
    topics = [*agent.restored_from, *agent.mirrored]
    first, end = await reader.bounds([(topic, partition) for topic in topics])
    firsts, ends = ({topic: offset for (topic, _), offset in side.items()} for side in (first, end))
    return outdated(stored.positions(), stored.age(), firsts, ends, agent.restored_from)


async def _follow(
    reader: Reader,
    agent: Agent,
    partition: int,
    stored: KeyValue,
    until: Mapping[str, int | None],
    without: Container[tuple[str, int]] = (),
) -> None:
    if not until:
        return
    known = stored.positions()
    ends = await reader.assign({(topic, partition): known.get(topic) for topic in until})
    left = {topic: (end if (end := until[topic]) is not None else ends[topic, partition]) for topic in until}
    progress = Progress(agent, partition, left)
    stores = {topic: None if topic == agent.changelog else agent.store_held_in(topic) for topic in until}
    at = {topic: await reader.position(topic, partition) for topic in until}
    if any(known.get(topic) != offset for topic, offset in at.items()):
        stored.apply({}, at, caught_up=False)  # an empty one is known too, wherever it begins
    progress.report(at)
    while left := {topic: end for topic, end in left.items() if at[topic] < end}:
        # Waits for the first only; all the work is done when it is this task's turn.
        found = [await reader.rows(_POLL_S, 1)]
        async with turn():
            found.append(await reader.rows(0, AT_ONCE))
            writes: Writes = {}
            for (topic, _), records in (item for part in found for item in part.items()):
                if topic in left:
                    progress.count += _take(writes, stores[topic], topic, records, left[topic], without)
            at = {topic: await reader.position(topic, partition) for topic in left}
            stored.apply(writes, {topic: min(at[topic], end) for topic, end in left.items()}, caught_up=False)
            progress.report(at)
            await asyncio.sleep(0)  # within the turn: the others wait, and all that is no restore goes on
    progress.end()


def turn() -> asyncio.Lock:
    """Of this loop: for what makes it stand still for tens of milliseconds."""
    return _turns.setdefault(asyncio.get_running_loop(), asyncio.Lock())


def _take(
    writes: Writes, store: str | None, topic: str, records: Sequence[Row], end: int, without: Container[tuple[str, int]]
) -> int:
    """The rows of these records, below `end`; how many. store: whose they are, None where each key says it."""
    count = 0
    rows = writes.setdefault(store, {}) if store is not None else {}
    for record in records:
        if record.offset >= end or (topic, record.offset) in without:
            continue
        count += 1
        key = (record.key or b"").decode()
        if store is None:
            name, _, key = key.partition("/")
            rows = writes.setdefault(name, {})
        rows[key] = record.value
    return count


class Progress:
    """How far a restore is, for who waits for it: in the log and as metrics.

    Remaining are offsets, which compaction and control records leave gaps in: it is at most so many records.
    """

    def __init__(self, agent: Agent, partition: int, until: Mapping[str, int]) -> None:
        self.count = 0
        self._until = dict(until)
        self._log = log.bind(agent=agent.name, partition=partition, sources=list(until))
        self._remaining = metrics.RESTORE_REMAINING.labels(agent.name, str(partition))
        self._records = metrics.RESTORE_RECORDS.labels(agent.name, str(partition))
        self._counted = 0
        self._began = self._said = time.monotonic()
        self._said_count = 0

    def report(self, at: Mapping[str, int]) -> None:
        """Say so, every few seconds. at: positions reached, by topic; a topic that is not there is at its end."""
        remaining = sum(max(0, end - at.get(topic, end)) for topic, end in self._until.items())
        self._remaining.set(remaining)
        self._records.inc(self.count - self._counted)
        self._counted = self.count
        since = time.monotonic() - self._said
        if remaining and since >= PROGRESS_EVERY_S:
            rate = round((self.count - self._said_count) / since)
            self._said, self._said_count = time.monotonic(), self.count
            self._log.info("restoring", action="restoring", records=self.count, per_s=rate, remaining=remaining)

    def end(self) -> None:
        """All of it is there."""
        self.report({})
        seconds = round(time.monotonic() - self._began, 3)
        self._log.info("restored", action="restored", records=self.count, seconds=seconds)
