"""/healthz, /readyz and /metrics of a process that runs agents."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Generator, Mapping

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from streams.engine.errors import ConfigError
from streams.settings import HealthSettings


def app(state: Callable[[], Mapping[str, Mapping[str, object]]]) -> Starlette:
    """The routes. state: by agent, at least `ready`; ready is the process when all of its agents are."""

    async def healthz(request: Request) -> Response:
        return JSONResponse({"status": "ok"})

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


async def serve(application: Starlette, taken: socket.socket) -> None:
    """Answer on a listening socket until cancelled."""
    config = uvicorn.Config(
        application,
        access_log=False,
        log_config=None,
        log_level="warning",
        lifespan="off",
    )
    await _Server(config).serve(sockets=[taken])
