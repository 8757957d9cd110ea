"""carrier-scans: what carriers and the hub say of parcels becomes events of the returns in them, each once.

A parcel's events are kept for 30 days from their first arrival, so that a return linked later gets them too. Which
links were told is never stored: an event and a link meet when the later of the two arrives, and only then.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from contracts import keys, topics
from contracts.actions import AlertKind
from contracts.model import Instant, Model
from contracts.returns import Meaning, ReturnEvent
from contracts.tracking import CarrierFormat, CarrierReport, Consignment, Source
from streams.agents.alerts import foreign_word, raise_alert
from streams.domain.fields import BadField
from streams.domain.parcel_events import (
    OF_ONE_RETURN,
    ParcelEvent,
    addressed,
    larger_counts,
    moment,
    parcel_events,
)
from streams.engine.agent import Agent
from streams.engine.context import Context
from streams.engine.dead_letters import is_replay
from streams.engine.errors import ContractViolation
from streams.engine.records import Event
from streams.engine.timers import Timer

# A label is often scanned before its return is uploaded; after a month nobody uploads it any more.
KEPT_FOR = timedelta(days=30)


class Kept(Model):
    """One event of a parcel.

    arrived: the record's time of its first arrival; repeats do not move it. sources: who told it.
    event: without its return. order_no: the order it names, "" for any.
    link: the consignment key it was attributed to, if it speaks of one return; ambiguous: of several it fitted.
    """

    identity: str
    format: CarrierFormat
    arrived: Instant
    sources: tuple[Source, ...]
    event: ReturnEvent
    order_no: str = ""
    link: str | None = None
    ambiguous: bool = False

    @property
    def expires(self) -> datetime:
        """From then on it is as if it had never come."""
        return self.arrived + KEPT_FOR

    def source_for(self, link: Consignment) -> Source | None:
        """Who may tell this return of it: the first that speaks for its retailer; None where nobody may."""
        if self.order_no and keys.order_name(self.order_no) != keys.split_order_key(link.order_key)[1]:
            return None
        return next((source for source in self.sources if source.speaks_for(link.retailer)), None)

    def told_again(self, said: ParcelEvent) -> Kept:
        """With what a repeat adds: a source that speaks for others, larger counts. Usually nothing."""
        items, source = larger_counts(self.event.items, said.event.items), said.event.source
        changes: dict[str, object] = {}
        if items != self.event.items:
            changes["event"] = self.event.model_copy(update={"items": items})
        if not any(all(map(known.speaks_for, source.retailers)) for known in self.sources):
            changes["sources"] = (*self.sources, source)
        return self.model_copy(update=changes) if changes else self


class Parcel(Model):
    """All kept events of one tracking key. warned: `<account>|<retailer>` that an alert was raised for."""

    kept: tuple[Kept, ...] = ()
    warned: tuple[str, ...] = ()


carrier_scans = Agent("carrier-scans")
links = carrier_scans.mirror(topics.CONSIGNMENTS, Consignment)
parcels = carrier_scans.store("parcels", Parcel)
expiry = carrier_scans.timer("expiry")


@carrier_scans.on(topics.CARRIER_EVENTS)
def take_report(event: Event[CarrierReport], ctx: Context) -> None:
    """Keep what is new of it, and tell every return that the parcel is known to carry."""
    report, tracking = event.value, event.key
    if not 0 < len(tracking) <= keys.LONGEST_TRACKING_NUMBER:
        raise ContractViolation(f"the key is blank, or longer than {keys.LONGEST_TRACKING_NUMBER} characters")
    if tracking != keys.tracking_key(report.tracking_number):
        raise ContractViolation(
            f"key {tracking!r} is not the tracking key of {report.tracking_number!r}: use contracts.keys.tracking_key"
        )
    try:
        said = parcel_events(report)
    except BadField as error:
        raise ContractViolation(f"element of {report.format}: {error}") from error
    linked = {key: link for key, link in ctx.scan(links, keys.consignment_prefix(tracking))}
    before = _unexpired(ctx.get(parcels, tracking), event.at)
    kept = {known.identity: known for known in before.kept}
    for one in said:
        known = kept.get(one.identity)
        now = known.told_again(one) if known else _new(one, event.at)
        kept[one.identity] = _tell(ctx, known, now, linked)
    warned = _warn(ctx, tracking, before.warned, [report.source] if said else [], linked.values())
    _keep(ctx, tracking, Parcel(kept=tuple(kept.values()), warned=warned))


@carrier_scans.on(topics.CONSIGNMENTS)
def take_link(event: Event[Consignment | None], ctx: Context) -> None:
    """Tell a return that is new to the parcel everything that is kept, and then that this was all of it."""
    link = event.value
    if link is None:
        return
    if event.key != keys.consignment_key(link.tracking_key, link.order_key, link.rma):
        raise ContractViolation(f"key {event.key!r} is not the key of its link: use contracts.keys.consignment_key")
    # The row of one that a handler failed at is there already; what was kept for it was not told.
    if ctx.get(links, event.key) is None or is_replay(event.record):
        _tell_kept(event, link, ctx)
    if link.awaited:
        _answer(event.key, link, ctx)


def _tell_kept(event: Event[Consignment | None], link: Consignment, ctx: Context) -> None:
    before = _unexpired(ctx.get(parcels, link.tracking_key), event.at)
    linked = {key: known for key, known in ctx.scan(links, keys.consignment_prefix(link.tracking_key))}
    linked[event.key] = link
    kept: dict[str, Kept] = {}
    for known in sorted(before.kept, key=_turn):
        if known.event.meaning in OF_ONE_RETURN:
            kept[known.identity] = _tell_one(ctx, known, known, linked)
        else:
            _emit(ctx, known, link)
    sources = [source for known in before.kept for source in known.sources]
    warned = _warn(ctx, link.tracking_key, before.warned, sources, [link])
    after = tuple(kept.get(known.identity, known) for known in before.kept)
    _keep(ctx, link.tracking_key, Parcel(kept=after, warned=warned))


def _answer(key: str, link: Consignment, ctx: Context) -> None:
    """Behind everything that was kept, in the same partition: now the return may act on what it knows."""
    told = ReturnEvent(
        event_id=keys.fact_id(key, "linked"),
        retailer=link.retailer,
        order_key=link.order_key,
        rma=link.rma,
        consignment=link.tracking_key,
        consignment_no=link.tracking_number,
        meaning=Meaning.LINKED,
        code="",
        at=link.linked_at,
        source=Source(sender=carrier_scans.name, account="upload", retailers=(link.retailer,)),
    )
    ctx.emit(topics.RETURN_EVENTS, told, key=link.order_key, id=told.event_id)


@expiry.fires
def forget(timer: Timer, ctx: Context) -> None:
    """Drop what is older than its 30 days, and the whole row with the last of it."""
    _keep(ctx, timer.key, _unexpired(ctx.get(parcels, timer.key), ctx.now))


def _turn(known: Kept) -> tuple[bool, datetime]:
    """By the events' times, but rejections first: what was rejected before its upload must not be paid for a scan."""
    return known.event.meaning is not Meaning.REJECTED, moment(known.event)


