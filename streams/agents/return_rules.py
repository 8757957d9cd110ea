"""return-rules: which option each returned unit gets, and why, decided once from the upload and its order alone."""

from __future__ import annotations

from contracts import topics
from contracts.actions import AlertKind
from contracts.keys import (
    LONGEST_IDENTIFIER,
    LONGEST_TRACKING_NUMBER,
    consignment_key,
    fact_id,
    is_identifier,
    order_key,
    tracking_key,
)
from contracts.orders import Order
from contracts.retailers import freeze
from contracts.returns import EventItem, Meaning, ReturnEvent, ReturnUpload
from contracts.tracking import Consignment, Source
from streams.agents.alerts import raise_alert
from streams.domain.kept_returns import OrderReturns, parcels
from streams.engine.agent import Agent
from streams.engine.context import Context
from streams.engine.dead_letters import is_replay
from streams.engine.errors import ContractViolation
from streams.engine.records import Event
from streams.engine.timers import Timer

AGENT = Agent("return-rules")
returns = AGENT.store("returns", OrderReturns)
orders = AGENT.mirror(topics.ORDERS, Order)
hold = AGENT.timer("hold")
forgetting = AGENT.timer("forgetting")

# OmniRPS's code for a return that was created; its other codes come from the hub.
RETURN_CREATED = "RC"


@AGENT.on(topics.RETURN_UPLOADS)
def take_upload(event: Event[ReturnUpload], ctx: Context) -> None:
    """The first upload freezes the settings; an upload seen before changes nothing, any other replaces the units."""
    upload, rma = event.value, event.value.rma.strip()
    _check(event.key, upload)
    if upload.source is not None and not upload.source.speaks_for(upload.retailer):
        _refuse(event, upload.source, ctx)
        return
    known = ctx.get(returns, event.key) or OrderReturns()
    if known.repeats(upload):
        return
    before = known.of(rma) or known.first(rma, freeze(ctx.retailer(upload.retailer)), event.at)
    order = ctx.get(orders, event.key)
    # A person sends again what failed, perhaps long after the customer has changed it: that must not bring it back.
    overtaken = is_replay(event.record) and event.at < before.last_upload_at
    after = before.knowing(upload) if overtaken else before.taking(upload, event.at, order)
    if before.revision == 0:
        _tell_created(event, ctx)
    _link(event, [key for key in after.consignments if key not in before.consignments], ctx)
    _conclude(event.key, known, known.having(after).with_order(order), order, ctx)


@AGENT.on(topics.ORDERS)
def decide_waiting(event: Event[Order | None], ctx: Context) -> None:
    """When an order arrives, every return that waits for it is decided. What is decided stays, whatever comes later."""
    known = ctx.get(returns, event.key)
    if known is not None and event.value is not None:
        _conclude(event.key, known, known.with_order(event.value), event.value, ctx)


@hold.fires
def give_up(timer: Timer, ctx: Context) -> None:
    """When the order has not come in time, that is a state which a person sees (the ledger calls one)."""
    known = ctx.get(returns, timer.key)
    if known is not None:
        _conclude(timer.key, known, known.after_holds(max(ctx.now, timer.due)), None, ctx)


@forgetting.fires
def forget(timer: Timer, ctx: Context) -> None:
    """Long after its last upload a return is forgotten, and its parcels are no longer its own."""
    known = ctx.get(returns, timer.key)
    if known is None:
        return
    left = known.forgetting(max(ctx.now, timer.due))
    for gone in known.returns:
        for parcel in gone.consignments if left.of(gone.rma) is None else ():
            link = consignment_key(parcel, timer.key, gone.rma)
            ctx.forget(topics.CONSIGNMENTS, key=link, partition_key=parcel)
    _keep(timer.key, known, left, ctx)


