"""return-actions, the ledger: what each returned unit claims and is worth, and the one action that pays it."""

from __future__ import annotations

from datetime import timedelta

from contracts import keys, topics
from contracts.retailers import Watchdogs
from contracts.returns import ReturnDecision, ReturnEvent
from streams.agents.alerts import raise_alert
from streams.domain.ledger import Effects, FactsMissing, Ledger, call, next_watch, sweep, take_decision, take_event
from streams.engine.agent import Agent
from streams.engine.context import Context
from streams.engine.errors import ContractViolation
from streams.engine.records import Event
from streams.engine.timers import Timer

return_actions = Agent("return-actions")
ledgers = return_actions.store("ledger", Ledger, shown=True)
forgetting = return_actions.timer("forget-kept-events")
watchdog = return_actions.timer("watchdog")

# What is still kept is judged by the records' own times; a task that is behind by less than this loses nothing by it.
FORGET_LATER = timedelta(days=3)


@return_actions.on(topics.RETURN_DECISIONS)
def decision_taken(event: Event[ReturnDecision], ctx: Context) -> None:
    """An upload was decided, or its order came: match its units, and pay what is due already."""
    _about_its_key(event, event.value.order_key)
    before = _ledger(ctx, event.key)
    try:
        after, effects = take_decision(before, event.value, event.at, ctx.now)
    except FactsMissing as missing:
        raise ContractViolation(str(missing)) from missing
    _write(ctx, before, after, effects)


@return_actions.on(topics.RETURN_EVENTS)
def event_taken(event: Event[ReturnEvent], ctx: Context) -> None:
    """Something happened to a return of this order: keep it, tell the returns it means, and pay what is due."""
    _about_its_key(event, event.value.order_key)
    before = _ledger(ctx, event.key)
    after, effects = take_event(before, event.value, event.at, ctx.now)
    _write(ctx, before, after, effects)


@forgetting.fires
def forget(timer: Timer, ctx: Context) -> None:
    """Forget events that nobody came for in their time; what acted is never forgotten."""
    _remember(ctx, sweep(_ledger(ctx, timer.key), ctx.now - FORGET_LATER))


@watchdog.fires
def call_for_the_late(timer: Timer, ctx: Context) -> None:
    """Call a person for every return of this order that has waited too long for its next step."""
    before = _ledger(ctx, timer.key)
    after, alerts = call(before, _patience(ctx, timer.key), max(ctx.now, timer.due))
    _write(ctx, before, after, Effects(alerts=alerts))
    if after == before:  # the retailer has become more patient meanwhile
        _watch(ctx, after)


def _patience(ctx: Context, order_key: str) -> Watchdogs:
    """The retailer's times as they are now. A ledger may know of a retailer before this process does."""
    known = ctx.retailers.get(keys.split_order_key(order_key)[0])
    return known.watchdogs if known else Watchdogs()


def _watch(ctx: Context, ledger: Ledger) -> None:
    due = next_watch(ledger, _patience(ctx, ledger.order_key))
    if due is None:
        ctx.cancel_timer(watchdog, ledger.order_key)
    else:
        ctx.set_timer(watchdog, ledger.order_key, due)


def _ledger(ctx: Context, order_key: str) -> Ledger:
    return ctx.get(ledgers, order_key) or Ledger(order_key=order_key)


def _about_its_key(event: Event[ReturnDecision] | Event[ReturnEvent], order_key: str) -> None:
    try:
        retailer, _ = keys.split_order_key(event.key)
    except ValueError as error:
        raise ContractViolation(str(error)) from error
    if order_key != event.key:
        raise ContractViolation(f"the record's key is {event.key!r}, its order_key {order_key!r}: they must be equal")
    if retailer != event.value.retailer:
        raise ContractViolation(f"the record's key is {event.key!r}, but its retailer is {event.value.retailer!r}")


def _write(ctx: Context, before: Ledger, after: Ledger, effects: Effects) -> None:
    if after != before:
        _remember(ctx, after)
    key = after.order_key
    for action in effects.actions:
        ctx.emit(topics.ACTIONS[action.option], action, key=key, id=action.action_id)
    for unit in effects.units:
        row_key = keys.unit_key(key, unit.rma, unit.sku, unit.ordinal)
        ctx.emit(topics.RETURN_UNITS, unit, key=row_key, partition=ctx.partition)
    for alert in effects.alerts:
        raise_alert(
            ctx,
            alert.kind,
            retailer=keys.split_order_key(key)[0],
            order_key=key,
            message=alert.message,
            rma=alert.rma,
            sku=alert.sku,
            ordinal=alert.ordinal,
            about=alert.about,
        )


def _remember(ctx: Context, ledger: Ledger) -> None:
    key = ledger.order_key
    if ledger.empty:
        ctx.delete(ledgers, key)
    else:
        ctx.put(ledgers, key, ledger)
    if ledger.next_expiry is None:
        ctx.cancel_timer(forgetting, key)
    else:
        ctx.set_timer(forgetting, key, ledger.next_expiry + FORGET_LATER)
    _watch(ctx, ledger)
