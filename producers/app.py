"""The ASGI application: senders' posts go straight to the door, all else through Starlette."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from contextlib import AbstractAsyncContextManager
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from producers import openapi
from producers.connections import EXTENSION
from producers.door import Door
from producers.incoming import Incoming
from producers.probes import Problems, probes
from producers.problems import NoSuchPath, TooMany, Unavailable
from producers.sources import SENDERS
from producers.sources.base import Sender
from producers.sources.shopify import PLAIN as SHOPIFY_PLAIN

_OWN = "/{path_token}"
_FOR_LOAD = (TooMany.status, Unavailable.status)


def build(
    door: Door,
    *,
    lifespan: Callable[[Starlette], AbstractAsyncContextManager[None]] | None = None,
    require_shopify_path: bool = False,
    problems: Problems = tuple,
) -> ASGIApp:
    """One path a sender, one that describes the Upload API, and three for those who operate it."""
    senders = [sender for sender in SENDERS if not (require_shopify_path and sender is SHOPIFY_PLAIN)]
    routes = [Route("/openapi.json", _description(), methods=["GET"]), *probes(door, problems)]
    others = Starlette(routes=routes, lifespan=lifespan, exception_handlers={HTTPException: _routing_problem})
    return _Front(door, senders, others)


class _Front:
    """Finds a sender by its path. Starlette's middleware, routing and Request cost as much as proving who it is."""

    def __init__(self, door: Door, senders: Iterable[Sender[Any]], others: ASGIApp) -> None:
        self._door = door
        self._others = others
        # Apart from each other: a path that says "{path_token}" must not be one without a token.
        self._by_path: dict[str, Sender[Any]] = {}
        self._by_head: dict[str, Sender[Any]] = {}
        for sender in senders:
            if sender.path.endswith(_OWN):
                self._by_head[sender.path.removesuffix(_OWN)] = sender
            else:
                self._by_path[sender.path] = sender

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or the lifespan."""
        sender, token = self._found(scope["path"]) if scope["type"] == "http" else (None, None)
        if sender is None:
            return await self._others(scope, receive, send)
        if scope["method"] == "POST":
            answer = await self._door.answer(sender, Incoming(scope, receive, token))
        else:
            answer = NoSuchPath(405, {"allow": "POST"}).answer()
        await answer(scope, receive, send)
        if answer.status in _FOR_LOAD and (ours := scope.get("extensions", {}).get(EXTENSION)) is not None:
            ours["hold"]()

    def _found(self, path: str) -> tuple[Sender[Any] | None, str | None]:
        sender = self._by_path.get(path)
        if sender is not None:
            return sender, None
        head, _, token = path.rpartition("/")
        return (self._by_head.get(head), token) if token else (None, None)


def _description() -> Callable[[Request], Awaitable[Response]]:
    # Made once: it says the same for as long as the process runs.
    document = openapi.rendered().encode()

    async def description(request: Request) -> Response:
        return Response(document, media_type="application/json")

    return description


async def _routing_problem(request: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    answer = NoSuchPath(error.status_code, error.headers).answer()
    response = Response(answer.body, answer.status)
    response.raw_headers = answer.headers
    return response
