"""Simulated shops on a loopback port, in a thread of their own.

with ShopifySimulator() as shopify:
    shop = shopify.add("acme.myshopify.com", access_token="shpat_…")
    shop.store.put(body)                # an order, as its webhook would bring it
    ...                                 # call shopify.base_url
    shop.bucket.spent                   # points that were really charged
"""

from __future__ import annotations

import socket
import threading
import time
from types import TracebackType
from typing import Any, Self

import uvicorn

from demo.broker.ports import LOOPBACK, free_ports
from demo.shopify.admin import ShopSimulator, app_of
from demo.shopify.store import ShopStore

START_TIMEOUT_S = 10.0


class ShopifySimulator:
    """Any number of shops. base_url: for RETURNSTREAMS_SHOPIFY__BASE_URL."""

    def __init__(self) -> None:
        self.shops: dict[str, ShopSimulator] = {}
        self.port = free_ports(1)[0]
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def base_url(self) -> str:
        """Where the shops are, `{shop}` standing for the domain."""
        return f"http://{LOOPBACK}:{self.port}/{{shop}}"

    def add(self, domain: str, **options: Any) -> ShopSimulator:
        """A new shop without orders."""
        self.shops[domain] = ShopSimulator(ShopStore(domain), **options)
        return self.shops[domain]

    def __enter__(self) -> Self:
        listener = socket.create_server((LOOPBACK, self.port), backlog=128)
        config = uvicorn.Config(app_of(self.shops), lifespan="off", log_config=None, access_log=False)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, args=([listener],), name="shopify-simulator", daemon=True)
        thread.start()
        deadline = time.monotonic() + START_TIMEOUT_S
        while not server.started:
            if time.monotonic() > deadline or not thread.is_alive():
                raise RuntimeError(f"the Shopify simulator does not listen on port {self.port}")
            time.sleep(0.005)
        self._server, self._thread = server, thread
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None and self._thread is not None:
            self._server.should_exit = self._server.force_exit = True
            self._thread.join(START_TIMEOUT_S)
