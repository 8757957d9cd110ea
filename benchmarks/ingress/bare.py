"""What the ingress is held against: a Starlette handler that reads the body and answers. `python -m … PORT HTTP LOOP`.

HTTP, LOOP: `h11 asyncio` is what `uvicorn.run(app)` takes in a plain installation; `httptools uvloop` what the ingress
runs on, and what `uvicorn.run(app)` takes where both are installed.
"""

from __future__ import annotations

import sys

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


async def take(request: Request) -> Response:
    """200, whatever came."""
    await request.body()
    return Response()


async def ready(request: Request) -> Response:
    """For who waits until this listens."""
    return Response()


if __name__ == "__main__":
    app = Starlette(routes=[Route("/webhooks/shopify", take, methods=["POST"]), Route("/readyz", ready)])
    port, http, loop = sys.argv[1:4]
    uvicorn.run(app, host="127.0.0.1", port=int(port), http=http, loop=loop, access_log=False, log_level="warning")
