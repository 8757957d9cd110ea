"""Sending dead letters again, each to the one agent that failed, and dropping those that nobody will send.

A replay goes to its own topic and partition, as it came and with the time at which it came; its last headers name the
agent that it is for, and every other agent passes it over.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence

from contracts import topics
from streams.engine.dead_letters import Replay
from streams.engine.errors import ConfigError
from streams.engine.kafka import Cluster, Transactions
from streams.engine.records import OutRecord
from streams.letters import INGRESS, Letter, State, mark, read

# What one transaction takes. Most replays are one; letters of 10 MB each must not lie in memory all at once.
BYTES_AT_ONCE = 64 * 1024 * 1024
LETTERS_AT_ONCE = 5_000
# A record older than its topic keeps could be deleted before it is read; a day is more than an agent is behind.
SPARE_MS = topics.DAY_MS


def why_not(letter: Letter) -> str | None:
    """Why this letter cannot be sent again, and what to do instead; None when it can."""
    if letter.agent == INGRESS or letter.topic is None:
        return "it was refused at the door and never stood in a topic: have its sender send it again, put right"
    if "cut" in letter.facts:
        return f"its {letter.facts['cut']} bytes were too many for a letter: they stand at {letter.place} alone"
    if letter.topic.startswith("$timer."):
        return "it stands for a timer, which fires again by itself every hour until its handler succeeds"
    if letter.topic.startswith("$answer."):
        return "it stands for an answer to a call, which is made again by itself an hour later"
    try:
        topic = topics.named(letter.topic)
    except KeyError:
        return f"this release knows no topic {letter.topic!r}: replay it with the release that wrote it"
    # But for a link of a parcel: it is written once, by nobody again, and forgotten a year after its letter is.
    if topic.compacted and topic is not topics.CONSIGNMENTS:
        writers = ", ".join(topic.writers)
        return (
            f"{topic.name} keeps the newest row of each key, and this one could overwrite it: have {writers} write "
            "the row anew"
        )
    return None


def replay_of(letter: Letter, now_ms: int) -> OutRecord:
    """The record as it came, for the agent that failed at it. ValueError where `why_not` has something to say."""
    reason = why_not(letter)
    if reason is not None or letter.topic is None:
        raise ValueError(reason)
    kept_days = topics.named(letter.topic).retention_days
    oldest = 0 if kept_days is None else now_ms - kept_days * topics.DAY_MS + SPARE_MS
    return OutRecord(
        letter.topic,
        letter.key,
        letter.value,
        (*letter.headers, *Replay(letter.offset, letter.attempt, letter.agent).headers),
        partition=int(letter.facts["partition"]),
        # Handlers go by when a record came, as in "within 30 days": a replay must not make it later. A publisher may
        # have written what is no time at all.
        timestamp_ms=min(max(int(letter.facts["timestamp"]), oldest), now_ms),
    )


async def replay(cluster: Cluster, agent: str, offsets: Sequence[int], again: bool = False) -> int:
    """Send these letters again and mark them, both in one transaction; how many that were.

    One that somebody else has marked meanwhile is left out, unless `again`.
    """
    return await _settle(cluster, agent, offsets, State.REPLAYED, again)


async def drop(cluster: Cluster, agent: str, offsets: Sequence[int]) -> int:
    """Mark these letters as of no further use; how many that were. They are kept until their time is over."""
    return await _settle(cluster, agent, offsets, State.DROPPED, again=False)


async def _settle(cluster: Cluster, agent: str, offsets: Sequence[int], state: State, again: bool) -> int:
    # One id for all who do this: who comes later shuts the earlier one out, so that none is sent twice.
    producer = Transactions(cluster, f"dead-letters-{agent}")
    try:
        await producer.open()
        known = await read(cluster, agent)
        done = 0
        for chunk in _chunks(letter for offset in offsets if (letter := known.get(offset))):
            numbers = {letter.offset for letter in chunk}
            letters = [each for each in await _with_values(cluster, agent, numbers, state) if again or _open(each)]
            now_ms = int(time.time() * 1000)
            sent = [replay_of(each, now_ms) for each in letters] if state is State.REPLAYED else []
            if letters:
                await producer.commit([*sent, *mark(agent, letters, state)], {}, agent)
            done += len(letters)
        return done
    finally:
        await producer.close()


async def _with_values(cluster: Cluster, agent: str, offsets: set[int], state: State) -> list[Letter]:
    wanted = offsets if state is State.REPLAYED else set[int]()
    known = await read(cluster, agent, wanted.__contains__)
    return [known[offset] for offset in sorted(offsets) if offset in known]


def _open(letter: Letter) -> bool:
    return letter.state is State.OPEN


def _chunks(letters: Iterable[Letter]) -> Iterator[list[Letter]]:
    chunk: list[Letter] = []
    size = 0
    for letter in letters:
        if chunk and (size + letter.size > BYTES_AT_ONCE or len(chunk) == LETTERS_AT_ONCE):
            yield chunk
            chunk, size = [], 0
        chunk.append(letter)
        size += letter.size
    if chunk:
        yield chunk


def choose(known: dict[int, Letter], offsets: Iterable[int], agent: str) -> list[Letter]:
    """The letters at these offsets. ConfigError names those that are not there."""
    wanted = sorted(set(offsets))
    missing = [offset for offset in wanted if offset not in known]
    if missing:
        names = ", ".join(map(str, missing))
        raise ConfigError(f"no letter {names} of {agent}: `returnstreams dead-letters list --agent {agent}` shows them")
    return [known[offset] for offset in wanted]
