"""Dead letters: the record as it came, with headers that say from where, why, and at which attempt.

A replay is the record as it came, written to its topic again for the one agent that failed: its last three headers say
of which letter, after which attempt, and for whom. Every other agent passes it over.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from contracts import topics, trace
from contracts.envelope import Headers
from streams.engine import sizes
from streams.engine.errors import Poison
from streams.engine.records import OutRecord, Record

# Long enough for any message of ours; a header is no place for a body that a library quotes in its error.
MESSAGE_BYTES = 2000

FIRST = "dl_topic"
"""The first header of ours in a letter: what stands before it is the record's own."""
REPLAY_OF = "dl_replay_of"
ATTEMPT = "dl_attempt"
REPLAY_FOR = "dl_replay_for"
CUT = "dl_cut"
"""In a letter that the brokers would not have taken: how large its record was. That one stands in its topic alone."""

_NUMBER = re.compile(rb"[0-9]{1,18}").fullmatch


@dataclass(frozen=True, slots=True)
class Replay:
    """What a replayed record says of itself. of: offset of the letter. attempt: that ended in it. agent: for whom."""

    of: int
    attempt: int
    agent: str

    @property
    def headers(self) -> Headers:
        """As the last headers of the record."""
        return (
            (REPLAY_OF, str(self.of).encode()),
            (ATTEMPT, str(self.attempt).encode()),
            (REPLAY_FOR, self.agent.encode()),
        )


def topic_of(agent: str) -> str:
    """The name of the agent's dead-letter topic."""
    return topics.dead_letters(agent).name


def split_replay(headers: Headers) -> tuple[Headers, Replay | None]:
    """The headers as the record first came, and what makes it a replay; None where it is none."""
    names = tuple(name for name, _ in headers[-3:])
    if names != (REPLAY_OF, ATTEMPT, REPLAY_FOR):
        return headers, None
    # Anybody can write such headers: their values may be null, or numbers that no letter ever had.
    of, attempt, agent = (value or b"" for _, value in headers[-3:])
    if not (_NUMBER(of) and _NUMBER(attempt)):
        return headers, None
    return headers[:-3], Replay(int(of), int(attempt), agent.decode(errors="replace"))


def is_replay(record: Record) -> bool:
    """Whether a letter's record was sent again: what came since may have overtaken it."""
    return split_replay(record.headers)[1] is not None


def is_for_another(agent: str, record: Record) -> bool:
    """Whether this is a replay that another agent asked for. Costs a good record one comparison."""
    if not record.headers or record.headers[-1][0] != REPLAY_FOR:
        return False
    _, replay = split_replay(record.headers)
    return replay is not None and replay.agent != agent


def letter(agent: str, record: Record, error: BaseException) -> OutRecord:
    """The dead letter for a record that `error` ended; without its bytes where they are more than a letter can hold."""
    kind = "poison" if isinstance(error, Poison) else "bug"
    came, replay = split_replay(record.headers)
    attempt = 1 if replay is None else replay.attempt + 1
    headers = (
        (FIRST, record.topic.encode()),
        ("dl_partition", str(record.partition).encode()),
        ("dl_offset", str(record.offset).encode()),
        ("dl_timestamp", str(record.timestamp_ms).encode()),
        ("dl_kind", kind.encode()),
        ("dl_error", type(error).__name__.encode()),
        ("dl_message", _cut(str(error))),
        (ATTEMPT, str(attempt).encode()),
        *(((REPLAY_OF, str(replay.of).encode()),) if replay is not None else ()),
    )
    whole = OutRecord(topic_of(agent), record.key, record.value, (*came, *headers), partition=0)
    if sizes.fits(whole):
        return whole
    size = str(len(record.value or b"")).encode()
    key = record.key if len(record.key or b"") <= MESSAGE_BYTES else None
    return OutRecord(topic_of(agent), key, None, (*headers, (CUT, size)), partition=0)


def _cut(message: str) -> bytes:
    """At most MESSAGE_BYTES of it as UTF-8, never half a character."""
    return message.encode(errors="replace")[:MESSAGE_BYTES].decode(errors="ignore").encode()


def told(agent: str, record: Record, error: BaseException) -> dict[str, object]:
    """The same for a log line: where it stands, and of the error the class alone."""
    came = trace.of(record.headers)
    return {
        **({} if came is None else {"trace_id": came.id}),
        "action": "dead_letter",
        "agent": agent,
        "topic": record.topic,
        "partition": record.partition,
        "offset": record.offset,
        "error": type(error).__name__,
    }
