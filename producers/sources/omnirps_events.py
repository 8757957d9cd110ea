"""The OmniRPS tracking status array: events of orders go under the order, those of parcels alone under the parcel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from contracts.envelope import Envelope
from contracts.keys import LONGEST_IDENTIFIER, fact_id, is_too_long, order_key, order_name, tracking_key
from contracts.retailers import Retailer
from contracts.returns import ReturnEvent
from contracts.topics import RETURN_EVENTS
from contracts.tracking import CarrierFormat, Source
from producers.accounts import TokenAccount
from producers.messages import Message, event
from producers.problems import FieldError, Invalid, pointer
from producers.retailers import Directory
from producers.sources.base import Misfit, Received, Sender, Split, digest, dump, parse, without_mark
from producers.sources.carriers import report
from producers.sources.omnirps import NAME, retailer_in_header, verify
from streams.domain import omnirps
from streams.domain.fields import BadField, instant
from streams.domain.omnirps import HubElement

# As with uploads: the loop serves everybody, and a real array is some dozens of elements.
MAX_ELEMENTS = 10_000
MAX_ERRORS = 100


def split(account: TokenAccount, received: Received, directory: Directory) -> Split:
    """One record an event. Invalid names all bad fields, and nothing is written; an empty array is nothing to do."""
    retailer = retailer_in_header(account, received, directory)
    body = parse(without_mark(received.raw))
    if not isinstance(body, list) or len(body) > MAX_ELEMENTS:
        raise Invalid(errors=[FieldError("", f"must be an array of at most {MAX_ELEMENTS} elements")])
    source = account.source(NAME, retailer.id)
    said = _read(body)
    # `grouped` hands the same objects on: by them each finds its element, which a parcel's report carries untouched.
    untouched = {id(element): raw for element, raw in zip(said, body, strict=True)}
    try:
        messages = [
            _of_order(group, retailer, source)
            if order_name(group[0].order_no)
            else _of_parcel(group, [untouched[id(element)] for element in group], source)
            for group in omnirps.grouped(said)
        ]
    except Misfit as misfit:
        raise Invalid("nothing was taken", [FieldError(misfit.path, str(misfit))]) from misfit
    return Split(tuple(messages))


def _read(body: list[Any]) -> list[HubElement]:
    said: list[HubElement] = []
    errors: list[FieldError] = []
    for at, element in enumerate(body):
        if not isinstance(element, dict):
            errors.append(FieldError(pointer(at), "must be an object"))
            continue
        try:
            parsed = omnirps.parse(element, pointer(at))
        except BadField as error:
            errors.append(FieldError(error.pointer, str(error).removeprefix(f"{error.pointer}: ")))
            continue
        errors.extend(_wrong(at, parsed))
        said.append(parsed)
    if errors:
        raise Invalid("nothing was taken", errors[:MAX_ERRORS])
    return said


def _wrong(at: int, said: HubElement) -> list[FieldError]:
    found = []
    if not said.code:
        found.append(FieldError(pointer(at, "Code"), "is mandatory"))
    if not order_name(said.order_no) and not tracking_key(said.consignment_no):
        found.append(FieldError(pointer(at, "OrderNo"), "is mandatory unless ConsignmentNo is given"))
    if len(said.order_no) > LONGEST_IDENTIFIER:
        found.append(FieldError(pointer(at, "OrderNo"), "is too long"))
    if is_too_long(said.consignment_no):
        found.append(FieldError(pointer(at, "ConsignmentNo"), "is too long"))
    return found


def _of_order(group: Sequence[HubElement], retailer: Retailer, source: Source) -> Message:
    key = order_key(retailer.id, group[0].order_no)
    happened = omnirps.to_event(group, retailer=retailer.id, order_key=key, source=source)
    envelope = Envelope(
        # The event's id leaves out its counts, so that the ledger can take the larger ones; as a record it is another.
        id=fact_id(happened.event_id, digest(happened.model_dump_json(exclude={"source"}).encode())),
        source=f"{NAME}://{source.account}",
        type=RETURN_EVENTS.event_for(ReturnEvent).type,
        time=happened.at,
        subject=key,
    )
    return event(RETURN_EVENTS, key, happened.model_dump_json().encode(), envelope)


def _of_parcel(group: Sequence[HubElement], raw: list[dict[str, Any]], source: Source) -> Message:
    # Our own word for several: an element that has a field of that name would be taken for what stands in it.
    element = raw[0] if len(raw) == 1 and omnirps.GROUP not in raw[0] else {omnirps.GROUP: raw}
    ident = digest(dump(element, canonical=True))
    at = instant(group[0].event_dt)
    return report(CarrierFormat.OMNIRPS, source, group[0].consignment_no, element, ident, at)


SENDER = Sender("/omnirps/events", "omnirps_events", NAME, verify, split)
