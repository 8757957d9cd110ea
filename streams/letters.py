"""The dead letters as a person meets them: read from their topics, with what has been done about each.

What was done stands in the same topic, as a record of its own behind the letter: it is kept as long as the letter, and
is written in the transaction of the replay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum

from contracts.envelope import Headers
from streams.engine.dead_letters import FIRST, topic_of
from streams.engine.kafka import Cluster, read_topic
from streams.engine.records import OutRecord, Record

INGRESS = "ingress"
MARK = "dl_mark"
MARKED = "dl_letter"
# The door's letters say so in their first header; there is no record whose place they could tell.
_REFUSED = "dl_reason"


class State(StrEnum):
    """What a person has done about a letter."""

    OPEN = "open"
    REPLAYED = "replayed"
    DROPPED = "dropped"


class Kind(StrEnum):
    """Whose fault it is: the record is wrong, our handler failed, or the door could not use what was signed."""

    POISON = "poison"
    BUG = "bug"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Letter:
    """One dead letter.

    at: when it was written. headers: the record's own. facts: our headers by name, without `dl_`. value: of the record;
    None also where it was not asked for, then `size` (bytes) says how much there is.
    """

    agent: str
    offset: int
    at: datetime
    key: bytes | None
    value: bytes | None
    size: int
    headers: Headers
    facts: Mapping[str, str]
    state: State = State.OPEN

    @property
    def kind(self) -> str:
        """One of Kind, or what a later release calls it."""
        return self.facts.get("kind", Kind.REFUSED)

    @property
    def error(self) -> str:
        """The error's class, or the door's word for it."""
        return self.facts.get("error") or self.facts.get("reason", "")

    @property
    def topic(self) -> str | None:
        """Where the record stood; a `$` first means a timer or an answer. None for what never was in a topic."""
        return self.facts.get("topic")

    @property
    def place(self) -> str:
        """`topic[partition]@offset` of the record."""
        if self.topic is None:
            return f"{self.facts.get('sender', '?')} at the door"
        stood = f"{self.topic}[{self.facts.get('partition')}]"
        return stood if self.topic.startswith("$") else f"{stood}@{self.facts.get('offset')}"

    @property
    def attempt(self) -> int:
        """Which attempt ended in this letter."""
        return int(self.facts.get("attempt", "1"))


@dataclass(frozen=True, slots=True)
class Filter:
    """Which letters are meant; None leaves out nothing. states: empty means all."""

    kind: str | None = None
    error: str | None = None
    key: str | None = None
    since: datetime | None = None
    states: frozenset[State] = frozenset()

    def takes(self, letter: Letter) -> bool:
        """Whether the letter is one of them."""
        return (
            self.kind in (None, letter.kind)
            and self.error in (None, letter.error)
            and (self.key is None or letter.key == self.key.encode())
            and (self.since is None or letter.at >= self.since)
            and (not self.states or letter.state in self.states)
        )


async def read(cluster: Cluster, agent: str, with_value: Callable[[int], bool] = lambda _: False) -> dict[int, Letter]:
    """All letters of an agent by their offsets. with_value: of which the value is kept, for they may be large.

    ConfigError where there is no such topic.
    """
    found: dict[int, Letter] = {}
    async for record in read_topic(cluster, topic_of(agent)):
        done = _mark_in(record)
        if done is None:
            found[record.offset] = letter_of(agent, record, with_value(record.offset))
        elif done[0] in found:
            found[done[0]] = replace(found[done[0]], state=done[1])
    return found


def letter_of(agent: str, record: Record, with_value: bool = True) -> Letter:
    """One record of a dead-letter topic as a letter, open as far as this record says."""
    own, ours = _split(record.headers)
    return Letter(
        agent=agent,
        offset=record.offset,
        at=datetime.fromtimestamp(record.timestamp_ms / 1000, UTC),
        key=record.key,
        value=record.value if with_value else None,
        size=len(record.value or b""),
        headers=own,
        facts={name.removeprefix("dl_"): (raw or b"").decode(errors="replace") for name, raw in ours},
    )


def _split(headers: Headers) -> tuple[Headers, Headers]:
    """The record's own headers, and ours. A sender's may begin with `dl_` too: ours are the last ones."""
    if headers and headers[0][0] == _REFUSED:
        ours = tuple(header for header in headers if header[0].startswith("dl_"))
        return tuple(header for header in headers if header not in ours), ours
    first = max((index for index, (name, _) in enumerate(headers) if name == FIRST), default=len(headers))
    return headers[:first], headers[first:]


def mark(agent: str, letters: Iterable[Letter], state: State) -> list[OutRecord]:
    """What makes these letters be in that state."""
    said = (MARK, state.value.encode())
    return [
        OutRecord(topic_of(agent), each.key, None, (said, (MARKED, str(each.offset).encode())), partition=0)
        for each in letters
    ]


def _mark_in(record: Record) -> tuple[int, State] | None:
    """The letter's offset and its new state; None where the record is a letter itself."""
    if tuple(name for name, _ in record.headers) != (MARK, MARKED):
        return None
    state, offset = (value.decode(errors="replace") for _, value in record.headers)
    return (int(offset), State(state)) if offset.isdigit() and state in set(State) else None
