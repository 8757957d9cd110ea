"""/healthz, /readyz, /metrics and /rows of a process that runs agents, on a thread of its own: a stuck one says so."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence

import orjson
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from streams.engine.errors import ConfigError, NotHere
from streams.settings import HealthSettings

Rows = Callable[[str, str, int, str], Awaitable[bytes | None]]
"""Agent, store, partition and key to the row, as JSON; None where there is none. NotHere where it cannot be told."""


async def no_rows(agent: str, store: str, partition: int, key: str) -> bytes | None:
    """For a process that shows none."""
    raise NotHere(f"{agent} does not run here")


def app(
    state: Callable[[], Mapping[str, Mapping[str, object]]],
    problems: Callable[[], Sequence[str]] = tuple,
    rows: Rows = no_rows,
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

    return Starlette(
        routes=[
            Route("/healthz", healthz),
            Route("/readyz", readyz),
            Route("/metrics", metrics),
            Route("/rows/{agent}/{store}/{partition:int}", _row_of(rows)),
        ]
    )


def _row_of(rows: Rows) -> Callable[[Request], Awaitable[Response]]:
    async def row(request: Request) -> Response:
        agent, store, partition = (request.path_params[name] for name in ("agent", "store", "partition"))
        key = request.query_params.get("key", "")
        try:
            found = await rows(agent, store, partition, key)
        except (NotHere, TimeoutError, OSError) as error:
            # 421 Misdirected Request: who asked has an old answer about where the partition is.
            return JSONResponse({"title": str(error) or "no answer in time"}, status_code=421)
        # Not 404 for a row that is not there: whatever else listens at an old address would say that too.
        body = b'{"agent":%s,"store":%s,"partition":%d,"row":%s}'
        return Response(
            body % (orjson.dumps(agent), orjson.dumps(store), partition, found or b"null"),
            media_type="application/json",
        )

    return row


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
