"""Telling a retailer's hook: one POST for one call, and an answer whatever happens."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from importlib.metadata import version

import aiohttp
import orjson
from opentelemetry.trace import SpanKind
from standardwebhooks import Webhook
from yarl import URL

from contracts.retailers import Hook, Retailer
from contracts.trace import Trace
from streams import observability
from streams.agents.hook_calls import HookAnswer, HookCall, version_of
from streams.callers.guard import DIALLED, Resolver, connector, resolve, tls
from streams.callers.hook_answers import answer_of, why
from streams.engine.outbox import Call
from streams.observability import Step
from streams.secrets import Secrets, SecretUnreadable

USER_AGENT = f"returnstreams/{version('returnstreams')}"

# Nobody reads what a receiver has to say; this much is taken so that its connection can be used again.
LARGEST_ANSWER_BYTES = 64 * 1024
MOST_HEADERS = 1000

NO_HOOK = "the retailer has no hook"
NO_URL = "(not a URL)"
NOT_HTTPS = "nothing was sent: the hook's address is not https"
UNSIGNED = "the hook's secret is not there: nothing was sent, for it would have gone unsigned"


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long a receiver may take.

    connect_s: for the connection, and again for TLS. whole_s: from the start to the status, whatever drips in between.
    drain_s: for the rest of an answer whose status is known; it changes nothing any more.
    """

    connect_s: float = 3
    whole_s: float = 15
    drain_s: float = 2


class HookCaller:
    """Makes the calls of tracking-forward's outbox. Never raises: every failure becomes an answer that says why.

    retailers: read at each call, so that a corrected hook serves what is owed. verify: by whom certificates must be
    vouched for. resolver: of the hosts' names. traces: told of each step of each call.
    """

    def __init__(
        self,
        retailers: Mapping[str, Retailer],
        secrets: Secrets,
        *,
        timeouts: Timeouts | None = None,
        verify: ssl.SSLContext | None = None,
        resolver: Resolver = resolve,
        traces: Sequence[aiohttp.TraceConfig] = (),
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._retailers = retailers
        self._secrets = secrets
        self._timeouts = timeouts or Timeouts()
        self._verify = verify or tls()
        self._resolver = resolver
        self._traces = list(traces)
        self._now = now
        self._sessions: dict[tuple[bool, bool], aiohttp.ClientSession] = {}

    def _session(self, *, guarded: bool, kept: bool = True) -> aiohttp.ClientSession:
        """By whether addresses are guarded, for a connection that one retailer may open must not be there for another
        to find; and by whether connections are kept for the next call."""
        if (guarded, kept) not in self._sessions:
            connect_s = self._timeouts.connect_s
            self._sessions[guarded, kept] = aiohttp.ClientSession(
                connector=connector(
                    guarded=guarded, verify=self._verify, resolver=self._resolver, timeout_s=connect_s, kept=kept
                ),
                # The bounds on the whole are ours; those of the client start anew with each byte.
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=connect_s),
                cookie_jar=aiohttp.DummyCookieJar(),
                # Nobody looks into an answer, and a packed one of 64 KB may be a gigabyte.
                auto_decompress=False,
                # Nor into its headers: however many and long they are, they must not hide the status.
                max_line_size=LARGEST_ANSWER_BYTES,
                max_field_size=LARGEST_ANSWER_BYTES,
                max_headers=MOST_HEADERS,
                # A .netrc or a proxy of the environment must not decide who gets a retailer's updates and secrets.
                trust_env=False,
                trace_configs=self._traces,
            )
        return self._sessions[guarded, kept]

    async def __call__(self, call: Call[HookCall]) -> HookAnswer:
        """Make one attempt. Only a cancellation comes out as an exception."""
        retailer = self._retailers.get(call.intent.retailer)
        if retailer is None or retailer.hook is None:
            return HookAnswer(error=NO_HOOK)
        began = time.monotonic()
        url = public_url(retailer.hook.url)
        about = _about(url, call) if observability.collecting() else {}
        with observability.step("POST", SpanKind.CLIENT, call.trace, about) as step:
            answer = await self._attempt(call, retailer.hook, call.trace if step is None else step.trace)
            _tell(step, answer)
        duration_ms = round((time.monotonic() - began) * 1000, 3)
        return answer.model_copy(update={"url": url, "duration_ms": duration_ms, "hook": version_of(retailer)})

    async def aclose(self) -> None:
        """Let go of all connections."""
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()

    async def _attempt(self, call: Call[HookCall], hook: Hook, trace: Trace | None) -> HookAnswer:
        try:
            body = orjson.dumps(call.intent.payload)
            headers = self._headers(call.id, body, hook)
            if headers is None:
                return HookAnswer(error=UNSIGNED)
            if trace is not None:
                headers |= trace.headers
            url = _parsed(hook.url)
            if url.scheme != "https" and not hook.allow_private:
                return HookAnswer(error=NOT_HTTPS)
            async with asyncio.timeout(self._timeouts.whole_s):
                response = await self._post(url, body, headers, guarded=not hook.allow_private)
        except SecretUnreadable as error:
            return HookAnswer(error=f"the hook's secret cannot be used, nothing was sent: {error}")
        except aiohttp.ConnectionTimeoutError:
            return HookAnswer(error=f"no connection within {self._timeouts.connect_s:g} s")
        except TimeoutError:
            return HookAnswer(error=f"no answer within {self._timeouts.whole_s:g} s")
        except Exception as error:  # the outbox needs an answer, and whatever this is, another attempt may not meet it
            return HookAnswer(error=why(error))
        await self._drain(response)
        return answer_of(response, self._now())

    async def _post(self, url: URL, body: bytes, headers: dict[str, str], *, guarded: bool) -> aiohttp.ClientResponse:
        """Post it; at once on a new connection where a kept one turns out to have been closed by the receiver.

        Many close theirs without a word, some after each answer. It says nothing against this update, and where the
        receiver has taken it all the same, it knows the repeat by its id.
        """
        dialled: list[str] = []
        DIALLED.set(dialled)
        try:
            return await self._session(guarded=guarded).post(url, data=body, headers=headers, allow_redirects=False)
        except aiohttp.ClientConnectorError:
            raise
        except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
            if dialled:
                raise
        anew = self._session(guarded=guarded, kept=False)
        return await anew.post(url, data=body, headers=headers, allow_redirects=False)

    def _headers(self, call_id: str, body: bytes, hook: Hook) -> dict[str, str] | None:
        """The headers, None where the secret that the hook names is not there."""
        now = self._now()
        headers = {
            "content-type": "application/json",
            "user-agent": USER_AGENT,
            # Its bytes are not read, so there is nothing to gain from having them packed.
            "accept-encoding": "identity",
            "webhook-id": call_id,
            "webhook-timestamp": str(int(now.timestamp())),
        }
        if hook.secret_ref is None:
            return headers
        secret = self._secrets.get(hook.secret_ref)
        if secret is None:
            return None
        signatures = [_signed(key, call_id, now, body) for key in secret.texts("signing")]
        if signatures:
            headers["webhook-signature"] = " ".join(signatures)
        for field, header in (("username", "Username"), ("password", "Password")):
            value = secret.text(field)
            if value is not None:
                headers[header] = _header_value(field, value)
        return headers

    async def _drain(self, response: aiohttp.ClientResponse) -> None:
        """Take a small rest of the answer, so that its connection lives on; drop the connection for any other."""
        if response.content.is_eof():
            return  # all of it came with the status, and its connection is free again
        taken = 0
        try:
            # Whatever comes behind it: the status is known, and nothing changes it any more.
            with contextlib.suppress(Exception):
                async with asyncio.timeout(self._timeouts.drain_s):
                    async for chunk in response.content.iter_any():
                        taken += len(chunk)
                        if taken > LARGEST_ANSWER_BYTES:
                            break
        finally:
            response.close()


