"""What came back from a hook, or did not, in words that hold nothing secret."""

from __future__ import annotations

import errno
import os
import ssl
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import aiohttp

from streams.agents.hook_calls import HookAnswer
from streams.callers.guard import NotPublic

_REDIRECTS = frozenset({301, 302, 303, 307, 308})


def answer_of(response: aiohttp.ClientResponse, now: datetime) -> HookAnswer:
    """What a status means. It is all that counts: nothing else in the answer can take it back."""
    error = None
    if response.status in _REDIRECTS and "location" in response.headers:
        error = "redirects are not followed: the hook's address must be the final one"
    elif not 200 <= response.status < 300:
        error = f"HTTP {response.status}"
    return HookAnswer(
        status=response.status, error=error, retry_after_s=_retry_after_s(response.headers.get("retry-after"), now)
    )


def why(error: Exception) -> str:
    """What happened, in words that cannot hold a header's value: the messages of libraries may."""
    # The client's own errors are those of the TLS library too, but have nothing of what it knew.
    for cause in (each for each in _causes(error) if not isinstance(each, aiohttp.ClientError)):
        if isinstance(cause, NotPublic):
            return f"nothing was sent: {cause}"
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"the certificate is not trusted: {cause.verify_message}"
        if isinstance(cause, ssl.SSLError):
            return f"TLS failed: {cause.reason}"
        if isinstance(cause, OSError) and cause.errno is not None and cause.errno in errno.errorcode:
            return f"{_step(error)} failed: {os.strerror(cause.errno)}"
    return f"{_step(error)} failed ({type(error).__name__})"


def _retry_after_s(written: str | None, now: datetime) -> float | None:
    """Seconds, from either form of the header (RFC 9110); None where it says nothing that can be read."""
    if written is None:
        return None
    if written.isascii() and written.isdigit():
        return float(written.lstrip("0")[:9] or 0)
    try:
        at = parsedate_to_datetime(written)
    except (ValueError, OverflowError):  # of a year or an offset with twenty digits it says the latter
        return None
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - now).total_seconds())


def _causes(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in found:
        found.append(cause)
        # Several addresses were tried: any of them tells as much as another.
        inner = getattr(cause, "exceptions", ())
        cause = inner[0] if inner else cause.__cause__ or cause.__context__
    return found


def _step(error: Exception) -> str:
    steps: dict[type[Exception], str] = {
        aiohttp.ClientConnectorError: "connecting",
        aiohttp.InvalidURL: "the hook's address",
        aiohttp.ServerDisconnectedError: "reading the answer",
        aiohttp.ClientOSError: "reading the answer",
        aiohttp.ClientPayloadError: "reading the answer",
        aiohttp.ClientResponseError: "reading the answer",
    }
    return next((step for kind, step in steps.items() if isinstance(error, kind)), "the call")
