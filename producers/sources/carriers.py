"""What the carriers' sources share: a verified element becomes one record under its tracking key, untouched."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson

from contracts.envelope import Envelope
from contracts.keys import LONGEST_TRACKING_NUMBER, fact_id, is_too_long, tracking_key
from contracts.topics import CARRIER_EVENTS
from contracts.tracking import CarrierFormat, CarrierReport, Source
from producers.messages import Message, event
from producers.sources.base import Misfit, dump


def tracking_number(element: dict[str, Any], *fields: str, under: str = "") -> str:
    """The first of these fields that names a parcel. Misfit where none does.

    under: where the element stands in the body, as a JSON pointer.
    """
    for field in fields:
        value = element.get(field)
        if isinstance(value, str) and tracking_key(value):
            if is_too_long(value):
                text = f"{field} is longer than {LONGEST_TRACKING_NUMBER} characters"
                raise Misfit("wrong_fields", text, f"{under}/{field}")
            return value.strip()
    raise Misfit("no_tracking_number", f"none of {', '.join(fields)} names a parcel", f"{under}/{fields[0]}")


def report(
    vocabulary: CarrierFormat,
    source: Source,
    number: str,
    element: dict[str, Any] | orjson.Fragment,
    ident: str,
    at: datetime | None,
) -> Message:
    """One CarrierReport. element: as parsed, or the body's own bytes as a fragment, which none of ours touches.

    ident: what makes it this fact beside sender, account and parcel.
    """
    key = tracking_key(number)
    value = dump(
        {
            "format": vocabulary.value,
            "source": source.model_dump(mode="json"),
            "tracking_number": number,
            "element": element,
        }
    )
    envelope = Envelope(
        id=fact_id(source.sender, source.account, *source.retailers, key, ident),
        source=f"{source.sender}://{source.account}",
        type=CARRIER_EVENTS.event_for(CarrierReport).type,
        time=at,
        subject=key,
    )
    return event(CARRIER_EVENTS, key, value, envelope)
