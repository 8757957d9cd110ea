"""What Loop's hook URL is to us: a real HTTP server that verifies, records, and fails when it is told to.

with HookSimulator({"acme": Access("whsec_...")}) as hook:
    hook.fail(2)                    # the next two POSTs are answered 500
    ...                             # POST to hook.url("acme")
    hook.received                   # every POST, with what was answered and what was wrong with it
"""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import orjson
import uvicorn
from standardwebhooks.webhooks import Webhook, WebhookVerificationError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from demo.broker.ports import LOOPBACK, free_ports
from demo.hook_format import problems_of

START_TIMEOUT_S = 10.0
# The sender gives up after 15 s; nothing needs us to hang for longer, and a stop must not wait for ever.
LONGEST_HANG_S = 30.0


@dataclass(frozen=True, slots=True)
class Access:
    """How a retailer's updates must be signed, and the two plain headers where it asks for them."""

    signing: str = field(repr=False)
    username: str | None = None
    password: str | None = field(default=None, repr=False)

    def fields(self) -> dict[str, str]:
        """As they stand in the secret's file."""
        known = {"signing": self.signing, "username": self.username, "password": self.password}
        return {name: value for name, value in known.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Received:
    """One POST. body: the objects of its array. answered: the status, 0 when the answer was withheld.

    problems: what is wrong with signature, headers or shape; nothing, as a rule.
    """

    at: float
    retailer: str
    webhook_id: str
    body: tuple[Mapping[str, str], ...]
    answered: int
    problems: tuple[str, ...] = ()

    @property
    def accepted(self) -> bool:
        """Whether the sender heard that we have it."""
        return 200 <= self.answered < 300

    def said(self, name: str) -> str:
        """A field of its first object."""
        return self.body[0].get(name, "") if self.body else ""


class HookSimulator:
    """A receiver on one loopback port, with a path for each retailer. Everything may be called from any thread."""

    def __init__(self, access: Mapping[str, Access]) -> None:
        self.received: list[Received] = []
        self.port = free_ports(1)[0]
        self._access = dict(access)
        self._failing: list[tuple[int, str | None]] = []
        self._hanging = 0
        self._lock = threading.Lock()
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    def url(self, retailer: str) -> str:
        """Where this retailer's updates are to be POSTed."""
        return f"http://{LOOPBACK}:{self.port}/hook/v1/seko/update/{retailer}"

    def fail(self, count: int, status: int = 500, *, retailer: str | None = None) -> None:
        """Answer the next POSTs (of one retailer, or of any) with this status, and accept nothing of them."""
        with self._lock:
            self._failing += [(status, retailer)] * count

    def hang(self, count: int) -> None:
        """Take the next POSTs and never answer them."""
        with self._lock:
            self._hanging += count

    def down(self) -> None:
        """Close the port, as a receiver that is being deployed: connections are refused until up()."""
        server, thread = self._server, self._thread
        self._server = self._thread = None
        if server is not None and thread is not None:
            server.should_exit = server.force_exit = True
            thread.join(START_TIMEOUT_S)

    def up(self) -> None:
        """Open the port; returns when it answers."""
        if self._server is not None:
            return
        listener = socket.create_server((LOOPBACK, self.port), backlog=128)
        routes = [Route("/hook/v1/seko/update/{retailer}", self._post, methods=["POST"])]
        config = uvicorn.Config(Starlette(routes=routes), lifespan="off", log_config=None, access_log=False)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],), name="hook-simulator", daemon=True)
        thread.start()
        deadline = time.monotonic() + START_TIMEOUT_S
        while not server.started:
            if time.monotonic() > deadline or not thread.is_alive():
                raise RuntimeError(f"the hook simulator does not listen on port {self.port}")
            time.sleep(0.005)
        self._server, self._thread = server, thread

    def accepted(self) -> list[Received]:
        """What was answered with 2xx, in the order of arrival."""
        return [post for post in list(self.received) if post.accepted]

    def accepted_twice(self) -> list[str]:
        """Webhook ids that were accepted and came again: their answer was lost, or somebody repeats himself."""
        counts = Counter(post.webhook_id for post in self.accepted())
        return sorted(ident for ident, count in counts.items() if count > 1)

    def __enter__(self) -> Self:
        self.up()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.down()

    async def _post(self, request: Request) -> Response:
        retailer = request.path_params["retailer"]
        raw = await request.body()
        problems = self._problems(retailer, raw, request)
        status = self._verdict(retailer, refused=bool(problems))
        try:
            body = orjson.loads(raw)
        except orjson.JSONDecodeError:
            body = None
        objects = tuple(body) if isinstance(body, list) else ()
        webhook_id = request.headers.get("webhook-id", "")
        self.received.append(Received(time.monotonic(), retailer, webhook_id, objects, status, problems))
        if status == 0:
            await asyncio.sleep(LONGEST_HANG_S)
        return Response(status_code=status or 504)

    def _verdict(self, retailer: str, *, refused: bool) -> int:
        with self._lock:
            if self._hanging:
                self._hanging -= 1
                return 0
            for index, (status, meant) in enumerate(self._failing):
                if meant in (None, retailer):
                    del self._failing[index]
                    return status
        return 401 if refused else 200

    def _problems(self, retailer: str, raw: bytes, request: Request) -> tuple[str, ...]:
        access = self._access.get(retailer)
        if access is None:
            return (f"no such hook: {retailer}",)
        found: list[str] = []
        try:
            Webhook(access.signing).verify(raw, dict(request.headers), json_parse=False)
        except (WebhookVerificationError, ValueError) as error:
            found.append(f"signature: {error}")
        found += [
            f"header {name} is missing, wrong or not wanted"
            for name, wanted in (("Username", access.username), ("Password", access.password))
            if request.headers.get(name) != wanted
        ]
        return (*found, *problems_of(raw))
