"""One request through the door: read within bounds, verify, split, publish, answer."""

from __future__ import annotations

import asyncio
import contextlib
import time
import traceback
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import orjson
import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from contracts.trace import Trace
from producers import tracing
from producers.accounts import Account
from producers.budget import Budget, OverBudget
from producers.metrics import Metrics
from producers.problems import (
    HeadersTooLarge,
    Problem,
    TooLarge,
    TooMany,
    TooSlow,
    Unauthenticated,
    Unavailable,
    WrongMediaType,
)
from producers.publisher import Publishes
from producers.retailers import Directory
from producers.sources.base import Received, Sender, Split

log = structlog.get_logger(__name__)

MAX_BODY_BYTES = 10 * 1024 * 1024
# Shopify gives itself 5 s for all, and 10 MiB take 8 s at 10 Mbit/s: slower is not a sender, it is an attack.
BODY_TIMEOUT_S = 10.0
# What is read on, and thrown away, of a body that is too large.
MAX_DISCARDED_BYTES = 64 * 1024 * 1024
DISCARD_TIMEOUT_S = 2.0
# From the body's last byte to the answer; less than the 2.5 s that are promised by what the loop may be late.
ANSWER_WITHIN_S = 2.4
# Real ones are 1 to 2 KB. uvicorn has the same bound, but looks at it only while some are missing.
MAX_HEADER_BYTES = 16 * 1024
# Of the requests in flight, one sender may have half and one of its accounts a quarter: the others are still served.
SENDERS_SHARE, ACCOUNTS_SHARE = 2, 4


_NO_QUERY: Mapping[str, str] = MappingProxyType({})


class ClientGone(Exception):
    """The sender hung up before its body was complete: nothing was written, and nobody hears an answer."""


@dataclass(slots=True)
class Door:
    """What all requests share. `draining`: `/readyz` says no, while those under way are still served.

    clock: seconds since 1970, for signatures that hold the time of sending.
    """

    accounts: Mapping[str, Sequence[Account]]
    directory: Directory
    publisher: Publishes
    metrics: Metrics
    reading: Budget
    max_requests: int
    retailers_known: Callable[[], bool]
    clock: Callable[[], float] = time.time
    draining: bool = False
    requests: int = field(default=0, init=False)
    shares: Counter[str] = field(default_factory=Counter, init=False)

    def not_ready(self) -> list[str]:
        """Why requests would not be taken now; empty when they would."""
        reasons = {
            "draining": self.draining,
            "the retailers are not read yet": not self.retailers_known(),
            "the brokers do not answer": not self.publisher.ready,
        }
        return [reason for reason, holds in reasons.items() if holds]

    async def answer(self, sender: Sender[Any], request: Request) -> Response:
        """The answer to one request, whatever happens."""
        with tracing.receiving(sender.path, request) as receiving:
            response = await self._answer(sender, request, receiving.trace)
            receiving.answered(response)
        return response

    async def _answer(self, sender: Sender[Any], request: Request, trace: Trace) -> Response:
        began = time.monotonic()
        self.requests += 1
        try:
            response = await self._taken(sender, request, trace)
        except Problem as problem:
            response = problem.response()
            log.info("refused", action="refused", sender=sender.name, status=problem.status, problem=problem.word)
        except ClientGone:
            # 499 is nginx's word for it; it only ever reaches the metrics.
            response = Response(status_code=499)
        except Exception as error:
            # A bug. Its message may hold a piece of the body, so only its kind and its place are logged.
            response = Problem().response()
            log.error("bug", action="bug", sender=sender.name, error=type(error).__name__, where=_place(error))
        finally:
            self.requests -= 1
        if self.draining:
            # The port closes in a moment: the next request is not to meet that on this connection.
            response.headers["connection"] = "close"
        self.metrics.answered(sender.name, response.status_code, time.monotonic() - began)
        return response

    async def _taken(self, sender: Sender[Any], request: Request, trace: Trace) -> Response:
        if self.requests > self.max_requests:
            raise Unavailable("too many requests are in flight", cause="full")
        headers = _headers(request)
        taken = [0]
        try:
            with _Share(self, sender.accounts, SENDERS_SHARE):
                split = await self._published(sender, request, headers, trace, taken)
        finally:
            self.reading.give(taken[0])
        self._count(sender, split)
        if split.answer is None:
            return Response(status_code=200)
        return Response(orjson.dumps(split.answer), media_type="application/json")

    async def _published(
        self, sender: Sender[Any], request: Request, headers: Mapping[str, str], trace: Trace, taken: list[int]
    ) -> Split:
        raw = await self._body(request, taken)
        until = time.monotonic() + ANSWER_WITHIN_S
        account, received = self._verified(sender, request, headers, raw)
        with _Share(self, f"{sender.accounts}/{account.name}", ACCOUNTS_SHARE):
            split = sender.split(account, received, self.directory)
            if split.messages:
                with tracing.sending(split.messages, trace) as messages:
                    await self.publisher.publish(messages, until)
        return split

    def _verified(
        self, sender: Sender[Any], request: Request, headers: Mapping[str, str], raw: bytes
    ) -> tuple[Account, Received]:
        path_token = request.path_params.get("path_token")
        query = request.query_params if request.scope["query_string"] else _NO_QUERY
        received = Received(headers, raw, path_token, query, self.clock())
        account = sender.verify(received, self.accounts.get(sender.accounts, ()))
        if account is None:
            raise Unauthenticated
        if not account.reaches_us_from(request.client.host if request.client else ""):
            # Nobody outside learns that the secret was right.
            log.warning("not from its networks", action="foreign_network", sender=sender.name, account=account.name)
            raise Unauthenticated
        # Before its end is reached, an unknown name may only be one that is not read yet.
        if not self.retailers_known():
            raise Unavailable("the retailers are not read yet", cause="retailers")
        return account, received

    async def _body(self, request: Request, taken: list[int]) -> bytes:
        """The body, counted while it streams in, whether or not it announced its length."""
        chunks: list[bytes] = []
        stream = request.stream()
        try:
            async with asyncio.timeout(BODY_TIMEOUT_S):
                async for chunk in stream:
                    if taken[0] + len(chunk) > MAX_BODY_BYTES:
                        await _discard(stream)
                        raise TooLarge(f"at most {MAX_BODY_BYTES} bytes are taken")
                    self.reading.take(len(chunk))
                    taken[0] += len(chunk)
                    chunks.append(chunk)
        except TimeoutError as error:
            raise TooSlow(f"the body must arrive within {BODY_TIMEOUT_S:.0f} s") from error
        except OverBudget as error:
            raise Unavailable("too much is in flight", cause="full") from error
        except ClientDisconnect as error:
            raise ClientGone from error
        return b"".join(chunks)

    def _count(self, sender: Sender[Any], split: Split) -> None:
        self.metrics.took(sender.name, split.outcome)
        for reason in split.kept:
            self.metrics.kept.labels(sender.name, reason).inc()
            log.warning("kept in the dead letters", action="kept", sender=sender.name, reason=reason)


