"""One marked test update to a retailer's hook, by the caller that makes the real ones, watched step by step."""

from __future__ import annotations

import asyncio
import ssl
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import aiohttp

from contracts.retailers import Retailer
from contracts.returns import Meaning, ReturnEvent
from contracts.tracking import Source
from streams.agents.tracking_forward import CALL_TIMEOUT_S, HookAnswer, HookCall
from streams.callers.guard import Resolver, resolve, tls
from streams.callers.hook import HookCaller, public_url
from streams.domain.hook_formats import FORMATS
from streams.engine.outbox import Call
from streams.secrets import Secrets

TEST = "RETURNSTREAMS-TEST"
"""What stands in a test update where a real one has the order and the parcel."""

# Of what came back: enough for an error's message.
SHOWN_BYTES = 500
# A receiver that has answered and then drips is not waited for.
_BODY_S = 2.0


@dataclass(slots=True)
class Seen:
    """What was seen of the call. Times: seconds on the monotonic clock, None for a step that was not reached.

    secured: the TLS connection, None before there is one. body: the first bytes of the answer.
    """

    began: float | None = None
    resolving: float | None = None
    resolved: float | None = None
    tls_began: float | None = None
    connected: float | None = None
    sent: float | None = None
    answered: float | None = None
    secured: ssl.SSLObject | None = None
    location: str | None = None
    body: bytes = b""

    @property
    def steps(self) -> dict[str, float]:
        """Seconds of each step that was gone through, in their order."""
        dialled = self.resolved if self.resolved is not None else self.began
        found = {
            "DNS": _between(self.resolving, self.resolved),
            "connect": _between(dialled, self.tls_began or self.connected),
            "TLS": _between(self.tls_began, self.connected),
            "first byte": _between(self.sent, self.answered),
        }
        return {name: seconds for name, seconds in found.items() if seconds is not None}

    @property
    def certificate_ends(self) -> datetime | None:
        """When the receiver's certificate expires; None where it was not accepted."""
        certificate = self.secured.getpeercert() if self.secured is not None and self.connected is not None else None
        if not certificate:
            return None
        return datetime.fromtimestamp(ssl.cert_time_to_seconds(str(certificate["notAfter"])), UTC)

    @property
    def tls_version(self) -> str | None:
        """`TLSv1.3`."""
        return self.secured.version() if self.secured is not None and self.connected is not None else None


@dataclass(frozen=True, slots=True)
class Trial:
    """A test update, and what became of it. webhook_id: by which the receiver's log has it."""

    webhook_id: str
    payload: list[dict[str, str]]
    answer: HookAnswer
    seen: Seen = field(default_factory=Seen)


async def try_hook(
    retailer: Retailer,
    secrets: Secrets,
    now: datetime,
    *,
    verify: ssl.SSLContext | None = None,
    resolver: Resolver = resolve,
) -> Trial:
    """Send one. ValueError where the retailer has no hook."""
    if retailer.hook is None:
        raise ValueError(f"retailer {retailer.id!r} has no hook")
    seen = Seen()
    context = verify or tls()
    _watch_tls(context, seen)
    known: Mapping[str, Retailer] = {retailer.id: retailer}
    caller = HookCaller(known, secrets, verify=context, resolver=resolver, traces=[_watching(seen)])
    call = trial_call(retailer, now)
    try:
        answer = await caller(call)
    finally:
        await caller.aclose()
    return Trial(call.id, call.intent.payload, answer, seen)


def trial_call(retailer: Retailer, now: datetime) -> Call[HookCall]:
    """A first scan of a return that is none, in the hook's own format."""
    if retailer.hook is None:
        raise ValueError(f"retailer {retailer.id!r} has no hook")
    event = ReturnEvent(
        event_id=TEST,
        retailer=retailer.id,
        order_key=f"{retailer.id}/{TEST}",
        consignment=TEST,
        consignment_no=TEST,
        meaning=Meaning.FIRST_SCAN,
        code="RT",
        local_time=now.isoformat(),
        at=now,
        carrier=TEST,
        source=Source(sender="returnstreams", account="hooks test", retailers=(retailer.id,)),
    )
    told = FORMATS[retailer.hook.format]
    payload = told.body(event, Meaning.FIRST_SCAN) or []
    intent = HookCall(
        retailer=retailer.id,
        order_key=event.order_key,
        code=told.code(Meaning.FIRST_SCAN) or "",
        payload=payload,
    )
    deadline = now + timedelta(seconds=CALL_TIMEOUT_S)
    return Call("hook", event.order_key, 1, f"test-{uuid.uuid4()}", intent, 1, now, deadline)


def _watch_tls(context: ssl.SSLContext, seen: Seen) -> None:
    """asyncio asks the context for a TLS connection once the one below it is made: the client tells no such step."""
    wrap = context.wrap_bio

    def wrap_bio(*arguments: Any, **named: Any) -> ssl.SSLObject:
        seen.tls_began = time.monotonic()
        seen.secured = wrap(*arguments, **named)
        return seen.secured

    context.wrap_bio = wrap_bio  # type: ignore[method-assign]


def _watching(seen: Seen) -> aiohttp.TraceConfig:
    def note(name: str) -> Any:
        async def noted(session: aiohttp.ClientSession, context: SimpleNamespace, parameters: Any) -> None:
            setattr(seen, name, time.monotonic())

        return noted

    async def ended(
        session: aiohttp.ClientSession, context: SimpleNamespace, parameters: aiohttp.TraceRequestEndParams
    ) -> None:
        seen.answered = time.monotonic()
        location = parameters.response.headers.get("location")
        seen.location = public_url(location) if location else None
        try:
            async with asyncio.timeout(_BODY_S):
                seen.body = (await parameters.response.content.readany())[:SHOWN_BYTES]
        except (TimeoutError, aiohttp.ClientError):
            pass  # the status is known, and says more

    found = aiohttp.TraceConfig()
    found.on_connection_create_start.append(note("began"))
    found.on_dns_resolvehost_start.append(note("resolving"))
    found.on_dns_resolvehost_end.append(note("resolved"))
    found.on_connection_create_end.append(note("connected"))
    found.on_request_chunk_sent.append(note("sent"))
    found.on_request_end.append(ended)
    return found


def _between(begin: float | None, end: float | None) -> float | None:
    return None if begin is None or end is None else end - begin
