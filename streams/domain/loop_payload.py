"""A return event as OmniRPS tells it to Loop: the tracking status array, flat objects of texts."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from contracts.keys import split_order_key
from contracts.returns import EventItem, Meaning, ReturnEvent
from streams.domain.countries import country_code, country_name
from streams.domain.fields import local_datetime
from streams.domain.omnirps import FIELD_NAMES, ITEM_CODES

Payload = list[dict[str, str]]


@dataclass(frozen=True, slots=True)
class Status:
    """One code of the format. fills: the fields it carries beyond the common ones (SEKO's wiki, OmniRPS webhook)."""

    code: str
    text: str
    fills: frozenset[str] = frozenset()


_HUB = {"OmniRPSTrackingNo"}
_EXPORT = _HUB | {"MAWB", "ExportedConsignmentNo"}
STATUSES: Mapping[Meaning, Status] = {
    Meaning.CREATED: Status("RC", "Return Created", frozenset({"ShipDate", "Carrier"})),
    Meaning.FIRST_SCAN: Status("RT", "Return in Transit", frozenset({"Carrier"})),
    Meaning.DELIVERED: Status("RDTPF", "Return Delivered to Processing Facility", frozenset({"Carrier"})),
    Meaning.DEPOT: Status("DS", "Depot Scan", frozenset({"ShipDate", "Carrier"})),
    Meaning.PROCESSED: Status("RP", "Return Processed", frozenset(_HUB)),
    Meaning.EXPORTED: Status("RE", "Return Exported", frozenset(_EXPORT)),
    Meaning.DELIVERED_BACK: Status(
        "RDBTC", "Return Delivered Back To Customer", frozenset(_EXPORT | {"DeliveryDate", "Carrier"})
    ),
    Meaning.REJECTED: Status("RR", "Return Rejected"),
}

# On every code. The wiki lists ConsignmentNo with RC; without it no later message could be told from another parcel's.
COMMON: frozenset[str] = frozenset(
    {"ConsignmentNo", "OrderNo", "SourceLocation", "DestinationLocation", "Code", "Status", "EventDT"}
)
ITEM_FIELDS: tuple[str, ...] = ("ItemNo", "ReturnReason", "ReturnAction")
FIELDS: tuple[str, ...] = tuple(name for name in FIELD_NAMES.values() if name not in ITEM_FIELDS)

_WITH_CODE = re.compile(r"^.+, .+-[A-Z]{2}$")


def code_of(meaning: Meaning) -> str | None:
    """The code under which this is told to Loop; None where the format has none for it."""
    status = STATUSES.get(meaning)
    return status.code if status else None


def payload(event: ReturnEvent, *, told_as: Meaning | None = None) -> Payload | None:
    """The body of one POST; None where the format has no code for what happened.

    On RC and RP one object for each returned unit, otherwise exactly one.
    told_as: another meaning under which to tell it: a carrier's in-transit event that implies the first scan is told
    as FIRST_SCAN, because the format has no other way to say that the carrier has the parcel.
    """
    status = STATUSES.get(told_as or event.meaning)
    if status is None:
        return None
    known = _known(event, status)
    flat = {name: known[name] if name in COMMON | status.fills else "" for name in FIELDS}
    if status.code not in ITEM_CODES:
        return [flat]
    return [{**flat, **item} for item in _items(event.items)]


def location(place: str) -> str:
    """`City, Country-CC` of a sender's words for a place; "" where they do not tell both.

    The city comes first, the country (a code or an English name) last, between commas.
    """
    trimmed = place.strip()
    if _WITH_CODE.match(trimmed) and country_code(trimmed[-2:]):
        return trimmed
    city, *rest = [part.strip() for part in trimmed.split(",") if part.strip()] or [""]
    code = country_code(rest[-1]) if rest else None
    return f"{city}, {country_name(code)}-{code}" if code else ""


def _known(event: ReturnEvent, status: Status) -> dict[str, str]:
    _, order_name = split_order_key(event.order_key)
    return {
        "ConsignmentNo": event.consignment_no or event.consignment or "",
        "OmniRPSTrackingNo": event.omnirps_no,
        "OrderNo": order_name,
        "MAWB": event.mawb,
        "ExportedConsignmentNo": event.exported_consignment_no,
        "ShipDate": _time(event.ship_date),
        "DeliveryDate": _time(event.delivery_date),
        "SourceLocation": event.source_location or location(event.place),
        "DestinationLocation": event.destination_location,
        "Code": status.code,
        "Status": status.text,
        "Carrier": event.carrier,
        "EventDT": local_datetime(event.local_time)
        or (local_datetime(event.at.isoformat()) if event.at else None)
        or "",
    }


def _time(written: str) -> str:
    # SEKO's own field: what is not a time in its own form is handed on as it came.
    return local_datetime(written) or written


def _items(items: tuple[EventItem, ...]) -> Iterator[dict[str, str]]:
    if not items:
        yield dict.fromkeys(ITEM_FIELDS, "")
    for item in items:
        for _ in range(item.count):
            yield dict(zip(ITEM_FIELDS, (item.sku, item.reason, item.action), strict=True))
