"""An open-loop HTTP client: requests go out when they are due, whatever became of those before, on kept connections."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from demo.senders import Post

# So many requests may wait for an answer at once; at 200/s and 10 ms each, two do.
CONNECTIONS = 64
ANSWER_TIMEOUT_S = 30.0

Request = tuple[str, bytes]
"""What a request is about, and its bytes as they go over the wire."""


def on_the_wire(about: str, post: Post) -> Request:
    """The request as HTTP/1.1. Header values are UTF-8, as the ingress reads them."""
    said = {"host": "localhost", **post.headers, "content-length": str(len(post.raw))}
    head = f"POST {post.path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in said.items())
    return about, head.encode() + b"\r\n" + post.raw


class Client:
    """Made by `connected`. Every answer that is not 200 ends the run with RuntimeError."""

    def __init__(self) -> None:
        self.free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()

    async def steady(self, requests: Sequence[Request], rate: float) -> dict[str, float]:
        """Send so many a second; when each was *due* (time.perf_counter): a slow answer excuses no later one."""
        begin = time.perf_counter() + 0.05
        due = {about: begin + number / rate for number, (about, _) in enumerate(requests)}
        async with asyncio.TaskGroup() as group:
            for about, raw in requests:
                await asyncio.sleep(due[about] - time.perf_counter())
                group.create_task(self._post(about, raw))
        return due

    async def flood(self, requests: Iterable[Request]) -> None:
        """Send all as fast as they are taken."""
        left = iter(requests)

        async def one_after_another() -> None:
            for about, raw in left:
                await self._post(about, raw)

        await asyncio.gather(*(one_after_another() for _ in range(CONNECTIONS)))

    async def _post(self, about: str, raw: bytes) -> None:
        reader, writer = await self.free.get()
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            writer.write(raw)
            head = await reader.readuntil(b"\r\n\r\n")
            status, headers = _head(head)
            body = await reader.readexactly(int(headers.get("content-length", "0")))
        if status != "200":
            raise RuntimeError(f"{about}: HTTP {status} {body[:200]!r}")
        self.free.put_nowait((reader, writer))


@asynccontextmanager
async def connected(url: str) -> AsyncIterator[Client]:
    """A client whose connections are open already."""
    client, address = Client(), urlsplit(url)
    opened = [await asyncio.open_connection(address.hostname, address.port) for _ in range(CONNECTIONS)]
    try:
        for pair in opened:
            client.free.put_nowait(pair)
        yield client
    finally:
        for _, writer in opened:
            writer.close()


def _head(raw: bytes) -> tuple[str, Mapping[str, str]]:
    first, *lines = raw.decode().rstrip("\r\n").split("\r\n")
    return first.split(" ", 2)[1], {name.lower(): value.strip() for name, _, value in (x.partition(":") for x in lines)}
