"""What waits for a person: an order whose update was refused, and all updates to a hook that said it is gone.

Nothing of it is dropped. It goes on when a person asks for a replay, or changes the retailer's hook.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from itertools import islice

from contracts.model import Model
from streams.agents.hook_calls import HookAnswer, HookCall, version_of
from streams.engine.agent import Outbox, Store, TimerSpec
from streams.engine.context import Context, View
from streams.engine.outbox import Call
from streams.engine.timers import Timer

# A changed hook is noticed by its parked orders after this long at most; a look without a change costs one row.
LOOK_EVERY = timedelta(minutes=5)
# Of a hook with very many, so many are let go in one step.
RELEASED_AT_ONCE = 500


class Parked(Model):
    """The delivery at the head of its order's queue waits, and the later ones with it. hook: version it failed at."""

    call_id: str
    hook: str


class Standing(Model):
    """A hook that something of waits. seen: its version when the parked were last looked through.

    stopped: its version that said it is gone; its calls wait as long as it is that one.
    """

    seen: str
    stopped: str | None = None


@dataclass(frozen=True, slots=True)
class Holding:
    """Which orders and hooks wait. parked: by order key. standings: by retailer."""

    parked: Store[Parked]
    standings: Store[Standing]
    hook: Outbox[HookCall, HookAnswer]
    looking: TimerSpec

    def park(self, call: Call[HookCall], answer: HookAnswer, ctx: Context) -> None:
        """This delivery waits, with all that its order owes behind it. Its call must be set to NEVER."""
        retailer = call.intent.retailer
        current = version_of(ctx.retailers.get(retailer))
        version = answer.hook or current
        ctx.put(self.parked, call.key, Parked(call_id=call.id, hook=version))
        standing = ctx.get(self.standings, retailer)
        if standing is None:
            ctx.put(self.standings, retailer, Standing(seen=version))
            ctx.set_timer(self.looking, retailer, ctx.now + LOOK_EVERY)
        elif version != current and standing.seen == current:
            # The call began before the hook was changed, and the others were let go already: look once more.
            ctx.put(self.standings, retailer, standing.model_copy(update={"seen": version}))

    def stop(self, call: Call[HookCall], answer: HookAnswer, ctx: Context) -> bool:
        """The hook is gone: this delivery waits, and none of its others begins. Whether that is news."""
        self.park(call, answer, ctx)
        retailer = call.intent.retailer
        current = version_of(ctx.retailers.get(retailer))
        version = answer.hook or current
        standing = ctx.get(self.standings, retailer) or Standing(seen=version)
        if standing.stopped in (version, current):
            return False
        ctx.put(self.standings, retailer, standing.model_copy(update={"stopped": version}))
        return True

    def holds(self, retailer: str, view: View) -> bool:
        """Whether the retailer's calls wait."""
        standing = view.get(self.standings, retailer)
        if standing is None or standing.stopped is None:
            return False
        return standing.stopped == version_of(view.retailers.get(retailer))

    def replayed(self, call_id: str, call: HookCall, ctx: Context) -> bool:
        """A person asks for this delivery: its hook is stopped no more. Whether it was parked, and now goes on."""
        standing = ctx.get(self.standings, call.retailer)
        if standing is not None and standing.stopped is not None:
            ctx.put(self.standings, call.retailer, standing.model_copy(update={"stopped": None}))
        parked = ctx.get(self.parked, call.order_key)
        if parked is None or parked.call_id != call_id:
            return False
        ctx.delete(self.parked, call.order_key)
        ctx.try_again(self.hook, call.order_key, call)
        return True

    def look(self, timer: Timer, ctx: Context) -> None:
        """Let go what waits for a hook that a person has changed since."""
        retailer = timer.key
        standing = ctx.get(self.standings, retailer)
        if standing is None:
            return
        version, before = version_of(ctx.retailers.get(retailer)), standing
        if version != standing.seen:
            if self._release(retailer, version, ctx) == RELEASED_AT_ONCE:
                ctx.set_timer(self.looking, retailer, ctx.now)
                return
            stopped = standing.stopped if standing.stopped == version else None
            standing = Standing(seen=version, stopped=stopped)
        if standing.stopped is None and next(ctx.scan(self.parked, f"{retailer}/"), None) is None:
            ctx.delete(self.standings, retailer)
            return
        if standing != before:
            ctx.put(self.standings, retailer, standing)
        ctx.set_timer(self.looking, retailer, ctx.now + LOOK_EVERY)

    def _release(self, retailer: str, version: str, ctx: Context) -> int:
        of_others = (key for key, parked in ctx.scan(self.parked, f"{retailer}/") if parked.hook != version)
        released = list(islice(of_others, RELEASED_AT_ONCE))
        for key in released:
            ctx.delete(self.parked, key)
            ctx.try_again(self.hook, key)
        return len(released)