def _about(url: str, call: Call[HookCall]) -> dict[str, str | int]:
    parsed = URL(url) if url != NO_URL else URL()
    about: dict[str, str | int] = {
        "http.request.method": "POST",
        "url.full": url,
        "server.address": parsed.host or "",
        "http.request.resend_count": call.attempt - 1,
    }
    return about if parsed.explicit_port is None else about | {"server.port": parsed.explicit_port}


def _tell(step: Step | None, answer: HookAnswer) -> None:
    if step is None:
        return
    if answer.status is not None:
        step.note({"http.response.status_code": answer.status})
    if answer.error is not None:
        step.fail(str(answer.status or "no_answer"))


@lru_cache
def _parsed(url: str) -> URL:
    return URL(url)


@lru_cache
def public_url(url: str) -> str:
    """Scheme, host, port and path: where it went, without what may be secret."""
    try:
        return str(URL(url).with_user(None).with_query(None).with_fragment(None))
    except ValueError:
        return NO_URL


def _signed(key: str, call_id: str, at: datetime, body: bytes) -> str:
    try:
        return _signer(key).sign(call_id, at, body.decode())
    except Exception:  # base64, an empty key: each library version has its own, and any of them may quote the key
        raise SecretUnreadable("'signing' must be 'whsec_' and base64") from None


@lru_cache
def _signer(key: str) -> Webhook:
    return Webhook(key)


def _header_value(field: str, value: str) -> str:
    if not (value.isascii() and value.isprintable()):
        raise SecretUnreadable(f"{field!r} must be printable ASCII to go into a header")
    return value
