"""What a hook's connection may lead to: judged on the address that is dialled, after the one resolution that counts.

A name could lead to a public address when it is asked about and to a private one when it is dialled. So the name is
resolved once, all that it leads to is judged, and what was judged is dialled; TLS still proves the name.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

import httpcore
import httpx

from streams.domain.addresses import why_not_public

Resolver = Callable[[str, int], Awaitable[list[str]]]
"""The numeric addresses of a host, in the order in which to try them. OSError where there are none."""

# Of its own: a name server that hangs must not take the threads that the stores work in.
_NAMES = ThreadPoolExecutor(max_workers=16, thread_name_prefix="hook-names")


class NotPublic(httpcore.ConnectError):
    """The host leads to an address that is not public. The message says which, and what it is."""


async def resolve(host: str, port: int) -> list[str]:
    """As this machine's resolver has it."""
    found = await asyncio.get_running_loop().run_in_executor(
        _NAMES, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    )
    return list(dict.fromkeys(str(address[4][0]) for address in found))


class GuardedBackend(httpcore.AsyncNetworkBackend):
    """Dials for httpcore. guarded: whether addresses that are not public are refused."""

    def __init__(
        self,
        *,
        guarded: bool,
        resolver: Resolver = resolve,
        dialler: httpcore.AsyncNetworkBackend | None = None,
    ) -> None:
        self._guarded = guarded
        self._resolver = resolver
        self._dialler = dialler or httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Resolve, judge, dial; all of it within `timeout` seconds. Raises httpcore's ConnectError, ConnectTimeout."""
        began = time.monotonic()
        try:
            async with asyncio.timeout(timeout):
                addresses = await self._resolver(host, port)
        except TimeoutError as error:
            raise httpcore.ConnectTimeout("the name was not resolved in time") from error
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error
        if self._guarded:
            _refuse_private(addresses)
        failed: Exception = httpcore.ConnectError("the name has no address")
        for index, address in enumerate(addresses):
            # Each gets its share of the time that is left: a dead one must not take it all from the next.
            left = None if timeout is None else (began + timeout - time.monotonic()) / (len(addresses) - index)
            try:
                return await self._dialler.connect_tcp(address, port, left, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failed = error
        raise failed

    async def sleep(self, seconds: float) -> None:
        """See httpcore."""
        await asyncio.sleep(seconds)


class HookTransport(httpx.AsyncHTTPTransport):
    """httpx's own, with connections that are dialled here."""

    def __init__(
        self, *, guarded: bool, verify: ssl.SSLContext, limits: httpx.Limits, resolver: Resolver = resolve
    ) -> None:
        super().__init__(verify=verify, trust_env=False, limits=limits)
        # httpx takes no network backend, httpcore does; the pool that this replaces has opened nothing.
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=verify,
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
            network_backend=GuardedBackend(guarded=guarded, resolver=resolver),
        )


def tls() -> ssl.SSLContext:
    """Certificates are verified, against the CAs that httpx brings; TLS 1.2 or newer."""
    context = httpx.create_ssl_context(trust_env=False)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _refuse_private(addresses: list[str]) -> None:
    """One that is not public is one too many: who answers so, may answer otherwise the next time."""
    for address in addresses:
        why = why_not_public(address)
        if why is not None:
            raise NotPublic(f"{address} is no public address: {why}")
