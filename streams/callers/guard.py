"""What a hook's connection may lead to: judged on the address that is dialled, after the one resolution that counts.

A name could lead to a public address when it is asked about and to a private one when it is dialled. So the name is
resolved once, all that it leads to is judged, and what was judged is dialled; TLS still proves the name.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextvars import ContextVar
from typing import Any

import aiohttp
import httpx
from aiohttp.abc import AbstractResolver, ResolveResult

from streams.domain.addresses import why_not_public

Resolver = Callable[[str, int], Awaitable[list[str]]]
"""The numeric addresses of a host, in the order in which to try them. OSError where there are none."""

Dialler = Callable[[tuple[Any, ...]], socket.socket]
"""The socket by which an address (as getaddrinfo has it) is dialled."""

DIALLED: ContextVar[list[str]] = ContextVar("DIALLED")
"""Which addresses were dialled for a call that wants to know: none where a connection serves that was kept."""

KEEP_ALIVE_S = 30

# Of its own: a name server that hangs must not take the threads that the stores work in.
_NAMES = ThreadPoolExecutor(max_workers=16, thread_name_prefix="hook-names")


class NotPublic(OSError):
    """The host leads to an address that is not public. The message says which, and what it is."""


# By loop, host and port: who asks meanwhile is told the same, so that a name which hangs takes one thread, not all.
_ASKED: dict[tuple[asyncio.AbstractEventLoop, str, int], asyncio.Future[list[str]]] = {}


async def resolve(host: str, port: int) -> list[str]:
    """As this machine's resolver has it."""
    loop = asyncio.get_running_loop()
    place = loop, host, port
    if place not in _ASKED:
        _ASKED[place] = loop.run_in_executor(_NAMES, _look_up, host, port)
        _ASKED[place].add_done_callback(lambda _: _ASKED.pop(place))
    # Shielded, for others may wait for it too.
    return await asyncio.shield(_ASKED[place])


def _look_up(host: str, port: int) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[4][0]) for address in found))


def dial(address: tuple[Any, ...]) -> socket.socket:
    """By a socket of this machine's."""
    family, kind, proto, *_ = address
    return socket.socket(family, kind, proto)


class JudgingResolver(AbstractResolver):
    """Names for aiohttp. guarded: whether addresses that are not public are refused. timeout_s: of one name."""

    def __init__(self, *, guarded: bool, resolver: Resolver, timeout_s: float) -> None:
        self._guarded = guarded
        self._resolver = resolver
        self._timeout_s = timeout_s

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """See aiohttp. NotPublic, or OSError where the name leads nowhere; TimeoutError."""
        async with asyncio.timeout(self._timeout_s):
            addresses = await self._resolver(host, port)
        if self._guarded:
            judge(addresses)
        if not addresses:
            raise OSError("the name has no address")
        return [_result(host, address, port) for address in addresses]

    async def close(self) -> None:
        """See aiohttp."""


def connector(
    *,
    guarded: bool,
    verify: ssl.SSLContext,
    resolver: Resolver,
    timeout_s: float,
    kept: bool = True,
    dialler: Dialler = dial,
) -> aiohttp.TCPConnector:
    """Connections that are dialled by judged addresses alone. As many as are asked for: the outbox bounds them.

    kept: whether they are, for the next call to the same host.
    """

    def judged(address: tuple[Any, ...]) -> socket.socket:
        # Whatever led there: a host that is an address is not resolved.
        if guarded:
            judge([str(address[4][0])])
        if (dialled := DIALLED.get(None)) is not None:
            dialled.append(str(address[4][0]))
        return dialler(address)

    return aiohttp.TCPConnector(
        limit=0,
        force_close=not kept,
        keepalive_timeout=KEEP_ALIVE_S if kept else None,
        ssl=verify,
        # Each connection asks anew, so that what was judged is what is dialled.
        use_dns_cache=False,
        resolver=JudgingResolver(guarded=guarded, resolver=resolver, timeout_s=timeout_s),
        socket_factory=judged,
    )


def tls() -> ssl.SSLContext:
    """Certificates are verified, against the CAs that httpx brings; TLS 1.2 or newer."""
    context = httpx.create_ssl_context(trust_env=False)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def judge(addresses: Iterable[str]) -> None:
    """NotPublic where one is not: one is one too many, for who answers so may answer otherwise the next time."""
    for address in addresses:
        why = why_not_public(address)
        if why is not None:
            raise NotPublic(f"{address} is no public address: {why}")


def _result(host: str, address: str, port: int) -> ResolveResult:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    return ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=flags)
