"""tracking-forward: every milestone of a return is told to its retailer's hook, once, in order per order key.

What is told and in which words is decided when the event comes; where it goes to is asked when the call is made, so
that a corrected address serves what is already owed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from contracts import keys, topics
from contracts.actions import AlertKind
from contracts.model import Model
from contracts.retailers import HookFormat, Portal, Schedule
from contracts.returns import Meaning, ReturnEvent
from contracts.tracking import CarrierFormat, Delivery, DeliveryReplay, DeliveryResult
from streams.agents.hook_alerts import Called, Unheard, call_about, warn_of_foreign
from streams.agents.hook_calls import GONE, REFUSALS, HookAnswer, HookCall, is_failing, outcome
from streams.agents.hook_holding import Holding, Parked, Standing
from streams.domain.hook_formats import FORMATS, Format
from streams.domain.milestones import PHYSICAL
from streams.domain.told import Told
from streams.engine.agent import Agent, Outbox, Store, TimerSpec
from streams.engine.breaker import BreakerPolicy
from streams.engine.context import Context
from streams.engine.errors import ContractViolation
from streams.engine.outbox import NEVER, Again, Call, Done, Policy, Verdict
from streams.engine.records import Event
from streams.engine.timers import Timer

__all__ = ["CALL_TIMEOUT_S", "DEFAULT", "HookAnswer", "HookCall", "tracking_forward"]

HOUR_S = 60 * 60
DAY_S = 24 * HOUR_S

# A caller gives up after 15 s; the rest is for its answer to be committed before the call counts as lost.
CALL_TIMEOUT_S = 15 + 5

# Quick where a receiver is only being deployed, patient where it is down: 14 attempts in a week cost nobody anything.
DEFAULT = Policy(
    timeout_s=CALL_TIMEOUT_S,
    delays_s=(5, 30, 120, 600, HOUR_S, 6 * HOUR_S, 12 * HOUR_S, DAY_S),
    give_up_after_s=7 * DAY_S,
    concurrency=64,
    per_lane=16,
    breaker=BreakerPolicy(),
)

# Return events live 90 days; one that is replayed at the very end of them must still be known for a repeat.
REMEMBERED_FOR = timedelta(days=180)
# A return is over in weeks: so its order's time is set once, and not anew with each of its updates.
REMEMBERED_LESS = timedelta(days=30)


class Replayed(Model):
    """The newest request to send a delivery once more."""

    replay: str


class Refusals(Model):
    """How often the call at the head of an order's queue was refused for good reasons."""

    call_id: str
    count: int