def _new(said: ParcelEvent, at: datetime) -> Kept:
    return Kept(
        identity=said.identity,
        format=said.format,
        arrived=at,
        sources=(said.event.source,),
        event=said.event,
        order_no=said.order_no,
    )


def _tell(ctx: Context, before: Kept | None, now: Kept, linked: dict[str, Consignment]) -> Kept:
    """Write the events that `now` adds to what `before` has told already; returns what is to be kept."""
    if before is now:
        return now
    if now.event.meaning in OF_ONE_RETURN:
        return _tell_one(ctx, before, now, linked)
    for link in linked.values():
        told = before is not None and before.source_for(link) is not None
        if before is None or not told or before.event.items != now.event.items:
            _emit(ctx, now, link)
    return now


def _tell_one(ctx: Context, before: Kept | None, now: Kept, linked: dict[str, Consignment]) -> Kept:
    """Attribute an event that speaks of one return, once for ever; several that it could mean call a person."""
    if now.ambiguous:
        return now
    if now.link is not None:
        if now.link in linked and before is not None and before.event.items != now.event.items:
            _emit(ctx, now, linked[now.link])
        return now
    meant = {key: link for key, link in linked.items() if now.source_for(link) is not None}
    if len(meant) > 1:
        _call_about_ambiguity(ctx, now, meant.values())
        return now.model_copy(update={"ambiguous": True})
    for key, link in meant.items():
        _emit(ctx, now, link)
        return now.model_copy(update={"link": key})
    return now


def _emit(ctx: Context, kept: Kept, link: Consignment) -> None:
    source = kept.source_for(link)
    if source is None:
        return
    event = addressed(kept.event, kept.format, link, source)
    ctx.emit(topics.RETURN_EVENTS, event, key=link.order_key, id=_record_id(event))


def _record_id(event: ReturnEvent) -> str:
    """Larger counts are news about the same event: another record, for whoever drops records by their id."""
    if not event.items:
        return event.event_id
    counts = sorted((keys.folded_sku(item.sku), item.count, item.reason, item.action) for item in event.items)
    return keys.fact_id(event.event_id, counts)


def _call_about_ambiguity(ctx: Context, kept: Kept, meant: Iterable[Consignment]) -> None:
    """One alert an order: each retailer's people see their own, and nobody else's."""
    for order_key, retailer in sorted({(link.order_key, link.retailer) for link in meant}):
        raise_alert(
            ctx,
            AlertKind.AMBIGUOUS_EVENT,
            retailer=retailer,
            order_key=order_key,
            message=f"{kept.event.code} of parcel {kept.event.consignment} could mean several returns, so it acts on "
            "none: find out which one was meant, and tell it under its order number",
            about=kept.identity,
        )


def _warn(
    ctx: Context, tracking: str, warned: tuple[str, ...], sources: Iterable[Source], linked: Iterable[Consignment]
) -> tuple[str, ...]:
    """Alert once a parcel, account and retailer of evidence from somebody who may not give it."""
    known = dict.fromkeys(warned)
    told = list(sources)
    for link in linked:
        for source in told:
            pair = f"{source.account}|{link.retailer}"
            if source.speaks_for(link.retailer) or pair in known:
                continue
            known[pair] = None
            raise_alert(
                ctx,
                AlertKind.FOREIGN_EVIDENCE,
                retailer=link.retailer,
                order_key=link.order_key,
                rma=link.rma,
                message=foreign_word(source, f"parcel {tracking}", link.retailer),
                about=f"{tracking}|{source.account}",
            )
    return tuple(known)


def _unexpired(parcel: Parcel | None, at: datetime) -> Parcel:
    if parcel is None:
        return Parcel()
    kept = tuple(known for known in parcel.kept if known.expires > at)
    return parcel if len(kept) == len(parcel.kept) else parcel.model_copy(update={"kept": kept})


def _keep(ctx: Context, tracking: str, parcel: Parcel) -> None:
    """Store the row and have it swept when the first of its events expires."""
    known = ctx.get(parcels, tracking)
    if parcel == (known or Parcel()):
        return
    if not parcel.kept:
        ctx.delete(parcels, tracking)
        ctx.cancel_timer(expiry, tracking)
        return
    ctx.put(parcels, tracking, parcel)
    ctx.set_timer(expiry, tracking, min(known.expires for known in parcel.kept))