def _conclude(key: str, before: OrderReturns, after: OrderReturns, order: Order | None, ctx: Context) -> None:
    """Keep what changed, and tell of each changed return, in the sequence of first uploads, how many more follow."""
    earlier = {known.rma: known for known in before.returns}
    changed = [r for r in after.returns if r.rma not in earlier or r.revision != earlier[r.rma].revision]
    for more, known in zip(reversed(range(len(changed))), changed, strict=True):
        parcels_before = earlier[known.rma].consignments if known.rma in earlier else ()
        ctx.emit(topics.RETURN_DECISIONS, known.told(key, order, more, parcels_before), key=key)
    _keep(key, before, after, ctx)


def _keep(key: str, before: OrderReturns, after: OrderReturns, ctx: Context) -> None:
    if after == before:
        return
    ctx.put(returns, key, after)
    for timer, was, due in (
        (hold, before.next_hold_end, after.next_hold_end),
        (forgetting, before.next_forgotten, after.next_forgotten),
    ):
        if due is None:
            ctx.cancel_timer(timer, key)
        elif due != was:
            ctx.set_timer(timer, key, due)


def _link(event: Event[ReturnUpload], tracking_keys: list[str], ctx: Context) -> None:
    upload, rma, spelt = event.value, event.value.rma.strip(), parcels(event.value)
    for parcel in tracking_keys:
        link = Consignment(
            tracking_number=spelt[parcel],
            tracking_key=parcel,
            retailer=upload.retailer,
            order_key=event.key,
            rma=rma,
            linked_at=event.at,
            awaited=True,
        )
        ctx.emit(topics.CONSIGNMENTS, link, key=consignment_key(parcel, event.key, rma), partition_key=parcel)


def _tell_created(event: Event[ReturnUpload], ctx: Context) -> None:
    """A return is created once: its edits are told in decisions only, for the format knows no change of a return."""
    upload, rma = event.value, event.value.rma.strip()
    parcel, number = next(iter(parcels(upload).items()), (None, ""))
    created = ReturnEvent(
        event_id=fact_id(event.key, rma, "created"),
        retailer=upload.retailer,
        order_key=event.key,
        rma=rma,
        consignment=parcel,
        consignment_no=number,
        meaning=Meaning.CREATED,
        code=RETURN_CREATED,
        at=event.at,
        items=tuple(EventItem(sku=u.sku.strip(), reason=u.reason, action=u.return_action) for u in upload.units),
        source=upload.source or Source(sender=AGENT.name, account="upstream", retailers=(upload.retailer,)),
    )
    ctx.emit(topics.RETURN_EVENTS, created, key=event.key, id=created.event_id)


def _refuse(event: Event[ReturnUpload], source: Source, ctx: Context) -> None:
    upload = event.value
    raise_alert(
        ctx,
        AlertKind.FOREIGN_EVIDENCE,
        retailer=upload.retailer,
        order_key=event.key,
        rma=upload.rma.strip(),
        message=f"an upload from {source.account!r}, which may not speak for {upload.retailer!r}, was dropped",
        about=source.account,
    )


def _check(key: str, upload: ReturnUpload) -> None:
    expected = order_key(upload.retailer, upload.order_name)
    if key != expected or "/" in upload.retailer or expected == f"{upload.retailer}/":
        raise ContractViolation(f"key {key!r} does not fit the upload: it must be {expected!r}, no part of it blank")
    skus = [(f"/units/{index}/sku", unit.sku) for index, unit in enumerate(upload.units)]
    for pointer, text in [("/order_name", upload.order_name), ("/rma", upload.rma), *skus]:
        if not is_identifier(text):
            raise ContractViolation(
                f"{pointer} is blank, longer than {LONGEST_IDENTIFIER} characters, or holds control characters"
            )
    for index, number in enumerate(upload.consignments):
        if not 0 < len(tracking_key(number)) <= LONGEST_TRACKING_NUMBER:
            wrong = f"is blank, or longer than {LONGEST_TRACKING_NUMBER} characters"
            raise ContractViolation(f"/consignments/{index} {wrong}")
