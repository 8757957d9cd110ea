"""A receiver of hooks on loopback, in a process of its own: takes so long, says 200, notes when each call came.

It reads no more of HTTP than it must, so that as little of the machine as possible is its own.
"""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection

_ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-type: text/plain\r\n\r\nok"
_END = b"\r\n\r\n"
_LENGTH = b"content-length:"


class Answering(asyncio.Protocol):
    """One connection. times: of all calls to this receiver."""

    def __init__(self, delay_s: float, times: list[float]) -> None:
        self._delay_s = delay_s
        self._times = times
        self._read = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def data_received(self, data: bytes) -> None:
        """See asyncio."""
        self._read += data
        while (head := self._read.find(_END)) >= 0:
            lower = self._read[:head].lower()
            at = lower.find(_LENGTH)
            length = int(lower[at + len(_LENGTH) :].split(b"\r\n", 1)[0]) if at >= 0 else 0
            end = head + len(_END) + length
            if len(self._read) < end:
                return
            self._read = self._read[end:]
            self._times.append(time.perf_counter())
            asyncio.get_running_loop().call_later(self._delay_s, self._answer)

    def _answer(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(_ANSWER)


class Receiver:
    """Talks to the process."""

    def __init__(self, pipe: Connection, port: int) -> None:
        self._pipe = pipe
        self.url = f"http://127.0.0.1:{port}/hook"

    def count(self) -> int:
        """How many calls have come since the last `times`."""
        self._pipe.send("count")
        return int(self._pipe.recv())

    def times(self) -> list[float]:
        """When each came, on the clock that all processes share; begins anew."""
        self._pipe.send("times")
        return list(self._pipe.recv())


@contextmanager
def receiving(delay_s: float) -> Iterator[Receiver]:
    """One that answers after so long."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, delay_s), daemon=True)
    process.start()
    try:
        yield Receiver(ours, ours.recv())
    finally:
        process.terminate()
        process.join()


def _serve(pipe: Connection, delay_s: float) -> None:
    asyncio.run(_work(pipe, delay_s))


async def _work(pipe: Connection, delay_s: float) -> None:
    times: list[float] = []
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Answering(delay_s, times), "127.0.0.1", 0, backlog=1024)
    pipe.send(server.sockets[0].getsockname()[1])

    def asked() -> None:
        if pipe.recv() == "count":
            pipe.send(len(times))
        else:
            pipe.send(times[:])
            times.clear()

    loop.add_reader(pipe.fileno(), asked)
    await asyncio.Event().wait()
