"""/healthz, /readyz and /metrics of the ingress: on its own port, and on one that a stuck loop leaves alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import orjson
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from producers.door import Door

Problems = Callable[[], Sequence[str]]
"""What does not move and would after a restart; empty while all does."""


def probes(door: Door, problems: Problems) -> list[Route]:
    """The three routes for those who operate it. May be called from any thread."""

    async def healthz(request: Request) -> Response:
        found = problems()
        text = "".join(f"{each}\n" for each in found or ("ok",))
        return Response(text, 503 if found else 200, media_type="text/plain")

    async def readyz(request: Request) -> Response:
        reasons = door.not_ready()
        door.metrics.ready.set(not reasons)
        body = orjson.dumps({"ready": not reasons, "reasons": reasons})
        return Response(body, 503 if reasons else 200, media_type="application/json")

    async def metrics(request: Request) -> Response:
        door.metrics.ready.set(not door.not_ready())
        return Response(generate_latest(door.metrics.registry), media_type=CONTENT_TYPE_LATEST)

    endpoints = {"/healthz": healthz, "/readyz": readyz, "/metrics": metrics}
    return [Route(path, endpoint, methods=["GET"]) for path, endpoint in endpoints.items()]
