"""An answer of the Admin API, read: its data, its cost, or the error that it stands for. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from streams.shopify.errors import (
    AccessDenied,
    BadDocument,
    Refused,
    ShopifyError,
    Throttled,
    TooCostly,
    Unreachable,
    UserError,
    UserErrors,
)
from streams.shopify.throttle import Cost

_CODES: Mapping[str, type[Refused]] = {
    "ACCESS_DENIED": AccessDenied,
    "MAX_COST_EXCEEDED": TooCostly,
}
_STATUSES: Mapping[int, tuple[type[Refused], str]] = {
    401: (AccessDenied, "its access token is not valid: put a valid one into its secret"),
    402: (Refused, "the shop is frozen for its bills"),
    403: (AccessDenied, "its app may not do that: check the app's scopes"),
    404: (Refused, "there is no such shop, or no such API version"),
    423: (Refused, "the shop is locked"),
}


@dataclass(frozen=True, slots=True)
class Answer:
    """data: of an answer without errors. error: otherwise. cost: where the answer told. again_in_s: of a 429."""

    data: dict[str, Any]
    cost: Cost | None = None
    error: ShopifyError | None = None
    again_in_s: float | None = None


def read(status: int, body: bytes, document: str, retry_after: str | None = None) -> Answer:
    """What this answer says. Never raises."""
    if status == 429:
        # orders/…: the shop is calling us too fast; Shopify names seconds, often "2.0".
        return Answer({}, error=Throttled(f"{document}: the shop answers 429"), again_in_s=_seconds(retry_after))
    if status in _STATUSES:
        kind, why = _STATUSES[status]
        return Answer({}, error=kind(f"{document}: HTTP {status}: {why}"))
    if status >= 500:
        return Answer({}, error=Unreachable(f"{document}: HTTP {status}", sent=True))
    if status != 200:
        return Answer({}, error=Refused(f"{document}: HTTP {status}"))
    try:
        parsed = orjson.loads(body)
    except orjson.JSONDecodeError:
        parsed = None
    if not isinstance(parsed, dict):
        return Answer({}, error=Unreachable(f"{document}: the answer is no JSON object", sent=True))
    cost = _cost(parsed.get("extensions"))
    errors, data = parsed.get("errors"), parsed.get("data")
    if errors:
        return Answer({}, cost, _error(errors, document))
    if not isinstance(data, dict):
        return Answer({}, cost, Unreachable(f"{document}: the answer has neither data nor errors", sent=True))
    return Answer(data, cost, _user_errors(data, document))


def _error(errors: object, document: str) -> ShopifyError:
    """The first error decides; its message may quote a variable, so only its code and place are repeated."""
    first = errors[0] if isinstance(errors, list) and errors else errors
    if not isinstance(first, dict):
        return Refused(f"{document}: refused without a reason that could be read")
    extensions = first.get("extensions")
    code = extensions.get("code") if isinstance(extensions, dict) else None
    if code == "THROTTLED":
        return Throttled(f"{document}: the shop's bucket is empty")
    if code == "INTERNAL_SERVER_ERROR":
        return Unreachable(f"{document}: the shop failed inside", sent=True)
    path = ".".join(map(str, first.get("path") or ()))
    where = f" at {path}" if path else ""
    if isinstance(code, str) and code in _CODES:
        return _CODES[code](f"{document}: {code}{where}")
    return BadDocument(f"{document}: {code or 'not valid'}{where}")


def _user_errors(data: Mapping[str, Any], document: str) -> UserErrors | None:
    found = [
        UserError(str(error.get("message", "")), ".".join(map(str, error.get("field") or ())), error.get("code"))
        for payload in data.values()
        if isinstance(payload, dict)
        for error in payload.get("userErrors") or ()
    ]
    return UserErrors(document, found) if found else None


def _cost(extensions: object) -> Cost | None:
    try:
        cost = extensions["cost"]  # type: ignore[index]
        status = cost["throttleStatus"]
        actual = cost.get("actualQueryCost")
        return Cost(
            requested=float(cost["requestedQueryCost"]),
            actual=None if actual is None else float(actual),
            maximum=float(status["maximumAvailable"]),
            available=float(status["currentlyAvailable"]),
            restore_rate=float(status["restoreRate"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        return None


def _seconds(written: str | None) -> float | None:
    try:
        seconds = float(written or "")
    except ValueError:
        return None
    return seconds if 0 <= seconds < float("inf") else None
