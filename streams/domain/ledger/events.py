"""Taking an event: kept from its first arrival, told to the returns it means, and what then is due."""

from __future__ import annotations

from collections import Counter
from datetime import datetime

from contracts.actions import AlertKind
from contracts.keys import folded_sku, split_order_key, tracking_key
from contracts.returns import Meaning, ReturnEvent
from streams.domain.ledger.acting import act, stop
from streams.domain.ledger.attribution import place
from streams.domain.ledger.effects import Alert, Effects
from streams.domain.ledger.parcels import history_told
from streams.domain.ledger.state import KeptEvent, Ledger
from streams.domain.ledger.units import changed_units
from streams.domain.milestones import Evidence


def take_event(ledger: Ledger, event: ReturnEvent, arrived_at: datetime, now: datetime) -> tuple[Ledger, Effects]:
    """The ledger once it knows this event, and what follows. arrived_at: of the record; now: when what is due acts."""
    if not event.source.speaks_for(split_order_key(ledger.order_key)[0]):
        return ledger, Effects(alerts=(_foreign(event),))
    if event.meaning is Meaning.LINKED:
        return settle(ledger, history_told(ledger, event), (), now)
    kept, ledger_with_it = keep(ledger, kept_event(event, arrived_at))
    after, alerts = place(ledger_with_it, kept)
    return settle(ledger, after, alerts, now)


def settle(before: Ledger, after: Ledger, alerts: tuple[Alert, ...], now: datetime) -> tuple[Ledger, Effects]:
    """Stop what was rejected or cancelled, then pay what is due, and say what changed."""
    after, actions = act(stop(after), now)
    return after, Effects(actions, changed_units(before, after), alerts)


def keep(ledger: Ledger, event: KeptEvent) -> tuple[KeptEvent, Ledger]:
    """The event with what is known of it already. A repeat prolongs nothing; after its time it is a new event."""
    known = next((kept for kept in ledger.kept if kept.id == event.id), None)
    if known is not None and not known.expired(event.arrived_at):
        event = known.again(event)
        kept = tuple(event if other.id == event.id else other for other in ledger.kept)
    else:
        kept = (*(other for other in ledger.kept if other.id != event.id), event)
    return event, ledger.model_copy(update={"kept": kept})


def kept_event(event: ReturnEvent, arrived_at: datetime) -> KeptEvent:
    """What the ledger needs of an event. Without any sku the whole return is meant."""
    processed = event.meaning is Meaning.PROCESSED
    counts = Counter[str]()
    for item in event.items if processed else ():
        if folded_sku(item.sku):
            counts[folded_sku(item.sku)] += item.count
    return KeptEvent(
        event_id=event.event_id,
        rma=(event.rma or "").strip() or None,
        consignment=tracking_key(event.consignment or "") or None,
        evidence=Evidence.of(event),
        counts=dict(counts),
        whole=processed and not counts,
        arrived_at=arrived_at,
    )


def sweep(ledger: Ledger, at: datetime) -> Ledger:
    """The ledger without the events that were no longer kept then. Returns and attributions stay for ever."""
    return ledger.model_copy(update={"kept": tuple(kept for kept in ledger.kept if not kept.expired(at))})


def _foreign(event: ReturnEvent) -> Alert:
    message = (
        f"{event.source.sender} account {event.source.account!r} reported {event.code or event.meaning} for an order "
        "of a retailer that it may not speak for: the event was dropped; check which retailers its secret names"
    )
    return Alert(AlertKind.FOREIGN_EVIDENCE, message, rma=event.rma, about=event.event_id)
