"""The ingress as a process: what is started, in which order it stops, and how long that may take."""

from __future__ import annotations

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from types import FrameType

import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.types import ASGIApp

from producers.app import build
from producers.budget import Budget
from producers.connections import KEEP_ALIVE_S, BoundedConnection
from producers.door import Door
from producers.metrics import Metrics
from producers.probes import probes
from producers.publisher import PUBLISH_TIMEOUT_S, Publisher
from producers.rereading import Accounts, Rereading
from producers.retailers import Directory
from producers.retailers_reader import RetailersReader
from producers.settings import PREFIX, IngressSettings, Settings
from streams import event_loop
from streams.garbage import collect_rarely
from streams.serving import serving
from streams.watchdog import Watchdog

log = structlog.get_logger(__name__)

# What is under way has its body by now or never; publishing is bounded, and the answer must still get out.
GRACEFUL_S = int(PUBLISH_TIMEOUT_S) + 3
# Connections that wait to be accepted: uvicorn's default. Linux caps it at net.core.somaxconn (4096).
BACKLOG = 2048
# uvloop accepts one connection of a socket in each turn of the loop: under load clients waited 19 s for theirs. Of a
# socket that is there sixteen times it accepts sixteen.
ACCEPTED_AT_ONCE = 16


class CannotListen(OSError):
    """The ingress's port is taken, or its host is no address of this machine; the message says what to change."""


class Ingress:
    """Door, publisher and reader, wired from the settings. `app` is what an ASGI server runs.

    read_accounts: reads the accounts anew, so that a changed secret counts without a restart.
    """

    def __init__(self, settings: Settings, read_accounts: Callable[[], Accounts] | None = None) -> None:
        ingress = settings.ingress
        self.metrics = Metrics()
        self.directory = Directory(ingress.path_keys())
        self._settings = settings
        self._reader = RetailersReader(settings.kafka, self.directory, self.metrics)
        self._publisher = Publisher(settings.kafka, self.metrics, ingress.max_in_flight_bytes)
        self.door = Door(
            accounts=ingress.accounts(),
            directory=self.directory,
            publisher=self._publisher,
            metrics=self.metrics,
            reading=Budget(ingress.max_in_flight_bytes),
            max_requests=ingress.max_in_flight_requests,
            retailers_known=lambda: self._reader.ready,
        )
        self._rereading: Rereading | None = None
        if read_accounts is not None:
            self._rereading = Rereading(read_accounts, self.door.accounts, self._take_accounts)
        self.watchdog = Watchdog(ingress.stuck_after_s, self._turns)
        self.app = build(
            self.door,
            lifespan=lambda _: self.running(),
            require_shopify_path=ingress.shopify_require_path,
            problems=lambda: self.watchdog.problems,
        )

    def _turns(self) -> dict[str, int | None]:
        return {"the publisher": self._publisher.turns, "the retailers' reader": self._reader.turns}

    def _take_accounts(self, accounts: Accounts) -> None:
        self.door.accounts = accounts

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Connect to Kafka, and let go of it at the end: the application's lifespan."""
        await self._publisher.start()
        await self._reader.start()
        if self._rereading is not None:
            await self._rereading.start()
        log.info("ingress started", action="ingress_started", port=self._settings.ingress.port)
        try:
            with self.watchdog.watching():
                yield
        finally:
            self.door.draining = True
            if self._rereading is not None:
                await self._rereading.stop()
            await asyncio.gather(self._reader.stop(), self._publisher.stop())
            log.info("ingress stopped", action="ingress_stopped")


class _Server(uvicorn.Server):
    """On the first signal `/readyz` says no and the port stays open for `drain_s`; on the second it closes at once."""

    def __init__(self, config: uvicorn.Config, door: Door, drain_s: float) -> None:
        super().__init__(config)
        self._door = door
        self._drain_s = drain_s
        self._loop: asyncio.AbstractEventLoop | None = None

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until a signal comes."""
        self._loop = asyncio.get_running_loop()
        await super().serve(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal's handler: it may run between any two instructions, so it only leaves word for the loop."""
        if self._door.draining or self._loop is None:
            self.should_exit = True
            return
        self._door.draining = True
        self._loop.call_soon_threadsafe(self._leave, signal.Signals(sig).name)

    def _leave(self, word: str) -> None:
        log.info("draining", action="ingress_draining", signal=word, seconds=self._drain_s)
        asyncio.get_running_loop().call_later(self._drain_s, setattr, self, "should_exit", True)


async def serve_async(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT, then drain: not ready first, finish what is under way, flush, leave.

    Raises CannotListen.
    """
    collect_rarely()
    sockets = _listening(settings.ingress.host, settings.ingress.port, "INGRESS__PORT")
    sockets += [opened.dup() for opened in sockets for _ in range(ACCEPTED_AT_ONCE - 1)]
    ingress = Ingress(settings, lambda: type(settings)().ingress.accounts())
    server = _Server(server_config(ingress.app, settings.ingress), ingress.door, settings.ingress.drain_s)
    with _probed(ingress, settings.ingress):
        await server.serve(sockets)


@contextmanager
def _probed(ingress: Ingress, settings: IngressSettings) -> Iterator[None]:
    """With the second port, if there is to be one, answered from a thread of its own."""
    if not settings.health_port:
        yield
        return
    routes = probes(ingress.door, lambda: ingress.watchdog.problems)
    taken = _listening(settings.host, settings.health_port, "INGRESS__HEALTH_PORT")
    with serving(Starlette(routes=routes), *taken):
        yield


def server_config(app: ASGIApp, ingress: IngressSettings) -> uvicorn.Config:
    """How uvicorn serves the ingress: what it bounds, whom it believes, and that it logs no path."""
    return uvicorn.Config(
        app,
        host=ingress.host,
        port=ingress.port,
        http=BoundedConnection,
        # A request to become a websocket is answered like any other.
        ws="none",
        lifespan="on",
        # Paths hold the retailers' tokens: no access log. Ours go through structlog.
        access_log=False,
        log_config=None,
        log_level="warning",
        server_header=False,
        proxy_headers=bool(ingress.trusted_proxies),
        forwarded_allow_ips=[str(network) for network in ingress.trusted_proxies],
        timeout_keep_alive=KEEP_ALIVE_S,
        timeout_graceful_shutdown=GRACEFUL_S,
    )


def _listening(host: str, port: int, setting: str) -> list[socket.socket]:
    """One for each address of the host. Ours, because uvicorn would start everything first, and end with code 3."""
    sockets: list[socket.socket] = []
    try:
        for family, _, _, _, address in socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        ):
            sockets.append(socket.create_server(address, family=family, backlog=BACKLOG))
    except OSError as error:
        for opened in sockets:
            opened.close()
        names = f"{PREFIX}INGRESS__HOST and {PREFIX}{setting}"
        reason = error.strerror or error
        raise CannotListen(f"{names}: cannot listen on {host}:{port} ({reason}); choose another port or host") from None
    return sockets


def serve(settings: Settings) -> None:
    """Run the ingress in this process until it is told to stop."""
    event_loop.run(serve_async(settings))
