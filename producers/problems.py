"""What is said to a sender whose request was not taken: RFC 9457 problems.

Problem
├── NoSuchPath         404 or 405, said by the router
├── NotHttp            400, said by the connection
├── NotJson            400
├── Unauthenticated    401, says nothing about why
├── Unknown            404, names the near one; only ever after authentication
├── TooSlow            408, the body did not come in time
├── TooLarge           413
├── WrongMediaType     415
├── Invalid            422, each bad field by its JSON pointer
├── TooMany            429 with Retry-After; has written nothing
├── HeadersTooLarge    431
└── Unavailable        503 with Retry-After; may have written, and every repeat is safe
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson

from producers.answers import Answer

# Long enough for a leader election, short enough that a sender with few retries comes back in the same minute.
RETRY_AFTER_S = 5


@dataclass(frozen=True, slots=True)
class FieldError:
    """One bad field. pointer: RFC 6901, from the root of the body."""

    pointer: str
    detail: str


class Problem(Exception):
    """A request that is not taken. `detail` is for the sender: thing, value and remedy, nothing personal."""

    status = 500
    word = "internal"
    title = "Internal error"

    def __init__(self, detail: str | None = None, errors: Sequence[FieldError] = ()) -> None:
        super().__init__(detail or self.title)
        self.detail = detail
        self.errors = tuple(errors)

    def headers(self) -> dict[str, str]:
        """What the status code asks for beside the body."""
        return {}

    def body(self) -> dict[str, object]:
        """The problem's JSON."""
        body: dict[str, object] = {
            "type": f"urn:returnstreams:problem:{self.word}",
            "title": self.title,
            "status": self.status,
        }
        if self.detail is not None:
            body["detail"] = self.detail
        if self.errors:
            body["errors"] = [{"pointer": error.pointer, "detail": error.detail} for error in self.errors]
        return body

    def answer(self) -> Answer:
        """The problem as it goes out."""
        return Answer(self.status, orjson.dumps(self.body()), "application/problem+json", self.headers())


class NoSuchPath(Problem):
    """Nothing is served there, or not by this method."""

    word, title = "no-such-path", "Nothing is served here"

    def __init__(self, status: int, headers: Mapping[str, str] | None = None) -> None:
        super().__init__()
        self.status = status
        self._headers = dict(headers or {})

    def headers(self) -> dict[str, str]:
        """`Allow`, where only the method is wrong."""
        return self._headers


class NotHttp(Problem):
    """What came is no HTTP that could be read: also two lengths of one body, or a length beside chunks."""

    status, word, title = 400, "not-http", "This is no HTTP request that can be read"

    def headers(self) -> dict[str, str]:
        """Nobody knows where the next request would begin."""
        return {"connection": "close"}


class NotJson(Problem):
    """The body cannot be read as JSON."""

    status, word, title = 400, "not-json", "The body is not JSON"


class Unauthenticated(Problem):
    """Signature, token or path do not fit. One text for all, so that nobody learns which."""

    status, word, title = 401, "unauthenticated", "Not authenticated"

    def headers(self) -> dict[str, str]:
        """RFC 9110 wants a challenge with every 401."""
        return {"www-authenticate": "Token"}


class Unknown(Problem):
    """No such retailer or shop."""

    status, word, title = 404, "unknown", "Unknown retailer or shop"


class TooSlow(Problem):
    """The body did not arrive in time."""

    status, word, title = 408, "too-slow", "The body took too long"

    def headers(self) -> dict[str, str]:
        """The rest of the body would be read as the next request."""
        return {"connection": "close"}


class TooLarge(Problem):
    """The body is larger than we take."""

    status, word, title = 413, "too-large", "The body is too large"

    def headers(self) -> dict[str, str]:
        """The rest of the body will not be read."""
        return {"connection": "close"}


class WrongMediaType(Problem):
    """Not JSON by its own account, or compressed."""

    status, word, title = 415, "wrong-media-type", "The body must be application/json, not compressed"


class Invalid(Problem):
    """JSON, but not what the format says."""

    status, word, title = 422, "invalid", "Some fields are missing or wrong"


class TooMany(Problem):
    """This sender, or this account, has more requests in flight than its share; others are still served."""

    status, word, title = 429, "too-many", "Too many requests of yours are in flight"

    def headers(self) -> dict[str, str]:
        """When to come back."""
        return {"retry-after": str(RETRY_AFTER_S)}


class HeadersTooLarge(Problem):
    """The headers, or the address with its parameters, are larger than we take."""

    status, word, title = 431, "headers-too-large", "The headers are too large"

    def headers(self) -> dict[str, str]:
        """The body will not be read."""
        return {"connection": "close"}


class Unavailable(Problem):
    """The brokers are slow or gone, or too much is in flight."""

    status, word, title = 503, "unavailable", "Not safely stored: try again"

    def __init__(self, detail: str | None = None, *, cause: str = "broker") -> None:
        super().__init__(detail)
        self.cause = cause

    def headers(self) -> dict[str, str]:
        """When to come back."""
        return {"retry-after": str(RETRY_AFTER_S)}


def pointer(*parts: str | int) -> str:
    """A JSON pointer (RFC 6901) of these parts."""
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)
