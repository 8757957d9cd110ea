"""order-reconcile: every hour each retailer's orders are compared with the shop's; a person hears of what was missed.

It reads the retailers and nothing else, so one task does it for the installation. A call does the comparing, and goes
on where the last one ended: how far it is stands in `order-cursors`, where the command has it too.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from contracts import keys, topics
from contracts.actions import AlertKind
from contracts.model import Instant, Model
from contracts.retailers import Retailer
from streams.agents.alerts import raise_alert
from streams.engine.agent import Agent, Outbox, Store, TimerSpec
from streams.engine.context import Context
from streams.engine.outbox import Again, Call, Done, Policy, Verdict
from streams.engine.records import Event
from streams.engine.timers import Timer

NAME = "order-reconcile"
EVERY_S = 60 * 60.0
# An hour's webhooks of a busy shop are thousands; ten lost ones are more than an accident.
MISSED_AT_MOST = 10
# A caller stops after 20 minutes, with all that it did stored; the rest is for its answer to be committed.
CALL_TIMEOUT_S = 21 * 60.0
POLICY = Policy(timeout_s=CALL_TIMEOUT_S, delays_s=(60, 300, 1800), give_up_after_s=6 * 60 * 60, concurrency=4)


class Reconcile(Model):
    """Compare this retailer's orders with the shop's."""

    retailer: str


class Reconciled(Model):
    """What a call did. finished: False where its time was up before it was through.

    checked, missed: changes looked at, and those that no webhook had brought. until: how far it is.
    error: why it could not go on. wanted: False where the retailer has no access to its shop, or is gone.
    """

    finished: bool = True
    checked: int = 0
    missed: int = 0
    until: Instant | None = None
    error: str | None = None
    wanted: bool = True


class Watched(Model):
    """A retailer whose orders are reconciled. missed: in the run that is under way."""

    missed: int = 0


@dataclass(frozen=True, slots=True)
class _Reconciling:
    watched: Store[Watched]
    calls: Outbox[Reconcile, Reconciled]
    due: TimerSpec
    every: timedelta
    missed_at_most: int

    def applied(self, event: Event[Retailer | None], ctx: Context) -> None:
        """A retailer with a secret of its shop is reconciled from now on; one that is gone is not."""
        retailer = event.value
        if retailer is None or retailer.shopify.secret_ref is None:
            ctx.delete(self.watched, event.key)
            ctx.cancel_timer(self.due, event.key)
        elif ctx.get(self.watched, event.key) is None:
            ctx.put(self.watched, event.key, Watched())
            ctx.set_timer(self.due, event.key, ctx.now + self.every)

    def run(self, timer: Timer, ctx: Context) -> None:
        """It is time."""
        ident = keys.fact_id(NAME, timer.key, ctx.now.isoformat())
        ctx.call(self.calls, timer.key, Reconcile(retailer=timer.key), id=ident)

    def answered(self, call: Call[Reconcile], answer: Reconciled, ctx: Context) -> Verdict:
        """Go on, try again, or wait for the next time; tell a person what webhooks missed, and what cannot be done."""
        watched = ctx.get(self.watched, call.key)
        if watched is None or not answer.wanted:
            ctx.delete(self.watched, call.key)
            return Done()
        missed = watched.missed + answer.missed
        if answer.error is None and not answer.finished:
            ctx.put(self.watched, call.key, Watched(missed=missed))
            return Again(ctx.now)
        if answer.error is not None:
            ctx.put(self.watched, call.key, Watched(missed=missed))
            at = ctx.now + timedelta(seconds=self.calls.policy.delay_s(call.attempt))
            if not _is_up(self.calls.policy, call, at):
                return Again(at)
            _call_about_failure(call, answer.error, ctx)
        elif missed > self.missed_at_most:
            _call_about_missed(call, missed, ctx)
        ctx.put(self.watched, call.key, Watched())
        ctx.set_timer(self.due, call.key, ctx.now + self.every)
        return Done()


def order_reconcile(every_s: float = EVERY_S, missed_at_most: int = MISSED_AT_MOST, policy: Policy = POLICY) -> Agent:
    """The agent. every_s: between the end of a run and the next one. missed_at_most: changes that webhooks may miss in
    one run before a person is called."""
    agent = Agent(NAME)
    reconciling = _Reconciling(
        watched=agent.store("watched", Watched),
        calls=agent.outbox("reconcile", Reconcile, Reconciled, policy),
        due=agent.timer("due"),
        every=timedelta(seconds=every_s),
        missed_at_most=missed_at_most,
    )
    agent.on(topics.RETAILERS)(reconciling.applied)
    reconciling.due.fires(reconciling.run)
    reconciling.calls.answered(reconciling.answered)
    return agent


def _is_up(policy: Policy, call: Call[Reconcile], at: datetime) -> bool:
    return policy.give_up_after_s is not None and at > call.first_at + timedelta(seconds=policy.give_up_after_s)


def _call_about_missed(call: Call[Reconcile], missed: int, ctx: Context) -> None:
    raise_alert(
        ctx,
        AlertKind.ORDERS_MISSED,
        retailer=call.intent.retailer,
        order_key=keys.order_key(call.intent.retailer, "?orders"),
        message=f"webhooks missed {missed} changes of orders; they were fetched, but the next ones will be late too: "
        f"run `returnstreams subscriptions audit --retailer {call.intent.retailer}`",
        about=call.id,
    )


def _call_about_failure(call: Call[Reconcile], error: str, ctx: Context) -> None:
    raise_alert(
        ctx,
        AlertKind.ORDERS_NOT_RECONCILED,
        retailer=call.intent.retailer,
        order_key=keys.order_key(call.intent.retailer, "?orders"),
        message=f"the orders could not be compared with the shop's in {call.attempt} attempts; the last met: {error}; "
        "what webhooks lose is missing until that is mended",
        about=call.id,
    )