class _Share:
    """One request of a sender or an account among those in flight. TooMany where its share is used up."""

    __slots__ = ("_shares", "_whose")

    def __init__(self, door: Door, whose: str, of: int) -> None:
        most = max(1, door.max_requests // of)
        if door.shares[whose] >= most:
            raise TooMany(f"at most {most} at once")
        self._shares, self._whose = door.shares, whose

    def __enter__(self) -> None:
        self._shares[self._whose] += 1

    def __exit__(self, *error: object) -> None:
        self._shares[self._whose] -= 1


def _place(error: BaseException) -> str:
    frames = traceback.extract_tb(error.__traceback__)
    return f"{frames[-1].filename}:{frames[-1].lineno}" if frames else ""


async def _discard(stream: AsyncIterator[bytes]) -> None:
    """Read on for a moment without keeping anything: most clients hear an answer only after they have sent all."""
    discarded = 0
    with contextlib.suppress(TimeoutError, ClientDisconnect):
        async with asyncio.timeout(DISCARD_TIMEOUT_S):
            async for chunk in stream:
                discarded += len(chunk)
                if discarded > MAX_DISCARDED_BYTES:
                    return


def _headers(request: Request) -> dict[str, str]:
    """The headers, within their bound, of a body that we read. Read once: Starlette's go through all for each look."""
    size = len(request.scope.get("raw_path", b"")) + len(request.scope["query_string"])
    found: dict[str, str] = {}
    for name, value in reversed(request.headers.raw):  # of several, the first one counts
        size += len(name) + len(value)
        found[name.decode("latin-1")] = value.decode("latin-1")
    if size > MAX_HEADER_BYTES:
        raise HeadersTooLarge(f"at most {MAX_HEADER_BYTES} bytes are taken")
    encoding = found.get("content-encoding", "identity").strip().lower()
    media_type = found.get("content-type", "").partition(";")[0].strip().lower()
    # Without a type of its own the body decides; some carriers send none.
    if encoding != "identity" or (
        media_type and media_type not in ("application/json", "text/json") and not media_type.endswith("+json")
    ):
        raise WrongMediaType
    return found
