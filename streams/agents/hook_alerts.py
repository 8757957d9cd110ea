"""What tracking-forward calls a person for: a delivery, a stranger's word, a retailer on Loop without a hook."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from contracts.actions import AlertKind
from contracts.model import Instant, Model
from contracts.returns import ReturnEvent
from streams.agents.alerts import foreign_word, raise_alert
from streams.agents.hook_calls import HookCall
from streams.engine.agent import Store, TimerSpec
from streams.engine.context import Context
from streams.engine.outbox import Call
from streams.engine.timers import Timer

# What has no hook today may have none tomorrow, and each of its updates tells the same.
CALLED_EVERY = timedelta(days=1)


class Called(Model):
    """That a person was called because a retailer on Loop has no hook."""

    at: Instant


@dataclass(frozen=True, slots=True)
class Unheard:
    """Updates that go nowhere. called: by retailer; forgetting: when to call again."""

    called: Store[Called]
    forgetting: TimerSpec

    def update(self, event: ReturnEvent, ctx: Context) -> None:
        """A retailer on Loop has no hook: its customers wait for a credit that nothing will bring. Calls once a day."""
        if ctx.get(self.called, event.retailer) is not None:
            return
        ctx.put(self.called, event.retailer, Called(at=ctx.now))
        ctx.set_timer(self.forgetting, event.retailer, ctx.now + CALLED_EVERY)
        _warn(
            ctx,
            AlertKind.HOOK_MISSING,
            event,
            "the retailer is on Loop and has no hook: this update was told to nobody, nor are those to come; "
            "without them Loop issues no credit. Write its hook into the retailers file, and apply that",
        )

    def forget(self, timer: Timer, ctx: Context) -> None:
        """The next such update calls again."""
        ctx.delete(self.called, timer.key)


def warn_of_foreign(ctx: Context, event: ReturnEvent) -> None:
    """Somebody spoke for another's retailer."""
    message = foreign_word(event.source, event.code, event.retailer)
    _warn(ctx, AlertKind.FOREIGN_EVIDENCE, event, message)


def _warn(ctx: Context, kind: AlertKind, event: ReturnEvent, message: str) -> None:
    raise_alert(
        ctx,
        kind,
        retailer=event.retailer,
        order_key=event.order_key,
        rma=event.rma,
        message=message,
        about=event.event_id,
    )


def call_about(ctx: Context, kind: AlertKind, call: Call[HookCall], why: str) -> None:
    """A delivery needs somebody. why: what became of it, in words that go on a sentence."""
    raise_alert(
        ctx,
        kind,
        retailer=call.intent.retailer,
        order_key=call.intent.order_key,
        rma=call.intent.rma,
        message=f"{call.intent.code} was not delivered: {why}; mend the hook, then `returnstreams deliveries replay "
        f"{call.id}` (its webhook-id) sends it once more",
        about=(call.intent.replay or call.id, call.attempt),
    )
