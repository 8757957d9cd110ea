"""Outboxes: calls to the outside, durable, in order per key. What is stored of them, and when a call may start.

A queue is rows `<key>|<number>` holding the intents in order, and its head (`heads`) has a time from which it may be
tried. Starting a call first commits the attempt with its deadline and moves that time to the deadline: whoever owns the
task then, repeats only after it. The answer removes the row or sets a later time.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import orjson

from contracts.model import Model
from contracts.trace import PARENT, STATE, Trace, read
from streams.engine import timers
from streams.engine.breaker import BreakerPolicy
from streams.engine.heads import head_index_of, set_head

if TYPE_CHECKING:
    from streams.engine.agent import Outbox
    from streams.engine.overlay import Overlay, Rows

I = TypeVar("I", bound=Model)  # noqa: E741 - the intent

NUMBER_DIGITS = 12

NEVER = datetime(9999, 1, 1, tzinfo=UTC)
"""From when on a call may be tried that waits for somebody to ask for it."""


@dataclass(frozen=True, slots=True)
class Policy:
    """How an outbox calls.

    timeout_s: after this a call is taken for lost, its task may repeat it; the caller must give up before.
    delays_s: pauses before the second, third, … attempt; the last one is repeated.
    give_up_after_s: from the first attempt on; None never.
    concurrency: calls of one task under way at once; per_lane: of them in one lane, None for all.
    breaker: when a lane's destination is left alone for a while; None for never.
    """

    timeout_s: float
    delays_s: tuple[float, ...]
    give_up_after_s: float | None = None
    concurrency: int = 8
    per_lane: int | None = None
    breaker: BreakerPolicy | None = None

    def delay_s(self, attempt: int) -> float:
        """The pause after the attempt with this number (from 1)."""
        return self.delays_s[min(attempt, len(self.delays_s)) - 1]


@dataclass(frozen=True, slots=True)
class Call(Generic[I]):
    """One attempt.

    id: of the intent, the same for each attempt, for the other side to recognise a repeat.
    attempt: from 1. first_at: when the first attempt began; before: how many there were until then, where somebody had
    it tried anew. deadline: after it the attempt counts as lost. trace: of what queued it. lane: of its key, "" in an
    outbox without lanes.
    """

    outbox: str
    key: str
    number: int
    id: str
    intent: I
    attempt: int
    first_at: datetime
    deadline: datetime
    trace: Trace | None = None
    lane: str = ""
    before: int = 0


@dataclass(frozen=True, slots=True)
class Done:
    """The call has served its purpose, or will never; the next one of its key may start."""


@dataclass(frozen=True, slots=True)
class Again:
    """Try again, not before `at`; later calls of the key wait. At NEVER: when somebody asks for it (`try_again`)."""

    at: datetime


Verdict = Done | Again


@dataclass(frozen=True, slots=True)
class Answer:
    """What a finished call brought back; `value` is of the outbox's answer model."""

    call: Call[Any]
    value: Model


def queue_of(outbox: str) -> str:
    """The store that holds what the outbox owes."""
    return f"$outbox.{outbox}"


def _numbers(outbox: str) -> str:
    return f"$outbox.{outbox}.numbers"


def _written(intent: Model) -> orjson.Fragment:
    """As a part of a row, which takes it as it is."""
    return orjson.Fragment(intent.to_json())


def _row(key: str, number: int) -> str:
    return f"{key}|{number:0{NUMBER_DIGITS}d}"


def append(
    rows: Overlay,
    outbox: str,
    key: str,
    call_id: str,
    intent: Model,
    now: datetime,
    trace: Trace | None = None,
    lane: str = "",
) -> None:
    """Queue an intent behind those of its key."""
    last = rows.get(_numbers(outbox), key)
    number = int(last) + 1 if last else 1
    rows.put(_numbers(outbox), key, str(number).encode())
    stored = {"id": call_id, "intent": _written(intent), "attempt": 0, "queued_at": now.isoformat()}
    if trace is not None:
        stored |= trace.headers
    rows.put(queue_of(outbox), _row(key, number), orjson.dumps(stored))
    if rows.get(head_index_of(outbox), key) is None:
        set_head(rows, outbox, key, number, timers.passed(now), lane)


