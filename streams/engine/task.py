"""The pure half of a task: from inputs to one batch of changes, with no broker and no clock in sight."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import structlog

from contracts import trace
from contracts.controls import TaskPaused
from contracts.retailers import Retailer
from streams.engine import dead_letters, heads, mirrors, outbox, parking, sizes, timers, tracing
from streams.engine.agent import Agent
from streams.engine.context import Cause, Context
from streams.engine.decoding import read_event
from streams.engine.due_calls import DueCalls
from streams.engine.errors import NOBODYS_FAULT, NotYet, Poison, TooLarge
from streams.engine.keyvalue import KeyValue
from streams.engine.lanes import Room, unbounded
from streams.engine.limits import Limits, Tally, announced, lift, new_pause
from streams.engine.outbox import Again, Answer, Call
from streams.engine.overlay import Overlay
from streams.engine.records import Event, OutRecord, Record
from streams.engine.senders import Senders
from streams.engine.timers import Timer
from streams.observability import Step

log = structlog.get_logger()

# A timer or an answer whose handler fails must not be lost, nor come again at once: an hour is time to mend it.
RETRY_AFTER_BUG = timedelta(hours=1)
# A timer of a kind that this release does not know is left to one that does: an upgrade may be rolled back.
UNKNOWN_TIMER_PAUSE = timedelta(hours=1)


@dataclass(slots=True)
class Batch:
    """What one checkpoint will write, all of it or none.

    offsets: next offset to consume, by input topic. starts: calls that may begin once this is committed.
    taken: records and bytes of each input. spans: of the handlers' runs, handed over once this is committed.
    tally: the task's bugs, this batch's among them. poison: records by sender.
    """

    rows: Overlay
    tally: Tally
    emitted: list[OutRecord] = field(default_factory=list)
    offsets: dict[str, int] = field(default_factory=dict)
    starts: list[Call[Any]] = field(default_factory=list)
    records: int = 0
    taken: dict[str, list[int]] = field(default_factory=dict)
    dead: int = 0
    spans: list[Step] = field(default_factory=list)
    poison: Counter[str] = field(default_factory=Counter)

    @property
    def paused(self) -> bool:
        """Whether the task must stand still: nothing more may be handled."""
        return self.tally.pause is not None

    @property
    def empty(self) -> bool:
        """Whether there is nothing to commit."""
        return not (self.rows.writes or self.emitted or self.offsets)


@dataclass(slots=True)
class TaskCore:
    """One partition of one agent: applies handlers to inputs, keeps what they change in a batch.

    retailers: the global table, read live.
    """

    agent: Agent
    partition: int
    stored: KeyValue
    retailers: Mapping[str, Retailer]
    limits: Limits = field(default_factory=Limits)
    _senders: Senders = field(default_factory=Senders)
    calls: DueCalls = field(init=False)

    def __post_init__(self) -> None:
        self.calls = DueCalls(self.agent, self.retailers)

    def begin(self) -> Batch:
        """An empty batch over what is stored."""
        return Batch(Overlay(self.stored), Tally.read(self.stored, self.limits))

    def pause(self) -> TaskPaused | None:
        """Why the task must stand still; None when it may work."""
        return Tally.read(self.stored, self.limits).pause

    def lift(self, batch: Batch) -> None:
        """End the pause, and count bugs anew."""
        if batch.tally.pause is not None:
            batch.emitted.append(lift(batch.rows, batch.tally.pause))
            batch.tally = Tally(self.limits)

    def handle(self, batch: Batch, record: Record, now: datetime) -> None:
        """Take one input record into the batch; whatever is wrong with it, it is consumed."""
        batch.offsets[record.topic] = record.offset + 1
        batch.records += 1
        taken = batch.taken.setdefault(record.topic, [0, 0])
        taken[0] += 1
        taken[1] += len(record.key or b"") + len(record.value or b"")
        if dead_letters.is_for_another(self.agent.name, record) and record.topic not in self.agent.mirrored:
            return
        if parking.is_waiting(batch.rows, record) or not self._process(batch, record, now):
            self._park(batch, record, now)

    def _process(self, batch: Batch, record: Record, now: datetime) -> bool:
        """Run the record's handler. False when it must wait."""
        try:
            model, event = read_event(self.agent.inputs[record.topic], record)
            handler = self.agent.handlers.get((record.topic, model))
            if handler is not None:
                self._attempt(batch, _cause(record, event), now, partial(handler, event))
        except NotYet:
            return False
        except TooLarge as error:  # what it says is true, though what follows from it cannot be written
            self._bury_poison(batch, record, error, now)
        except Poison as error:
            self._bury_poison(batch, record, error, now)
            mirrors.refuse(batch.rows, self.agent, record)
            return True
        except NOBODYS_FAULT:
            raise  # no record's fault: the whole batch is redone
        except Exception as error:  # a bug: this record is undone alone, but what it says is true
            self._bury_bug(batch, record, error, now)
        mirrors.follow(batch.rows, self.agent, record, parking.key_of(record))
        return True

    def _park(self, batch: Batch, record: Record, now: datetime) -> None:
        """Have the record wait; a person has to look after one that is too large for a row."""
        try:
            parking.park(batch.rows, record, now)
        except TooLarge as error:
            self._bury_poison(batch, record, error, now)
            mirrors.refuse(batch.rows, self.agent, record)

    def _attempt(self, batch: Batch, cause: Cause, now: datetime, step: Callable[[Context], None]) -> None:
        """Run a step on a layer of its own, and keep it only if nothing was raised."""
        layer = Overlay(batch.rows)
        span = tracing.begin(self.agent.name, self.partition, cause)
        if span is not None:
            batch.spans.append(span)
            cause = cause._replace(trace=span.trace)
        ctx = Context(self.agent, self.partition, now, self.retailers, layer, cause)
        try:
            step(ctx)
            sizes.check(ctx.emitted, layer.writes)
        except Exception as error:
            tracing.stop(span, error)
            raise
        tracing.stop(span)
        batch.rows.absorb(layer)
        batch.emitted.extend(ctx.emitted)
        batch.tally.good(batch.rows)

    def _bury_poison(self, batch: Batch, record: Record, error: Poison, now: datetime) -> None:
        """Keep what can never be processed. It says nothing against the handlers, and so never pauses the task."""
        sender = self._senders.name(record)
        batch.poison[sender] += 1
        untold = self._senders.worth_a_line(sender, now)
        if untold is not None:
            log.warning(
                "dead letter",
                **dead_letters.told(self.agent.name, record, error),
                kind="poison",
                sender=sender,
                untold=untold,
            )
        self._bury(batch, record, error)

    def _bury_bug(self, batch: Batch, record: Record, error: Exception, now: datetime) -> None:
        """Keep what a handler failed at. Past the limits it is the last one, and the task stands still."""
        log.warning("bug in a handler", **dead_letters.told(self.agent.name, record, error), kind="bug", exc_info=error)
        self._bury(batch, record, error)
        reason = batch.tally.bug(batch.rows)
        if reason is not None and not batch.paused:
            pause = new_pause(self.agent.name, self.partition, now, reason, error)
            batch.tally.stop(batch.rows, pause)
            batch.emitted.append(announced(pause))

    def _bury(self, batch: Batch, record: Record, error: Exception) -> None:
        batch.emitted.append(dead_letters.letter(self.agent.name, record, error))
        batch.dead += 1

    def fire(self, batch: Batch, now: datetime, limit: int, spent: Callable[[], bool] = lambda: False) -> None:
        """Fire the timers that are due, and try again the records whose waiting may be over, until time is `spent`."""
        for timer in timers.due(self.stored, now, limit):
            if not timers.still_set(batch.rows, timer):
                continue
            timers.cancel(batch.rows, timer.name, timer.key)
            if timer.name == parking.TIMER:
                self._retry_parked(batch, timer.key, now, spent)
            elif timer.name in self.agent.timers:
                self._fire(batch, timer, now)
            else:
                log.error("timer of an unknown kind", action="timer_unknown", agent=self.agent.name, timer=timer.name)
                timers.put(batch.rows, timer.name, timer.key, now + UNKNOWN_TIMER_PAUSE, timer.payload)
            if spent():
                return

    def _fire(self, batch: Batch, timer: Timer, now: datetime) -> None:
        handler = self.agent.timers[timer.name].handler
        if handler is None:
            raise RuntimeError(f"{self.agent.name}: timer {timer.name!r} has no handler; decorate one with .fires")
        place = f"timer/{self.partition}/{timer.name}/{timer.key}/{timers.millis(timer.due)}"
        cause = Cause(place, step=f"fire {timer.name}")
        try:
            self._attempt(batch, cause, now, partial(handler, timer))
        except NotYet:
            timers.put(batch.rows, timer.name, timer.key, now + parking.LAST_RETRY, timer.payload)
        except NOBODYS_FAULT:
            raise
        except Exception as error:
            stand_in = self._stand_in(f"$timer.{timer.name}", timer.key, timer.payload, now)
            self._bury_bug(batch, stand_in, error, now)
            timers.put(batch.rows, timer.name, timer.key, now + RETRY_AFTER_BUG, timer.payload)

    def _retry_parked(self, batch: Batch, key: str, now: datetime, spent: Callable[[], bool]) -> None:
        for row_key, record, since in list(parking.waiting(batch.rows, key)):
            if spent():
                timers.put(batch.rows, parking.TIMER, key, now)
                return
            if not self._process(batch, record, now):
                if now - since < parking.LONGEST_WAIT:
                    parking.retry_later(batch.rows, key, since, now)
                    return
                reason = Poison(f"waited {parking.LONGEST_WAIT.days} days for a retailer that never came")
                self._bury_poison(batch, record, reason, now)
            parking.release(batch.rows, row_key)
        parking.drained(batch.rows, key)

    def answer(self, batch: Batch, answers: Iterable[Answer], now: datetime) -> None:
        """Let the agent judge what its calls brought back. An answer that comes too late is nobody's."""
        for given in answers:
            if not outbox.is_current(batch.rows, given.call):
                continue
            handler = self.agent.outboxes[given.call.outbox].handler
            if handler is None:
                raise RuntimeError(f"{self.agent.name}: outbox {given.call.outbox!r} has no handler; use .answered")
            self._judge(batch, given, handler, now)

    def _judge(self, batch: Batch, given: Answer, handler: Callable[..., outbox.Verdict], now: datetime) -> None:
        call = given.call
        cause = Cause(f"answer/{call.outbox}/{call.id}/{call.attempt}", call.trace, step=f"settle {call.outbox}")

        def step(ctx: Context) -> None:
            outbox.settle(ctx.rows, call, handler(call, given.value, ctx), now)

        try:
            self._attempt(batch, cause, now, step)
        except NOBODYS_FAULT:
            raise
        except Exception as error:
            if batch.paused:  # one that was under way: no more letters, and nothing is lost, for the call comes again
                about = {"agent": self.agent.name, "outbox": call.outbox, "attempt": call.attempt}
                log.warning("bug in a handler of a paused task", action="bug_while_paused", **about, exc_info=error)
            else:
                row = given.value.model_dump_json().encode()
                self._bury_bug(batch, self._stand_in(f"$answer.{call.outbox}", call.key, row, now), error, now)
            outbox.settle(batch.rows, call, Again(now + RETRY_AFTER_BUG), now)

    def start_calls(
        self,
        batch: Batch,
        now: datetime,
        free: Mapping[str, int],
        shared: datetime | None = None,
        room: Room = unbounded,
    ) -> None:
        """Record an attempt for each head that is due, as far as there are free places (by outbox) and room (by lane).

        shared: the time from which deadlines count, on a clock that the task's next owner has too; `now` by default.
        """
        for box in self.agent.outboxes.values():
            for key, number in self.calls.due(batch.rows, box, now, free.get(box.name, 0), room):
                if heads.is_head(batch.rows, box.name, key, number, now, box.lane_of(key)):
                    batch.starts.append(outbox.start(batch.rows, box, key, number, now, shared))

    def next_due(self, outboxes: Iterable[str], room: Room = unbounded) -> datetime | None:
        """When something will be due by itself: a timer, or a head of one of these outboxes for which there is room."""
        times = (timers.next_due(self.stored), self.calls.next_due(self.stored, outboxes, room))
        return min((at for at in times if at is not None), default=None)

    def _stand_in(self, topic: str, key: str, value: bytes, now: datetime) -> Record:
        return Record(topic, self.partition, -1, timers.millis(now), key.encode(), value)


def _cause(record: Record, event: Event[Any]) -> Cause:
    envelope = event.envelope
    read = trace.read(envelope.traceparent, envelope.tracestate)
    return Cause(f"{record.topic}/{record.partition}/{record.offset}", read, record)
