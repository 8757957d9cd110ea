"""A receiver of hooks on loopback whose answers are given byte by byte, so that it can misbehave in every way."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

Answering = Callable[["Received", asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Received:
    """One request. headers: by their lower-case names. connection: the sender's port."""

    line: str
    headers: dict[str, str]
    body: bytes
    connection: int


@dataclass(slots=True)
class Receiver:
    """Answers each request by `answering` and remembers it."""

    answering: Answering
    received: list[Received] = field(default_factory=list)
    port: int = 0
    scheme: str = "http"

    @property
    def url(self) -> str:
        """Its hook, with a query that must not show up anywhere."""
        return f"{self.scheme}://127.0.0.1:{self.port}/hook/v1?token=querysecret"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                pairs = (line.split(": ", 1) for line in head[1:] if line)
                headers = {name.lower(): value for name, value in pairs}
                body = await reader.readexactly(int(headers.get("content-length", "0")))
                request = Received(head[0], headers, body, writer.get_extra_info("peername")[1])
                self.received.append(request)
                await self.answering(request, writer)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the sender left
        finally:
            writer.close()


def status(line: str, *headers: str, body: bytes = b"ok") -> Answering:
    """Answer with this status line and these headers."""
    head = "\r\n".join((f"HTTP/1.1 {line}", f"content-length: {len(body)}", *headers, "", ""))

    async def answer(_: Received, writer: asyncio.StreamWriter) -> None:
        writer.write(head.encode() + body)

    return answer


@asynccontextmanager
async def receiver(answering: Answering, tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    """A receiver that listens, and stops with all its connections."""
    it = Receiver(answering, scheme="https" if tls else "http")
    connections: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connections.add(asyncio.create_task(it.serve(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=tls)
    it.port = server.sockets[0].getsockname()[1]
    try:
        yield it
    finally:
        server.close()
        for connection in connections:
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