def start(
    rows: Overlay, outbox: Outbox[Any, Any], key: str, number: int, now: datetime, shared: datetime | None = None
) -> Call[Any]:
    """Record that an attempt begins. The call itself may start only when this is committed.

    shared: the time from which the deadline counts, `now` by default.
    """
    raw = rows.get(queue_of(outbox.name), _row(key, number))
    if raw is None:
        raise RuntimeError(f"outbox {outbox.name}: head {key!r} number {number} has no row")
    stored = orjson.loads(raw)
    stored["attempt"] += 1
    stored.setdefault("first_at", now.isoformat())
    deadline = (shared or now) + timedelta(seconds=outbox.policy.timeout_s)
    rows.put(queue_of(outbox.name), _row(key, number), orjson.dumps(stored))
    lane = outbox.lane_of(key)
    set_head(rows, outbox.name, key, number, timers.stamp(deadline), lane)
    return Call(
        outbox=outbox.name,
        key=key,
        number=number,
        id=stored["id"],
        intent=outbox.intent.model_validate(stored["intent"]),
        attempt=stored["attempt"],
        first_at=datetime.fromisoformat(stored["first_at"]),
        deadline=deadline,
        trace=read(stored.get(PARENT), stored.get(STATE)),
        lane=lane,
        before=stored.get("before", 0),
    )


def owes(rows: Rows, outbox: str, key: str, call_id: str) -> bool:
    """Whether a call of this key with this id is queued or under way."""
    return any(orjson.loads(row)["id"] == call_id for _, row in _of_key(rows, outbox, key))


def is_current(rows: Rows, call: Call[Any]) -> bool:
    """Whether the queue still waits for this very attempt (a later one, or another's answer, overrides it)."""
    raw = rows.get(queue_of(call.outbox), _row(call.key, call.number))
    if raw is None:
        return False
    stored = orjson.loads(raw)
    # An id may come back after its call was done: the first attempt's time tells its lives apart.
    attempt = stored["id"], stored["attempt"], stored.get("first_at")
    return bool(attempt == (call.id, call.attempt, call.first_at.isoformat()))


def settle(rows: Overlay, call: Call[Any], verdict: Verdict, now: datetime) -> None:
    """Take the call off the queue and let the next one of its key start, or set when it is tried again."""
    if isinstance(verdict, Again):
        set_head(rows, call.outbox, call.key, call.number, timers.stamp(verdict.at), call.lane)
        return
    rows.put(queue_of(call.outbox), _row(call.key, call.number), None)
    following = _behind(rows, call)
    if following is None:
        # The queue is empty, and its counter goes with it: an answer is known by its id, never by the number alone.
        rows.put(_numbers(call.outbox), call.key, None)
        set_head(rows, call.outbox, call.key, 0, None, call.lane)
    else:
        set_head(rows, call.outbox, call.key, following, timers.passed(now), call.lane)


def try_again(rows: Overlay, outbox: Outbox[Any, Any], key: str, now: datetime, intent: Model | None = None) -> None:
    """Let the first call of a key, which waits and is not under way, be tried now; its time to give up begins anew.

    intent: what it is to do from now on; its attempts then count anew, too. Nothing happens where nothing is queued.
    """
    head = next(_of_key(rows, outbox.name, key), None)
    if head is None:
        return
    row_key, raw = head
    stored = orjson.loads(raw)
    stored.pop("first_at", None)
    if intent is not None:
        stored |= {"intent": _written(intent), "attempt": 0}
    stored["before"] = stored["attempt"]
    rows.put(queue_of(outbox.name), row_key, orjson.dumps(stored))
    number = int(row_key.rsplit("|", 1)[1])
    set_head(rows, outbox.name, key, number, timers.passed(now), outbox.lane_of(key))


def queued_at(row: bytes) -> datetime | None:
    """When the call in this row was queued; None where a release before wrote it, which did not say."""
    at = orjson.loads(row).get("queued_at")
    return None if at is None else datetime.fromisoformat(at)


def _behind(rows: Rows, call: Call[Any]) -> int | None:
    """The number of the call that follows a key's first one, which has just been taken off; None where none does."""
    last = rows.get(_numbers(call.outbox), call.key)
    if last is not None and int(last) == call.number:
        return None
    # Numbers have no gaps, so this is the next one: to look for it costs many times what to ask for it does.
    if rows.get(queue_of(call.outbox), _row(call.key, call.number + 1)) is not None:
        return call.number + 1
    found = next((row_key for row_key, _ in _of_key(rows, call.outbox, call.key)), None)
    return None if found is None else int(found.rsplit("|", 1)[1])


def _of_key(rows: Rows, outbox: str, key: str) -> Iterator[tuple[str, bytes]]:
    for row_key, row in rows.scan(queue_of(outbox), f"{key}|"):
        # A key may itself hold a bar: only a plain number may follow this one's.
        if row_key[len(key) + 1 :].isdigit():
            yield row_key, row