@dataclass(frozen=True, slots=True)
class Forwarder:
    """The handlers, with the stores and the outbox they use. schedule: of retailers that have none of their own."""

    told: Store[Told]
    refusals: Store[Refusals]
    replayed: Store[Replayed]
    hook: Outbox[HookCall, HookAnswer]
    schedule: Schedule
    holding: Holding
    unheard: Unheard
    forgetting: TimerSpec
    forgetting_replays: TimerSpec

    def forward(self, event: Event[ReturnEvent], ctx: Context) -> None:
        """Queue what the receiver has not heard yet: the first scan that an event proves, then the event itself."""
        said = event.value
        _must_belong_together(event.key, said)
        if not said.source.speaks_for(said.retailer):
            warn_of_foreign(ctx, said)
            return
        retailer = ctx.retailer(said.retailer)
        hook = retailer.hook
        if hook is None:
            if retailer.portal is Portal.LOOP and any(_milestones(said, FORMATS[HookFormat.OMNIRPS_1])):
                self.unheard.update(said, ctx)
            return
        words = FORMATS[hook.format]
        before = ctx.get(self.told, event.key) or Told()
        told = before.learned(said)
        for meaning in _milestones(said, words):
            told = self._tell(ctx, told, said, meaning, words)
        if told is not before:
            ctx.put(self.told, event.key, told)
            ctx.set_timer(self.forgetting, event.key, ctx.now + REMEMBERED_FOR, slack=REMEMBERED_LESS)

    def _tell(self, ctx: Context, told: Told, event: ReturnEvent, meaning: Meaning, words: Format) -> Told:
        code = words.code(meaning) or ""
        about: tuple[object, ...] = (event.rma,) if event.rma else (None, event.consignment, event.omnirps_no)
        if meaning is Meaning.PROCESSED:
            news = told.of_processing(code, event)
            if news is None:
                return told
            after, items = news
            event = event.model_copy(update={"items": items})
            about = (event.event_id, sorted((keys.folded_sku(i.sku), i.count, i.reason, i.action) for i in items))
        else:
            heard = told.of_milestone(code, event)
            if heard is None:
                return told
            after = heard
        body = words.body(event, meaning)
        if body is None:
            return told
        call = HookCall(retailer=event.retailer, order_key=event.order_key, rma=event.rma, code=code, payload=body)
        ctx.call(self.hook, event.order_key, call, id=keys.fact_id("hook", event.order_key, code, *about))
        return after

    def replay(self, event: Event[DeliveryReplay], ctx: Context) -> None:
        """Queue a delivery once more; one that is parked goes on in its place, one that is owed anyway stays as it is.

        A request that was taken before, or follows one that is not the last, is none.
        """
        asked = event.value
        _must_belong_together(event.key, asked)
        known = ctx.get(self.replayed, asked.delivery_id)
        if known is not None and known.replay != asked.after:
            return
        again = HookCall(
            retailer=asked.retailer,
            order_key=asked.order_key,
            rma=asked.rma,
            code=asked.code,
            payload=list(asked.payload),
            replay=asked.replay,
        )
        if not self.holding.replayed(asked.delivery_id, again, ctx):
            if ctx.owes(self.hook, asked.order_key, asked.delivery_id):
                return
            ctx.call(self.hook, asked.order_key, again, id=asked.delivery_id)
        ctx.put(self.replayed, asked.delivery_id, Replayed(replay=asked.replay))
        ctx.set_timer(self.forgetting_replays, asked.delivery_id, ctx.now + REMEMBERED_FOR)

    def answered(self, call: Call[HookCall], answer: HookAnswer, ctx: Context) -> Verdict:
        """Record the attempt, and say whether there will be another."""
        refused = self._count_refusals(call, answer, ctx)
        schedule = self._schedule(call.intent.retailer, ctx)
        result, at = outcome(schedule, call, answer, ctx.now, refused)
        delivery = Delivery(
            delivery_id=call.id,
            retailer=call.intent.retailer,
            order_key=call.intent.order_key,
            rma=call.intent.rma,
            code=call.intent.code,
            url=answer.url or "",
            attempt=call.attempt,
            result=result,
            status=answer.status,
            error=answer.error,
            at=ctx.now,
            next_at=at,
            duration_ms=answer.duration_ms,
            replay=call.intent.replay,
            payload=tuple(call.intent.payload) if at is None else None,
        )
        life = (call.id,) if call.intent.replay is None else (call.id, call.intent.replay)
        ctx.emit(topics.TRACKING_DELIVERIES, delivery, key=call.key, id=keys.fact_id(*life, call.attempt))
        if at is not None:
            return Again(at)
        ctx.delete(self.refusals, call.key)
        if result is DeliveryResult.GIVEN_UP:
            self._give_up(call, answer, ctx)
            return Again(NEVER)
        if result is DeliveryResult.NO_HOOK:
            call_about(ctx, AlertKind.HOOK_MISSING, call, "the retailer has no hook any more")
        return Done()

    def _give_up(self, call: Call[HookCall], answer: HookAnswer, ctx: Context) -> None:
        """Nothing more is tried without a person, and nothing is dropped."""
        if answer.status != GONE:
            self.holding.park(call, answer, ctx)
            last = f"HTTP {answer.status}" if answer.status is not None else answer.error or "no answer"
            why = f"the last of {call.attempt} attempts ended with {last}; what follows for its order waits"
            call_about(ctx, AlertKind.DELIVERY_GIVEN_UP, call, why)
        elif self.holding.stop(call, answer, ctx):
            why = "the hook answered 410, gone; nothing more is sent to it, and everything stays owed"
            call_about(ctx, AlertKind.HOOK_GONE, call, why)

    def _schedule(self, retailer: str, ctx: Context) -> Schedule:
        """The retailer's as it is now, else the installation's."""
        known = ctx.retailers.get(retailer)
        if known is not None and known.hook is not None and known.hook.schedule is not None:
            return known.hook.schedule
        return self.schedule

    def _count_refusals(self, call: Call[HookCall], answer: HookAnswer, ctx: Context) -> int:
        known = ctx.get(self.refusals, call.key)
        count = known.count if known is not None and known.call_id == call.id else 0
        if answer.status not in REFUSALS:
            return count
        ctx.put(self.refusals, call.key, Refusals(call_id=call.id, count=count + 1))
        return count + 1

    def forget(self, timer: Timer, ctx: Context) -> None:
        """Nobody repeats what is that old."""
        ctx.delete(self.told, timer.key)

    def forget_replay(self, timer: Timer, ctx: Context) -> None:
        """What came of it is long gone from tracking-deliveries, and no request can follow it any more."""
        ctx.delete(self.replayed, timer.key)


