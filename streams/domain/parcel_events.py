"""What one carrier report says, as events that do not know their return yet: the same fact has the same identity."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from contracts.keys import fact_id, folded_sku, tracking_key
from contracts.returns import EventItem, Meaning, ReturnEvent
from contracts.tracking import CarrierFormat, CarrierReport, Consignment, Source
from streams.domain import omnirps
from streams.domain.carriers import Checkpoint, checkpoints
from streams.domain.fields import local_datetime
from streams.domain.omnirps import HubElement, counts_per_sku

# What the hub says of a return, not of a parcel: of several returns in one parcel nobody knows which is meant.
OF_ONE_RETURN: frozenset[Meaning] = frozenset({Meaning.PROCESSED, Meaning.REJECTED})


@dataclass(frozen=True, slots=True)
class ParcelEvent:
    """One event of a parcel.

    identity: the same for every repeat. event: complete but for its return (retailer, order key and RMA are empty).
    order_no: the order that the hub's element names; then only that order's returns are meant.
    """

    identity: str
    format: CarrierFormat
    event: ReturnEvent
    order_no: str = ""


def parcel_events(report: CarrierReport) -> tuple[ParcelEvent, ...]:
    """The events of one report, each once, earliest first.

    Raises BadField (a ValueError that names the field by JSON pointer) where the element is not in its format.
    """
    read = checkpoints(report)
    if report.format is CarrierFormat.OMNIRPS:
        found = _hub_events(report)
    else:
        found = [_carrier_event(checkpoint, report) for checkpoint in read]
    return tuple(sorted(found, key=lambda said: moment(said.event)))


def addressed(said: ReturnEvent, format: CarrierFormat, link: Consignment, source: Source) -> ReturnEvent:
    """The event of the return that `link` names. Its id is made of the fact and the return."""
    event = said.model_copy(
        update={
            "retailer": link.retailer,
            "order_key": link.order_key,
            "rma": link.rma,
            "consignment": link.tracking_key,
            "consignment_no": link.tracking_number,
            "source": source,
        }
    )
    if format is CarrierFormat.OMNIRPS and said.meaning in OF_ONE_RETURN:
        # Told once under the order and once under the consignment it is one event: the hub's own identity says so.
        return event.model_copy(update={"event_id": _hub_event_id(event)})
    return event.model_copy(update={"event_id": fact_id(said.event_id, link.order_key, link.rma)})


def moment(event: ReturnEvent) -> datetime:
    """When it happened, for sorting only: a local time without zone is taken for UTC, no time at all comes last."""
    if event.at is not None:
        return event.at.astimezone(UTC)
    local = local_datetime(event.local_time)
    return datetime.fromisoformat(local).replace(tzinfo=UTC) if local else datetime.max.replace(tzinfo=UTC)


def larger_counts(known: tuple[EventItem, ...], said: tuple[EventItem, ...]) -> tuple[EventItem, ...]:
    """The items of one RC or RP event told twice: for each sku those of the larger count; `known` where none rises.

    No items at all means the whole return, which no list of skus can exceed. Commutative in the counts and idempotent.
    """
    if not known or not said:
        return ()
    before, now = _by_sku(known), _by_sku(said)
    counted, recounted = counts_per_sku(known), counts_per_sku(said)
    for sku, items in now.items():
        if recounted[sku] > counted.get(sku, 0):
            before[sku] = items
    return tuple(item for items in before.values() for item in items)


def _by_sku(items: Iterable[EventItem]) -> dict[str, list[EventItem]]:
    grouped: dict[str, list[EventItem]] = {}
    for item in items:
        grouped.setdefault(folded_sku(item.sku), []).append(item)
    return grouped


def _carrier_event(checkpoint: Checkpoint, report: CarrierReport) -> ParcelEvent:
    identity = fact_id(*checkpoint.identity)
    event = ReturnEvent(
        event_id=identity,
        retailer="",
        order_key="",
        consignment=checkpoint.tracking_key,
        consignment_no=report.tracking_number,
        meaning=checkpoint.meaning,
        code=checkpoint.code,
        text=checkpoint.text,
        at=checkpoint.at,
        local_time=checkpoint.local_time,
        place=checkpoint.place,
        carrier=checkpoint.carrier,
        source=report.source,
    )
    return ParcelEvent(identity, report.format, event)


def _hub_events(report: CarrierReport) -> list[ParcelEvent]:
    found: dict[str, ParcelEvent] = {}
    for group in omnirps.grouped(omnirps.elements_of(report.element)):
        event = omnirps.to_event(group, retailer="", order_key="", source=report.source)
        order_no = group[0].order_no
        identity = fact_id(event.event_id, order_no)
        if event.meaning in OF_ONE_RETURN:
            # Two retailers' hubs may tell the same of a shared parcel; each speaks of its own return.
            identity = fact_id(identity, *sorted(report.source.retailers))
        event = event.model_copy(update={"event_id": identity, "consignment": tracking_key(report.tracking_number)})
        known = found.get(identity)
        if known is not None:
            event = event.model_copy(update={"items": larger_counts(known.event.items, event.items)})
        found[identity] = ParcelEvent(identity, report.format, event, order_no)
    return list(found.values())


def _hub_event_id(event: ReturnEvent) -> str:
    said = HubElement(
        consignment_no=event.consignment_no,
        omnirps_no=event.omnirps_no,
        code=event.code,
        event_dt=event.local_time,
        source_location=event.place,
    )
    told = omnirps.to_event(
        (said,), retailer=event.retailer, order_key=event.order_key, source=event.source, rma=event.rma
    )
    return told.event_id
