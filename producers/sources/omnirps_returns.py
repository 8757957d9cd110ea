"""The Return Upload: one element per returned unit, whole array or nothing, one record per return.

Of the customer nothing is written but what the units hold: name, e-mail and address decide nothing here.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

from contracts.envelope import Envelope
from contracts.keys import LONGEST_IDENTIFIER, fact_id, is_too_long, order_key, order_name, tracking_key
from contracts.retailers import Retailer
from contracts.returns import ReturnUpload, UploadedUnit
from contracts.topics import RETURN_UPLOADS
from contracts.tracking import Source
from producers.accounts import TokenAccount
from producers.messages import Message, event
from producers.problems import FieldError, Invalid, pointer
from producers.retailers import Directory
from producers.sources.base import Received, Sender, Split, digest, parse, without_mark
from producers.sources.omnirps import NAME, retailer_in_header, verify

# What identifies something must say something; the others may be there and blank (no reason, no choice, no EAN).
IDENTIFYING = ("ConsignmentNo", "OrderNumber", "Sku", "RMA")
MANDATORY = (
    *IDENTIFYING,
    "EAN",
    "Reason",
    "ReturnAction",
    "CommodityInfo",
    "CommodityCode",
    "ItemDescription",
    "ItemValue",
    "CustomerName",
    "CustomerEmail",
)
OPTIONAL = ("ItemWeight", "OrderWeight", "ExchangeVariantId", "ExchangeSku", "CHTComment")
MAX_TEXT = 10_000
# A unit is an element; ten thousand in one upload would be a warehouse, not a customer.
MAX_UNITS = 10_000
# Enough to see the pattern; a body of many bad elements must not make an answer larger than itself.
MAX_ERRORS = 100

Fields = dict[str, str]


def split(account: TokenAccount, received: Received, directory: Directory) -> Split:
    """One ReturnUpload per (order, RMA), by first appearance. Invalid names all bad fields, and nothing is written."""
    retailer = retailer_in_header(account, received, directory)
    elements = _elements(parse(without_mark(received.raw)))
    # No further than they are told: all of 10,000 empty elements would hold up everybody for 0.2 s.
    errors = list(islice((error for at, element in enumerate(elements) for error in _errors(at, element)), MAX_ERRORS))
    if errors:
        raise Invalid("nothing of this upload was taken", errors)
    source = account.source(NAME, retailer.id)
    returns: dict[tuple[str, str], list[Fields]] = {}
    for element in elements:
        fields = {name: _text(element.get(name)) for name in (*MANDATORY, *OPTIONAL)}
        key = order_key(retailer.id, fields["OrderNumber"]), fields["RMA"]
        returns.setdefault(key, []).append(fields)
    pairs = [_upload(retailer, source, key, rma, units) for (key, rma), units in returns.items()]
    return Split(tuple(message for message, _ in pairs), answer={"results": [result for _, result in pairs]})


def _elements(body: Any) -> list[Any]:
    if not isinstance(body, list):
        raise Invalid(errors=[FieldError("", "must be an array with one element per returned unit")])
    if not body:
        raise Invalid(errors=[FieldError("", "must hold at least one element")])
    if len(body) > MAX_UNITS:
        raise Invalid(errors=[FieldError("", f"must hold at most {MAX_UNITS} elements")])
    return body


def _errors(at: int, element: Any) -> Iterator[FieldError]:
    if not isinstance(element, dict):
        yield FieldError(pointer(at), "must be an object")
        return
    for name in (*MANDATORY, *OPTIONAL):
        detail = _wrong(name, element)
        if detail is not None:
            yield FieldError(pointer(at, name), detail)
    if not _text(element.get("ItemWeight")) and not _text(element.get("OrderWeight")):
        yield FieldError(pointer(at, "ItemWeight"), "is mandatory unless OrderWeight is given")


def _wrong(name: str, element: dict[str, Any]) -> str | None:
    value = element.get(name)
    if value is None:
        return "is mandatory" if name in MANDATORY else None
    identifying = name in IDENTIFYING
    # A float would do as an amount, but 1001.0 is nobody's order number.
    allowed = (str, int) if identifying else (str, int, float)
    if isinstance(value, bool) or not isinstance(value, allowed):
        return "must be a string" if identifying else "must be a string or a number"
    text = _text(value)
    if len(text) > (LONGEST_IDENTIFIER if identifying else MAX_TEXT) or (name == "ConsignmentNo" and is_too_long(text)):
        return "is too long"
    if identifying and any(ord(character) < 32 for character in text):
        return "must hold no control characters"
    if identifying and not _says_something(name, text):
        return "must not be blank"
    return None


def _says_something(name: str, text: str) -> bool:
    if name == "OrderNumber":
        return bool(order_name(text))
    return bool(tracking_key(text) if name == "ConsignmentNo" else text)


def _text(value: object) -> str:
    return str(value).strip() if isinstance(value, str | int | float) else ""


def _upload(
    retailer: Retailer, source: Source, key: str, rma: str, elements: list[Fields]
) -> tuple[Message, dict[str, Any]]:
    consignments = {tracking_key(fields["ConsignmentNo"]): fields["ConsignmentNo"] for fields in reversed(elements)}
    in_order = dict.fromkeys(tracking_key(fields["ConsignmentNo"]) for fields in elements)
    upload = ReturnUpload(
        retailer=retailer.id,
        order_name=elements[0]["OrderNumber"],
        rma=rma,
        units=tuple(map(_unit, elements)),
        consignments=tuple(consignments[parcel] for parcel in in_order),
        source=source,
    )
    # The same content is the same fact, whoever's token brought it.
    content = digest(upload.model_dump_json(exclude={"source"}).encode())
    ident = fact_id("omnirps.upload", key, rma, content)
    envelope = Envelope(
        id=ident,
        source=f"{NAME}://{source.account}",
        type=RETURN_UPLOADS.event_for(ReturnUpload).type,
        subject=f"{key}|{rma}",
    )
    result = {
        "rma": rma,
        "order": upload.order_name,
        "units": len(upload.units),
        "consignments": list(upload.consignments),
        "id": ident,
    }
    return event(RETURN_UPLOADS, key, upload.model_dump_json().encode(), envelope), result


def _unit(fields: Fields) -> UploadedUnit:
    return UploadedUnit(
        sku=fields["Sku"],
        reason=fields["Reason"],
        return_action=fields["ReturnAction"],
        exchange_variant_id=fields["ExchangeVariantId"] or None,
        exchange_sku=fields["ExchangeSku"] or None,
        consignment_no=fields["ConsignmentNo"],
        ean=fields["EAN"],
        description=fields["ItemDescription"],
        commodity_code=fields["CommodityCode"],
        commodity_info=fields["CommodityInfo"],
        item_value=fields["ItemValue"],
        item_weight=fields["ItemWeight"] or fields["OrderWeight"],
        comment=fields["CHTComment"],
    )


SENDER = Sender("/omnirps/returns", "omnirps_returns", NAME, verify, split)
