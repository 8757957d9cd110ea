"""/healthz, /readyz and /metrics of a process that runs agents, on a thread of its own: a stuck process says so."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from streams.engine.errors import ConfigError
from streams.settings import HealthSettings

# What was asked before the end gets its answer within this, or none.
STOP_TIMEOUT_S = 2


def app(
    state: Callable[[], Mapping[str, Mapping[str, object]]], problems: Callable[[], Sequence[str]] = tuple
) -> Starlette:
    """The routes. All of them run on the server's thread.

    state: by agent, at least `ready`; ready is the process when all of its agents are.
    problems: what does not move and would after a restart; healthy is the process without any.
    """

    async def healthz(request: Request) -> Response:
        found = list(problems())
        return JSONResponse(
            {"status": "stuck" if found else "ok", "problems": found}, status_code=503 if found else 200
        )

    async def readyz(request: Request) -> Response:
        agents = state()
        ready = bool(agents) and all(agent["ready"] for agent in agents.values())
        return JSONResponse({"ready": ready, "agents": agents}, status_code=200 if ready else 503)

    async def metrics(request: Request) -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return Starlette(routes=[Route("/healthz", healthz), Route("/readyz", readyz), Route("/metrics", metrics)])


class _Server(uvicorn.Server):
    """Signals are the process's business: the agents must finish their batches before anything else ends."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """None of them."""
        yield


def listen(settings: HealthSettings) -> socket.socket:
    """The port, taken before anything else starts. ConfigError where it cannot be had: uvicorn would just exit."""
    try:
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        return socket.create_server((settings.host, settings.port), family=family)
    except OSError as error:
        raise ConfigError(
            f"RETURNSTREAMS_HEALTH__PORT: cannot listen on {settings.host}:{settings.port} ({error.strerror}); "
            "choose another port, or 0 for none"
        ) from None


@contextlib.contextmanager
def serving(application: Starlette, taken: socket.socket) -> Iterator[None]:
    """Answer on a listening socket, from a thread with a loop of its own, until the end of the block."""
    config = uvicorn.Config(
        application,
        access_log=False,
        log_config=None,
        log_level="warning",
        lifespan="off",
        timeout_graceful_shutdown=STOP_TIMEOUT_S,
    )
    server = _Server(config)
    thread = threading.Thread(target=server.run, args=([taken],), name="health", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(2 * STOP_TIMEOUT_S)
