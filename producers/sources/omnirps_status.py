"""The return status: CLOSED, PROCESSED, REJECTED or CANCELLED, said of a return as a whole."""

from __future__ import annotations

from typing import Any

from contracts.envelope import Envelope
from contracts.keys import fact_id, is_identifier, order_key, order_name
from contracts.returns import Meaning, ReturnEvent
from contracts.topics import RETURN_EVENTS
from producers.accounts import TokenAccount
from producers.messages import event
from producers.problems import FieldError, Invalid, pointer
from producers.retailers import Directory
from producers.sources.base import Received, Sender, Split, instant, parse, without_mark
from producers.sources.omnirps import NAME, name_in_header, retailer_named, verify
from streams.domain.fields import local_datetime

MEANINGS: dict[str, Meaning] = {
    "CLOSED": Meaning.CLOSED,
    "PROCESSED": Meaning.PROCESSED,
    "REJECTED": Meaning.REJECTED,
    "CANCELLED": Meaning.CANCELLED,
}
FIELDS = ("Retailer", "OrderNumber", "RMA", "Status", "EventDT")
MAX_TEXT = 255


def split(account: TokenAccount, received: Received, directory: Directory) -> Split:
    """One ReturnEvent about the whole return. The body names the retailer; the header may, and must then agree."""
    body = parse(without_mark(received.raw))
    errors = _errors(body)
    if errors:
        raise Invalid("nothing was taken", errors)
    name, rma, code = body["Retailer"], body["RMA"].strip(), body["Status"].strip().upper()
    retailer = retailer_named(account, name, directory)
    if received.header("retailer") and name_in_header(received) != name:
        raise Invalid("nothing was taken", [FieldError("/Retailer", "differs from the header Retailer")])
    key, said_at = order_key(retailer.id, body["OrderNumber"]), body["EventDT"].strip()
    at = instant(said_at)
    happened = ReturnEvent(
        event_id=fact_id("omnirps.status", key, rma, code, said_at),
        retailer=retailer.id,
        order_key=key,
        rma=rma,
        meaning=MEANINGS[code],
        code=code,
        at=at,
        local_time=said_at,
        whole_return=True,
        source=account.source(NAME, retailer.id),
    )
    envelope = Envelope(
        id=happened.event_id,
        source=f"{NAME}://{account.name}",
        type=RETURN_EVENTS.event_for(ReturnEvent).type,
        time=at,
        subject=f"{key}|{rma}",
    )
    return Split((event(RETURN_EVENTS, key, happened.model_dump_json().encode(), envelope),))


def _errors(body: Any) -> list[FieldError]:
    if not isinstance(body, dict):
        return [FieldError("", "must be an object")]
    found = [FieldError(pointer(name), "is mandatory") for name in FIELDS if body.get(name) is None]
    for name in FIELDS:
        value = body.get(name)
        if value is None:
            continue
        if not isinstance(value, str):
            found.append(FieldError(pointer(name), "must be a string"))
        elif not (order_name(value) if name == "OrderNumber" else value.strip()):
            found.append(FieldError(pointer(name), "must not be blank"))
        elif len(value) > MAX_TEXT:
            found.append(FieldError(pointer(name), "is too long"))
        elif name in ("OrderNumber", "RMA") and not is_identifier(value):
            found.append(FieldError(pointer(name), "must hold no control characters"))
        elif name == "Status" and value.strip().upper() not in MEANINGS:
            found.append(FieldError(pointer(name), f"must be one of {', '.join(MEANINGS)}"))
        elif name == "EventDT" and local_datetime(value) is None:
            found.append(FieldError(pointer(name), "must be a time like 2026-11-09 12:00:00, or RFC 3339"))
    return found


SENDER = Sender("/omnirps/return-status", "omnirps_return_status", NAME, verify, split)
