"""The network between an agent and its broker, which can be cut, go silent one way or both, be slow, or hold requests.

It knows where one of Kafka's requests ends and which one it is. What is held back is delivered later, as TCP does it:
also when whoever sent it has gone, so that a broker meets the late requests of a zombie.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from demo.broker.ports import LOOPBACK

# For the answers to what was delivered late; a broker answers in milliseconds.
LAST_ANSWERS_S = 5.0
_CUT = (OSError, asyncio.IncompleteReadError)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the broker said to a request that had been held: api and version of the request, the response's body."""

    api: int
    version: int
    body: bytes


@dataclass(eq=False, slots=True)
class Link:
    """One connection. holding: keys of the requests that wait for `Proxy.release`. asked: by correlation id."""

    writers: tuple[asyncio.StreamWriter, asyncio.StreamWriter]
    holding: frozenset[int] = frozenset()
    asked: dict[int, tuple[int, int, bool]] = field(default_factory=dict)


class Proxy:
    """Listens on `port` of this machine and passes on to `target`. Use with `proxying`."""

    def __init__(self, port: int, target: int) -> None:
        self.port = port
        self.late: list[Answer] = []
        self.held = 0
        self.delay_s = 0.0
        self._target = target
        self._links: dict[Link, asyncio.Task[Any] | None] = {}
        self._refusing = False
        self._to_broker, self._to_client, self._released = asyncio.Event(), asyncio.Event(), asyncio.Event()
        self.heal()

    @property
    def address(self) -> str:
        """For clients."""
        return f"{LOOPBACK}:{self.port}"

    def cut(self) -> None:
        """Reset every connection, and each new one, until `heal`."""
        self._refusing = True
        for link in self._links:
            _reset(link)

    def silence(self, *, to_broker: bool = True, to_client: bool = True) -> None:
        """Let no byte through in these directions until `heal`; connections stay, and new ones are accepted."""
        if to_broker:
            self._to_broker.clear()
        if to_client:
            self._to_client.clear()

    def heal(self) -> None:
        """End a cut or a silence; what waited is delivered."""
        self._refusing = False
        self._to_broker.set()
        self._to_client.set()

    def hold(self, apis: Collection[int]) -> None:
        """Have the connections there are now hold back these requests, and what comes behind them, until `release`."""
        self._released.clear()
        for link in self._links:
            link.holding = frozenset(apis)

    def release(self) -> None:
        """Deliver what was held; `late` collects the answers."""
        self._released.set()

    def pause_s(self, api: int, size: int) -> float:
        """How long a request of so many bytes is held; what comes behind it on its connection waits, too."""
        return self.delay_s

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection from its beginning to its end."""
        with suppress(*_CUT):
            broker_reader, broker_writer = await asyncio.open_connection(LOOPBACK, self._target)
            link = Link((writer, broker_writer))
            self._links[link] = asyncio.current_task()
            answering = asyncio.create_task(self._answers(broker_reader, link))
            try:
                if self._refusing:
                    _reset(link)
                with suppress(*_CUT):
                    await self._requests(reader, link)
                if link.asked and not self._refusing:
                    await asyncio.wait({answering}, timeout=LAST_ANSWERS_S)
            finally:
                answering.cancel()
                self._links.pop(link, None)
                for each in link.writers:
                    each.close()

    async def _requests(self, reader: asyncio.StreamReader, link: Link) -> None:
        while True:
            frame = await _frame(reader)
            api, version, correlation = struct.unpack_from(">hhi", frame, 4)
            await asyncio.sleep(self.pause_s(api, len(frame)))
            await self._to_broker.wait()
            held = api in link.holding and not self._released.is_set()
            if held:
                self.held += 1
                await self._released.wait()
            link.asked[correlation] = api, version, held
            link.writers[1].write(frame)
            await link.writers[1].drain()

    async def _answers(self, reader: asyncio.StreamReader, link: Link) -> None:
        with suppress(*_CUT):
            while True:
                frame = await _frame(reader)
                (correlation,) = struct.unpack_from(">i", frame, 4)
                api, version, held = link.asked.pop(correlation)
                if held:
                    self.late.append(Answer(api, version, frame[8:]))
                await self._to_client.wait()
                with suppress(OSError):  # it may have gone; the broker's word is noted all the same
                    link.writers[0].write(frame)
                    await link.writers[0].drain()

    async def end(self) -> None:
        """Let go of every connection."""
        self.heal()
        self.release()
        self.cut()
        serving = {task for task in self._links.values() if task is not None}
        if serving:
            await asyncio.wait(serving, timeout=2 * LAST_ANSWERS_S)


@asynccontextmanager
async def proxying(port: int, target: int) -> AsyncIterator[Proxy]:
    """A proxy that runs."""
    proxy = Proxy(port, target)
    async with running(proxy):
        yield proxy


@asynccontextmanager
async def running(proxy: Proxy) -> AsyncIterator[None]:
    """This proxy runs."""
    server = await asyncio.start_server(proxy.serve, LOOPBACK, proxy.port)
    try:
        yield
    finally:
        server.close()
        await proxy.end()


async def _frame(reader: asyncio.StreamReader) -> bytes:
    size = await reader.readexactly(4)
    return size + await reader.readexactly(struct.unpack(">i", size)[0])


def _reset(link: Link) -> None:
    """End both sides with RST, as a firewall does that forgot them."""
    for writer in link.writers:
        linger = struct.pack("ii", 1, 0)
        end = writer.get_extra_info("socket")
        if end is not None:  # uvloop forgets the socket of one that is closed already
            with suppress(OSError):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        writer.transport.abort()
