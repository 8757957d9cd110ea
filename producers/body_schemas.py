"""JSON Schemas of what is posted to `/omnirps/…`, made from the tables by which it is validated."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from contracts.keys import LONGEST_IDENTIFIER, LONGEST_TRACKING_NUMBER
from producers.sources import omnirps_events, omnirps_returns, omnirps_status
from streams.domain.omnirps import FIELD_NAMES

Schema = dict[str, Any]

# What must remain once outer blanks are gone; of an order number one leading `#` goes too, of a parcel every dash.
_SAYS_SOMETHING = r"\S"
_NAMES_AN_ORDER = r"^\s*([^\s#]|#\s*\S)"
_NAMES_A_PARCEL = r"[^\s\-]"
_NO_CONTROL_CHARACTERS = r"^[^\u0000-\u001f]*$"
_MEANT: Mapping[str, str] = {
    "ConsignmentNo": "The return parcel's number; blanks, dashes and case do not matter.",
    "OrderNumber": "The order's name in the shop, with or without `#`.",
    "Sku": "One element is one unit: three units of a sku are three elements.",
    "RMA": "The return. All its units come in one array; another array with the same RMA replaces them.",
    "Reason": "The customer's reason; rules may look at it. May be blank.",
    "ReturnAction": "REFUND, CREDIT NOTE, CREDIT NOTE PLUS or EXCHANGE, what the customer chose; blank: no choice.",
    "ItemWeight": "Mandatory unless OrderWeight is given.",
    "ExchangeVariantId": "Of an exchange: the variant wanted (Shopify's id).",
    "ExchangeSku": "Of an exchange: the sku wanted, where the variant's id is not known.",
    "CustomerName": "Taken and not stored.",
    "CustomerEmail": "Taken and not stored.",
    "OrderNo": "Mandatory unless ConsignmentNo is given.",
    "Code": "RC, RT, RDTPF, DS, RP, RE, RDBTC or RR; another one is kept as `unknown`.",
    "EventDT": "Local to the event's place, without a zone: `2026-11-09 12:00:00`; or RFC 3339.",
    "ItemNo": "Of RC and RP: the sku. One element is one unit.",
    "Retailer": "The retailer's exact name in OmniRPS.",
}


def uploads() -> Schema:
    """The array of `/omnirps/returns`."""
    table = omnirps_returns
    element = _object({name: _upload_field(name) for name in (*table.MANDATORY, *table.OPTIONAL)}, table.MANDATORY)
    weights = ("ItemWeight", "OrderWeight")
    element["anyOf"] = [{"required": [name], "properties": {name: _filled_in()}} for name in weights]
    return {"type": "array", "minItems": 1, "maxItems": table.MAX_UNITS, "items": element}


def events() -> Schema:
    """The array of `/omnirps/events`."""
    limits = {"OrderNo": LONGEST_IDENTIFIER, "ConsignmentNo": LONGEST_TRACKING_NUMBER}
    fields = {
        name: _said(name, {"type": ["string", "null"], **({"maxLength": limits[name]} if name in limits else {})})
        for name in FIELD_NAMES.values()
    }
    fields["Code"] = _said("Code", {"type": "string", "pattern": _SAYS_SOMETHING})
    element = _object(fields, ("Code",))
    element["anyOf"] = [
        {"required": ["OrderNo"], "properties": {"OrderNo": {"type": "string", "pattern": _NAMES_AN_ORDER}}},
        {
            "required": ["ConsignmentNo"],
            "properties": {"ConsignmentNo": {"type": "string", "pattern": _NAMES_A_PARCEL}},
        },
    ]
    return {"type": "array", "maxItems": omnirps_events.MAX_ELEMENTS, "items": element}


def status() -> Schema:
    """The object of `/omnirps/return-status`."""
    patterns = {"OrderNumber": _NAMES_AN_ORDER, "RMA": _SAYS_SOMETHING, "Retailer": _SAYS_SOMETHING}
    fields: dict[str, Schema] = {
        name: {"type": "string", "maxLength": omnirps_status.MAX_TEXT, "pattern": pattern}
        for name, pattern in patterns.items()
    }
    for name in ("OrderNumber", "RMA"):
        fields[name]["allOf"] = [{"pattern": _NO_CONTROL_CHARACTERS}]
    fields["Status"] = {"enum": list(omnirps_status.MEANINGS)}
    # No format of JSON Schema's own is without a zone; the pattern is for those who do not know this one.
    fields["EventDT"] = {"type": "string", "format": "local-date-time", "pattern": r"^\d{4}-\d{2}-\d{2}"}
    return _object({name: _said(name, fields[name]) for name in omnirps_status.FIELDS}, omnirps_status.FIELDS)


def results() -> Schema:
    """What `/omnirps/returns` answers: a result per return, in the order in which the array first names them."""
    result: dict[str, Schema] = {
        "rma": {"type": "string"},
        "order": {"type": "string"},
        "units": {"type": "integer", "minimum": 1},
        "consignments": {"type": "array", "items": {"type": "string"}},
        "id": {"type": "string", "format": "uuid", "description": "`ce_id` of its record: the same for a repeat."},
    }
    return _object({"results": {"type": "array", "items": _object(result, tuple(result))}}, ("results",))


def _upload_field(name: str) -> Schema:
    table = omnirps_returns
    if name in table.IDENTIFYING:
        patterns = {"OrderNumber": _NAMES_AN_ORDER, "ConsignmentNo": _NAMES_A_PARCEL}
        filled = {"allOf": [{"pattern": patterns.get(name, _SAYS_SOMETHING)}, {"pattern": _NO_CONTROL_CHARACTERS}]}
        longest = LONGEST_TRACKING_NUMBER if name == "ConsignmentNo" else LONGEST_IDENTIFIER
        return _said(name, {"type": ["string", "integer"], "maxLength": longest, **filled})
    kinds = ["string", "number"] if name in table.MANDATORY else ["string", "number", "null"]
    return _said(name, {"type": kinds, "maxLength": table.MAX_TEXT})


def _filled_in() -> Schema:
    return {"type": ["string", "number"], "pattern": _SAYS_SOMETHING}


def _said(name: str, schema: Schema) -> Schema:
    return {**schema, "description": _MEANT[name]} if name in _MEANT else schema


def _object(properties: Mapping[str, Schema], required: tuple[str, ...]) -> Schema:
    # Fields that are not listed may be there: what is not known is ignored.
    return {"type": "object", "required": list(required), "properties": dict(properties)}