def tracking_forward(policy: Policy = DEFAULT) -> Agent:
    """The agent, with another schedule where a demo or a test cannot wait for days."""
    agent = Agent("tracking-forward")
    hook = agent.outbox("hook", HookCall, HookAnswer, policy, lane=_retailer, fails=is_failing)
    holding = Holding(
        parked=agent.store("parked", Parked),
        standings=agent.store("standings", Standing),
        hook=hook,
        looking=agent.timer("looking"),
    )
    unheard = Unheard(agent.store("unheard", Called), agent.timer("unheard"))
    forwarder = Forwarder(
        told=agent.store("told", Told),
        refusals=agent.store("refusals", Refusals),
        replayed=agent.store("replayed", Replayed),
        hook=hook,
        schedule=Schedule(delays_s=policy.delays_s, cap_s=max(policy.delays_s), give_up_after_s=policy.give_up_after_s),
        holding=holding,
        unheard=unheard,
        forgetting=agent.timer("forgetting"),
        forgetting_replays=agent.timer("forgetting-replays"),
    )
    agent.on(topics.RETURN_EVENTS)(forwarder.forward)
    agent.on(topics.TRACKING_REPLAYS)(forwarder.replay)
    hook.answered(forwarder.answered)
    hook.holds(holding.holds)
    holding.looking.fires(holding.look)
    unheard.forgetting.fires(unheard.forget)
    forwarder.forgetting.fires(forwarder.forget)
    forwarder.forgetting_replays.fires(forwarder.forget_replay)
    return agent


def _retailer(order_key: str) -> str:
    """The lane of an order's calls: each retailer's hook is a destination of its own, whatever hosts they share."""
    return keys.split_order_key(order_key)[0]


def _must_belong_together(key: str, said: ReturnEvent | DeliveryReplay) -> None:
    if key != said.order_key or not said.order_key.startswith(f"{said.retailer}/"):
        raise ContractViolation(
            f"key {key!r}, order key {said.order_key!r} and retailer {said.retailer!r} must belong together"
        )


def _milestones(event: ReturnEvent, words: Format) -> Iterator[Meaning]:
    """What an event tells the receiver, in that order. A later physical event implies a first scan that was missed."""
    if event.meaning in PHYSICAL:
        yield Meaning.FIRST_SCAN
    if event.meaning is Meaning.LABEL and event.source.sender == CarrierFormat.OMNIRPS and event.code.upper() == "RC":
        yield Meaning.CREATED
    elif event.meaning is not Meaning.FIRST_SCAN and words.code(event.meaning) is not None:
        yield event.meaning
