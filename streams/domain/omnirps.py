"""OmniRPS tracking status elements: what one says, which of them are one event, and that event in our words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from contracts.keys import fact_id, folded_sku, order_name, tracking_key
from contracts.returns import EventItem, ReturnEvent
from contracts.tracking import CarrierFormat, Source
from streams.domain.fields import Element, children, instant, text
from streams.domain.milestones import meaning_of

# These come as one element a line item unit: the elements of one event are told by what they share.
ITEM_CODES = frozenset({"RC", "RP"})

# They speak of a return and not of a parcel: where the same fact is told of several returns, it is ambiguous, not many.
_RETURN_CODES = ITEM_CODES | {"RR"}

# A producer that files elements without an order number under their consignment keeps those of one event together, in
# a list under this name beside nothing else: from single elements nobody could count the units of a sku.
GROUP = "Elements"


@dataclass(frozen=True, slots=True)
class HubElement:
    """One flat object of the tracking status array, all texts trimmed, absent ones "". Field names are OmniRPS's."""

    consignment_no: str = ""
    omnirps_no: str = ""
    order_no: str = ""
    mawb: str = ""
    exported_consignment_no: str = ""
    ship_date: str = ""
    delivery_date: str = ""
    source_location: str = ""
    destination_location: str = ""
    code: str = ""
    status: str = ""
    carrier: str = ""
    event_dt: str = ""
    item_no: str = ""
    reason: str = ""
    action: str = ""

    @property
    def event(self) -> tuple[object, ...]:
        """What the elements of one event share: code, order, consignment, time and OmniRPS number."""
        parcel = tracking_key(self.consignment_no)
        return self.code.upper(), order_name(self.order_no), parcel, self.event_dt, self.omnirps_no.upper()


# In the order of the format's own description, and of the payload that Loop gets.
FIELD_NAMES: Mapping[str, str] = {
    "consignment_no": "ConsignmentNo",
    "omnirps_no": "OmniRPSTrackingNo",
    "order_no": "OrderNo",
    "mawb": "MAWB",
    "exported_consignment_no": "ExportedConsignmentNo",
    "ship_date": "ShipDate",
    "delivery_date": "DeliveryDate",
    "source_location": "SourceLocation",
    "destination_location": "DestinationLocation",
    "code": "Code",
    "status": "Status",
    "carrier": "Carrier",
    "event_dt": "EventDT",
    "item_no": "ItemNo",
    "reason": "ReturnReason",
    "action": "ReturnAction",
}


def parse(element: Element, pointer: str = "") -> HubElement:
    """Read one element. Raises BadField (a ValueError that names the field by JSON pointer) where one is no text."""
    return HubElement(**{name: text(element, written, pointer) for name, written in FIELD_NAMES.items()})


def elements_of(element: Element) -> tuple[HubElement, ...]:
    """The element of a CarrierReport: a flat one, or several of one event under `Elements`."""
    if GROUP in element:
        return tuple(parse(item, pointer) for item, pointer in children(element, GROUP))
    return (parse(element),)


def grouped(elements: Iterable[HubElement]) -> tuple[tuple[HubElement, ...], ...]:
    """The elements of one POST, those of one RC or RP event together; every other element is an event of its own.

    In the order in which each event was first named.
    """
    groups: dict[tuple[object, ...], list[HubElement]] = {}
    for index, element in enumerate(elements):
        key = element.event if element.code.upper() in ITEM_CODES else (index,)
        groups.setdefault(key, []).append(element)
    return tuple(map(tuple, groups.values()))


def to_event(
    group: Sequence[HubElement], *, retailer: str, order_key: str, source: Source, rma: str | None = None
) -> ReturnEvent:
    """The event that a group of `grouped` is.

    order_key: of the order that it names, or of the return found under its consignment (then with its `rma`). An
    empty group is a ValueError.
    """
    if not group:
        raise ValueError("an event has at least one element")
    said = group[0]
    parcel = tracking_key(said.consignment_no) or None
    return ReturnEvent(
        event_id=_event_id(said, order_key, parcel, rma),
        retailer=retailer,
        order_key=order_key,
        rma=rma,
        consignment=parcel,
        consignment_no=said.consignment_no,
        meaning=meaning_of(CarrierFormat.OMNIRPS, said.code, said.status),
        code=said.code,
        text=said.status,
        at=instant(said.event_dt),
        local_time=said.event_dt,
        place=said.source_location,
        carrier=said.carrier,
        items=_items(group),
        omnirps_no=said.omnirps_no,
        mawb=said.mawb,
        exported_consignment_no=said.exported_consignment_no,
        ship_date=said.ship_date,
        delivery_date=said.delivery_date,
        source_location=said.source_location,
        destination_location=said.destination_location,
        source=source,
    )


def counts_per_sku(items: Iterable[EventItem]) -> dict[str, int]:
    """How many units of each folded sku an event names; of one sku there may be several items, by reason and action."""
    counts: Counter[str] = Counter()
    for item in items:
        counts[folded_sku(item.sku)] += item.count
    return dict(counts)


def _event_id(said: HubElement, order_key: str, parcel: str | None, rma: str | None) -> str:
    """Never from the counts, for the same event again takes the larger one; nor, for what speaks of one return, from
    the RMA: the same RP told once under the order and once under its consignment must not confirm twice as many.
    """
    code = said.code.upper()
    if code in _RETURN_CODES:
        return fact_id("omnirps", order_key, parcel, code, said.event_dt, said.omnirps_no.upper())
    return fact_id("omnirps", order_key, rma, parcel, code, said.event_dt, said.source_location.casefold())


def _items(group: Sequence[HubElement]) -> tuple[EventItem, ...]:
    """One item for each sku, reason and action; an element without a sku names none."""
    if group[0].code.upper() not in ITEM_CODES:
        return ()
    items: dict[tuple[str, str, str], EventItem] = {}
    for said in group:
        if not said.item_no:
            continue
        key = (folded_sku(said.item_no), said.reason, said.action)
        if key in items:
            items[key] = items[key].model_copy(update={"count": items[key].count + 1})
        else:
            items[key] = EventItem(sku=said.item_no, reason=said.reason, action=said.action)
    return tuple(items.values())
