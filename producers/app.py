"""The Starlette application: routes only."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from producers import openapi
from producers.door import Door
from producers.probes import Problems, probes
from producers.problems import NoSuchPath
from producers.sources import SENDERS
from producers.sources.base import Sender
from producers.sources.shopify import PLAIN as SHOPIFY_PLAIN

Endpoint = Callable[[Request], Awaitable[Response]]


def build(
    door: Door,
    *,
    lifespan: Callable[[Starlette], AbstractAsyncContextManager[None]] | None = None,
    require_shopify_path: bool = False,
    problems: Problems = tuple,
) -> Starlette:
    """One route a sender, one that describes the Upload API, and three for those who operate it."""
    senders = [sender for sender in SENDERS if not (require_shopify_path and sender is SHOPIFY_PLAIN)]
    routes = [Route(sender.path, _endpoint(door, sender), methods=["POST"]) for sender in senders]
    routes += [Route("/openapi.json", _description(), methods=["GET"]), *probes(door, problems)]
    return Starlette(routes=routes, lifespan=lifespan, exception_handlers={HTTPException: _routing_problem})


def _description() -> Endpoint:
    # Made once: it says the same for as long as the process runs.
    document = openapi.rendered().encode()

    async def description(request: Request) -> Response:
        return Response(document, media_type="application/json")

    return description


async def _routing_problem(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    return NoSuchPath(error.status_code, error.headers).response()


def _endpoint(door: Door, sender: Sender[Any]) -> Endpoint:
    async def endpoint(request: Request) -> Response:
        return await door.answer(sender, request)

    return endpoint
