"""The Upload API as an OpenAPI 3.1 document: served as `/openapi.json`, and checked in as `contracts/openapi.json`.

`python -m producers.openapi` writes the file anew; `--check` fails when it is not what the code says.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import contracts
from producers import body_schemas
from producers.problems import (
    FieldError,
    HeadersTooLarge,
    Invalid,
    NotHttp,
    NotJson,
    Problem,
    TooLarge,
    TooMany,
    TooSlow,
    Unauthenticated,
    Unavailable,
    Unknown,
    WrongMediaType,
)
from producers.sources import omnirps_events, omnirps_returns, omnirps_status
from producers.sources.base import Sender

FILE = Path(contracts.__file__).parent / "openapi.json"

_PROBLEMS: tuple[Problem, ...] = (
    NotJson("expected value at line 1 column 2"),
    Unauthenticated(),
    Unknown("retailer 'acme outdoors' is not known; 'Acme Outdoors' is: the name must match exactly"),
    TooSlow("the body must arrive within 10 s"),
    TooLarge("at most 10485760 bytes are taken"),
    WrongMediaType(),
    Invalid("nothing of this upload was taken", [FieldError("/0/Sku", "is mandatory")]),
    TooMany("at most 256 at once"),
    HeadersTooLarge("at most 16384 bytes are taken"),
    Unavailable("the brokers did not acknowledge it in time"),
)

_UPLOADED = {
    "ConsignmentNo": "SEK-1",
    "OrderNumber": "#1001",
    "RMA": "RMA-7",
    "Sku": "TEE-M",
    "EAN": "5012345678900",
    "Reason": "Too small",
    "ReturnAction": "REFUND",
    "CommodityInfo": "T-shirt",
    "CommodityCode": "610910",
    "ItemWeight": "0.2",
    "ItemDescription": "T-shirt, M",
    "ItemValue": "20.00",
    "CustomerName": "Kim Doe",
    "CustomerEmail": "kim@example.com",
}
_SCANNED = {
    "ConsignmentNo": "SEK-1",
    "OrderNo": "#1001",
    "Code": "RT",
    "Status": "Return in Transit",
    "SourceLocation": "London, United Kingdom-GB",
    "Carrier": "Royal Mail",
    "EventDT": "2026-11-06 09:00:00",
}
_CLOSED = {
    "Retailer": "Acme Outdoors",
    "OrderNumber": "#1001",
    "RMA": "RMA-7",
    "Status": "CLOSED",
    "EventDT": "2026-11-09 12:00:00",
}
_RESULT = {
    "rma": "RMA-7",
    "order": "#1001",
    "units": 1,
    "consignments": ["SEK-1"],
    "id": "0b0b2a1e-6b0c-5d0e-9c62-6d0f6a3c8b11",
}
RETAILER = {
    "name": "Retailer",
    "in": "header",
    "required": True,
    "description": "The retailer's exact name in OmniRPS, UTF-8. A near one is named in the 404.",
    "schema": {"type": "string"},
    "example": "Acme Outdoors",
}


def document() -> dict[str, Any]:
    """The whole document."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "returnstreams Upload API",
            "version": "1",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
            "description": "What returns portals and the hub tell us. An array is taken whole or not at all. 200 means "
            "that every record is on disk on all in-sync replicas. A 4xx has written nothing; after a 503 or no answer "
            "send the same again: a repeat changes nothing. Fields that are not listed are ignored.",
        },
        "security": [{"token": []}],
        "paths": {
            omnirps_returns.SENDER.path: _operation(
                omnirps_returns.SENDER,
                "uploadReturns",
                "Upload returns, one element per returned unit",
                body_schemas.uploads(),
                [_UPLOADED],
                {"schema": body_schemas.results(), "example": {"results": [_RESULT]}},
            ),
            omnirps_events.SENDER.path: _operation(
                omnirps_events.SENDER,
                "reportEvents",
                "Report tracking statuses of the hub (OmniRPS's webhook)",
                body_schemas.events(),
                [_SCANNED],
            ),
            omnirps_status.SENDER.path: _operation(
                omnirps_status.SENDER,
                "setReturnStatus",
                "Say what became of a return as a whole",
                body_schemas.status(),
                _CLOSED,
            ),
        },
        "components": {
            "securitySchemes": {"token": {"type": "apiKey", "in": "header", "name": "Token"}},
            "schemas": {"Problem": _problem_schema()},
            "responses": {type(problem).__name__: _response(problem) for problem in _PROBLEMS},
        },
    }


def rendered() -> str:
    """The document as it is served and checked in."""
    return json.dumps(document(), indent=2, ensure_ascii=False) + "\n"


def _operation(
    sender: Sender[Any], ident: str, summary: str, body: dict[str, Any], example: object, answer: Any = None
) -> dict[str, Any]:
    said = {"description": "Stored."} | ({"content": {"application/json": answer}} if answer else {})
    refused = {
        str(problem.status): {"$ref": f"#/components/responses/{type(problem).__name__}"} for problem in _PROBLEMS
    }
    parameters = [RETAILER if sender is not omnirps_status.SENDER else {**RETAILER, "required": False}]
    return {
        "post": {
            "operationId": ident,
            "summary": summary,
            "parameters": parameters,
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": body, "example": example}},
            },
            "responses": {"200": said, **refused},
        }
    }


def _problem_schema() -> dict[str, Any]:
    words = [f"urn:returnstreams:problem:{problem.word}" for problem in (NotHttp(), *_PROBLEMS)]
    error = {"type": "object", "required": ["pointer", "detail"], "properties": {
        "pointer": {"type": "string", "format": "json-pointer"}, "detail": {"type": "string"}}}  # fmt: skip
    return {
        "type": "object",
        "description": "RFC 9457.",
        "required": ["type", "title", "status"],
        "properties": {
            "type": {"enum": words},
            "title": {"type": "string"},
            "status": {"type": "integer"},
            "detail": {"type": "string"},
            "errors": {"type": "array", "items": error, "description": "Each bad field, by its JSON pointer."},
        },
    }


def _response(problem: Problem) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "description": f"{problem.title}.",
        "content": {
            "application/problem+json": {
                "schema": {"$ref": "#/components/schemas/Problem"},
                "example": problem.body(),
            }
        },
    }
    if "retry-after" in problem.headers():
        answer["headers"] = {"Retry-After": {"schema": {"type": "integer"}, "description": "Seconds."}}
    return answer


def main(arguments: list[str]) -> int:
    """0 when the file is as generated (or has been written)."""
    if arguments == ["--check"]:
        differs = not FILE.exists() or FILE.read_text(encoding="utf-8") != rendered()
        if differs:
            sys.stderr.write(f"not as generated: {FILE.name}; run `make schemas` and commit\n")
        return int(differs)
    FILE.write_text(rendered(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
