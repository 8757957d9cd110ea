"""One request as ASGI hands it over: its headers, read once, and its body; both within bounds."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from itertools import chain
from types import MappingProxyType
from typing import NoReturn

from starlette.datastructures import QueryParams
from starlette.types import Message, Receive, Scope

from producers.budget import Budget, OverBudget
from producers.problems import HeadersTooLarge, TooLarge, TooSlow, Unavailable, WrongMediaType
from producers.waiting import Begun

MAX_BODY_BYTES = 10 * 1024 * 1024
# Shopify gives itself 5 s for all, and 10 MiB take 8 s at 10 Mbit/s: slower is not a sender, it is an attack.
BODY_TIMEOUT_S = 10.0
# What is read on, and thrown away, of a body that is too large.
MAX_DISCARDED_BYTES = 64 * 1024 * 1024
DISCARD_TIMEOUT_S = 2.0
# Real ones are 1 to 2 KB. The connection has the same bound for those that do not come to an end.
MAX_HEADER_BYTES = 16 * 1024

_NO_QUERY: Mapping[str, str] = MappingProxyType({})


class ClientGone(Exception):
    """The sender hung up before its body was complete: nothing was written, and nobody hears an answer."""


class Incoming:
    """headers: by name in lower case, of several with one name the first. path_token: what the path ends in.

    taken: bytes of its body that were counted into a budget so far.
    """

    __slots__ = ("_receive", "headers", "path_token", "scope", "taken")

    def __init__(self, scope: Scope, receive: Receive, path_token: str | None = None) -> None:
        self.scope = scope
        self.path_token = path_token
        self.taken = 0
        # Blanks around a value are no part of it; the parser leaves those behind it.
        self.headers = {
            name.decode("latin-1"): value.strip(b" \t").decode("latin-1") for name, value in reversed(scope["headers"])
        }
        self._receive = receive

    @property
    def host(self) -> str:
        """The address it comes from, "" where nobody knows."""
        client = self.scope.get("client")
        return client[0] if client else ""

    @property
    def query(self) -> Mapping[str, str]:
        """The parameters behind the path."""
        text = self.scope["query_string"]
        return QueryParams(text) if text else _NO_QUERY

    def all(self, name: str) -> list[str]:
        """The values of all headers of one name."""
        wanted = name.encode()
        return [value.decode("latin-1") for known, value in self.scope["headers"] if known == wanted]

    def check(self, *, any_type: bool = False) -> None:
        """HeadersTooLarge or WrongMediaType where we would not read its body. any_type: whatever it calls it."""
        scope = self.scope
        size = len(scope.get("raw_path") or b"") + len(scope["query_string"])
        if size + sum(map(len, chain.from_iterable(scope["headers"]))) > MAX_HEADER_BYTES:
            raise HeadersTooLarge(f"at most {MAX_HEADER_BYTES} bytes are taken")
        if any_type:
            return
        if self.headers.get("content-encoding", "").lower() not in ("", "identity"):
            raise WrongMediaType
        # Without a type of its own the body decides; some carriers send none.
        media_type = self.headers.get("content-type", "")
        if media_type in ("application/json", ""):
            return
        media_type = media_type.partition(";")[0].strip().lower()
        if media_type and media_type not in ("application/json", "text/json") and not media_type.endswith("+json"):
            raise WrongMediaType

    async def body(self, reading: Budget) -> bytes:
        """The body, counted into `reading` while it streams in, whether or not it announced its length.

        Raises TooLarge, TooSlow, Unavailable or ClientGone; what was counted in until then is `taken` all the same.
        """
        chunks: list[bytes] = []
        if self._announces_too_much():
            # Who waits to be told to go on is not told.
            await self._refuse_length(discard="expect" not in self.headers)
        try:
            # As a rule it is there already.
            read = Begun(self._read(reading, chunks))
            if not read.ended:
                async with asyncio.timeout(BODY_TIMEOUT_S):
                    await read
        except TimeoutError as error:
            raise TooSlow(f"the body must arrive within {BODY_TIMEOUT_S:.0f} s") from error
        except OverBudget as error:
            raise Unavailable("too much is in flight", cause="full") from error
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    async def _read(self, reading: Budget, chunks: list[bytes]) -> None:
        more = True
        while more:
            chunk, more = _part(await self._receive())
            if self.taken + len(chunk) > MAX_BODY_BYTES:
                await self._refuse_length(discard=more)
            reading.take(len(chunk))
            self.taken += len(chunk)
            chunks.append(chunk)

    def _announces_too_much(self) -> bool:
        length = self.headers.get("content-length", "")
        # Most have fewer digits; one of thousands would be no int.
        return len(length) > 7 and length.isdecimal() and (len(length) > 30 or int(length) > MAX_BODY_BYTES)

    async def _refuse_length(self, *, discard: bool) -> NoReturn:
        if discard:
            await self._discard()
        raise TooLarge(f"at most {MAX_BODY_BYTES} bytes are taken")

    async def _discard(self) -> None:
        """Read on for a moment without keeping anything: most clients hear an answer only after they have sent all."""
        discarded, more = 0, True
        with contextlib.suppress(TimeoutError, ClientGone):
            async with asyncio.timeout(DISCARD_TIMEOUT_S):
                while more and discarded <= MAX_DISCARDED_BYTES:
                    chunk, more = _part(await self._receive())
                    discarded += len(chunk)


def _part(message: Message) -> tuple[bytes, bool]:
    """A piece of the body, and whether more follows. ClientGone where the sender hung up."""
    if message["type"] == "http.disconnect":
        raise ClientGone
    return message.get("body", b""), message.get("more_body", False)
