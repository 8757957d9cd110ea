"""A receiver of hooks on loopback, in a process of its own: takes so long, says 200, notes when each call came.

It reads no more of HTTP than it must, so that as little of the machine as possible is its own.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.connection import Connection
from typing import Any

_ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-type: text/plain\r\n\r\nok"
_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


class Calls(asyncio.Protocol):
    """One connection. Each call on it goes to `called`, which has it answered or not."""

    def __init__(self) -> None:
        self._read = b""
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        """See asyncio."""
        self._read += data
        while (head := self._read.find(_END)) >= 0:
            length = _LENGTH.search(self._read, 0, head)
            end = head + len(_END) + (int(length[1]) if length else 0)
            if len(self._read) < end:
                return
            call, self._read = self._read[:end], self._read[end:]
            self.called(call)

    def called(self, call: bytes) -> None:
        """One whole call, headers and body."""
        raise NotImplementedError

    def answer(self) -> bool:
        """Say 200; whether anybody was left to hear it."""
        if self.transport is None or self.transport.is_closing():
            return False
        self.transport.write(_ANSWER)
        return True


class Answering(Calls):
    """times: of all calls to this receiver."""

    def __init__(self, delay_s: float, times: list[float]) -> None:
        super().__init__()
        self._delay_s = delay_s
        self._times = times

    def called(self, call: bytes) -> None:
        """See Calls."""
        self._times.append(time.perf_counter())
        asyncio.get_running_loop().call_later(self._delay_s, self.answer)


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
    with in_process(_work, delay_s) as pipe:
        yield Receiver(pipe, pipe.recv())


@contextmanager
def in_process(work: Callable[..., Coroutine[Any, Any, None]], *arguments: object) -> Iterator[Connection]:
    """Run `work(pipe, *arguments)` in a process of its own until the end of the block; our end of the pipe."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_run, args=(work, theirs, *arguments), daemon=True)
    process.start()
    try:
        yield ours
    finally:
        process.terminate()
        process.join()


def _run(work: Callable[..., Coroutine[Any, Any, None]], *arguments: object) -> None:
    asyncio.run(work(*arguments))


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
