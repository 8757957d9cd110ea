"""Receivers of hooks on loopback, all in one process, that note when each order's call came, and behave as told.

One that refuses has its listening socket closed, and one that hangs takes a call and never answers it.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from multiprocessing.connection import Connection

from benchmarks.forward.receiver import Calls, in_process

_ORDER = re.compile(rb'"OrderNo":"([^"]+)"')


class Mode(StrEnum):
    """How a receiver behaves."""

    ANSWERS = "answers"
    HANGS = "hangs"
    REFUSES = "refuses"


@dataclass(slots=True)
class _Receiver:
    """One of them. seen: when an order was first heard of, on the clock that all processes share. done: answered."""

    delay_s: float
    mode: Mode = Mode.ANSWERS
    port: int = 0
    seen: dict[str, float] = field(default_factory=dict)
    done: set[str] = field(default_factory=set)
    connections: set[asyncio.Transport] = field(default_factory=set)
    server: asyncio.Server | None = None

    async def become(self, mode: Mode) -> None:
        """Behave otherwise from now on. Calls that hang are hung up on."""
        self.mode = mode
        for connection in list(self.connections):
            connection.abort()
        if mode is Mode.REFUSES and self.server is not None:
            self.server.close()
            self.server = None
        elif mode is not Mode.REFUSES and self.server is None:
            loop = asyncio.get_running_loop()
            self.server = await loop.create_server(lambda: _Call(self), "127.0.0.1", self.port, backlog=1024)
            self.port = self.server.sockets[0].getsockname()[1]


class _Call(Calls):
    """One connection."""

    def __init__(self, receiver: _Receiver) -> None:
        super().__init__()
        self._receiver = receiver

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio."""
        super().connection_made(transport)
        if self.transport is not None:
            self._receiver.connections.add(self.transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """See asyncio."""
        if self.transport is not None:
            self._receiver.connections.discard(self.transport)

    def called(self, call: bytes) -> None:
        """See Calls."""
        found = _ORDER.search(call)
        order = found[1].decode() if found else ""
        self._receiver.seen.setdefault(order, time.perf_counter())
        if self._receiver.mode is not Mode.HANGS:
            asyncio.get_running_loop().call_later(self._receiver.delay_s, self._answer, order)

    def _answer(self, order: str) -> None:
        if self.answer():
            self._receiver.done.add(order)


class Receivers:
    """Talks to the process. urls: by name."""

    def __init__(self, pipe: Connection, urls: Mapping[str, str]) -> None:
        self._pipe = pipe
        self.urls = urls

    def become(self, name: str, mode: Mode) -> None:
        """Have one behave otherwise."""
        self._pipe.send(("become", name, mode))
        self._pipe.recv()

    def seen(self) -> tuple[dict[str, float], set[str]]:
        """When each order was first heard of, and which were answered, since this was last asked."""
        self._pipe.send(("seen",))
        found: tuple[dict[str, float], set[str]] = self._pipe.recv()
        return found


@contextmanager
def receiving(names: list[str], delay_s: float) -> Iterator[Receivers]:
    """So many, that answer after so long."""
    with in_process(_work, names, delay_s) as pipe:
        yield Receivers(pipe, pipe.recv())


async def _work(pipe: Connection, names: list[str], delay_s: float) -> None:
    receivers = {name: _Receiver(delay_s) for name in names}
    for each in receivers.values():
        await each.become(Mode.ANSWERS)
    pipe.send({name: f"http://127.0.0.1:{each.port}/hook" for name, each in receivers.items()})
    asked = asyncio.Event()
    asyncio.get_running_loop().add_reader(pipe.fileno(), asked.set)
    while True:
        await asked.wait()
        asked.clear()
        while pipe.poll():
            match pipe.recv():
                case ("become", name, mode):
                    await receivers[name].become(Mode(mode))
                    pipe.send(None)
                case _:
                    seen = {order: at for each in receivers.values() for order, at in each.seen.items()}
                    pipe.send((seen, set[str]().union(*(each.done for each in receivers.values()))))
                    for each in receivers.values():
                        each.seen.clear()
                        each.done.clear()
