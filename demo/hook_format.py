"""The OmniRPS tracking status format as SEKO's public wiki describes it, written down apart from our own code."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import orjson

COMMON_FIELDS = (
    "ConsignmentNo",
    "OmniRPSTrackingNo",
    "OrderNo",
    "MAWB",
    "ExportedConsignmentNo",
    "ShipDate",
    "DeliveryDate",
    "SourceLocation",
    "DestinationLocation",
    "Code",
    "Status",
    "Carrier",
    "EventDT",
)
ITEM_FIELDS = ("ItemNo", "ReturnReason", "ReturnAction")
STATUSES = {
    "RC": "Return Created",
    "RT": "Return in Transit",
    "RDTPF": "Return Delivered to Processing Facility",
    "DS": "Depot Scan",
    "RP": "Return Processed",
    "RE": "Return Exported",
    "RDBTC": "Return Delivered Back To Customer",
    "RR": "Return Rejected",
}
# One object for each line item; the others come alone.
WITH_ITEMS = ("RC", "RP")
_LOCATION = re.compile(r"^[^,]+, .+-[A-Z]{2}$")


def problems_of(raw: bytes) -> tuple[str, ...]:
    """What is wrong with the body of one POST, each with the place."""
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        return (f"not JSON: {error}",)
    if not isinstance(body, list) or not body:
        return ("the body must be an array with at least one object",)
    found = [f"/{at}: {problem}" for at, element in enumerate(body) for problem in _of_element(element)]
    return tuple(found) or tuple(_of_all(body))


def _of_element(element: Any) -> Iterator[str]:
    if not isinstance(element, dict):
        yield "must be an object"
        return
    code = element.get("Code")
    if not isinstance(code, str) or code not in STATUSES:
        yield f"Code {code!r} is none of {', '.join(STATUSES)}"
        return
    expected = {*COMMON_FIELDS, *(ITEM_FIELDS if code in WITH_ITEMS else ())}
    yield from (f"{name} is missing" for name in sorted(expected - element.keys()))
    yield from (f"{name} does not belong here" for name in sorted(element.keys() - expected))
    texts = {name: value for name, value in element.items() if isinstance(value, str)}
    yield from (f"{name} must be a string" for name in sorted(element.keys() - texts.keys()))
    if texts.get("Status") != STATUSES[code]:
        yield f"Status of {code} must be {STATUSES[code]!r}"
    if not texts.get("OrderNo"):
        yield "OrderNo is blank"
    for name in ("EventDT", "ShipDate", "DeliveryDate"):
        if not _is_time(texts.get(name, "")):
            yield f"{name} must be 'YYYY-MM-DD HH:MM:SS'"
    for name in ("SourceLocation", "DestinationLocation"):
        if texts.get(name) and not _LOCATION.match(texts[name]):
            yield f"{name} must be 'City, Country-CC'"


def _of_all(body: list[dict[str, str]]) -> Iterator[str]:
    first = {name: value for name, value in body[0].items() if name not in ITEM_FIELDS}
    if len(body) > 1 and first["Code"] not in WITH_ITEMS:
        yield f"{first['Code']} must come alone"
    for at, element in enumerate(body):
        if any(element[name] != value for name, value in first.items()):
            yield f"/{at}: differs from the first in more than its item"


def _is_time(text: str) -> bool:
    if not text:
        return True
    try:
        return len(text) == 19 and text[10] == " " and bool(datetime.fromisoformat(text))
    except ValueError:
        return False
