"""A port that is answered from a thread with a loop of its own: also while the process's own loop stands still."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Generator, Iterator

import uvicorn
from starlette.applications import Starlette

# What was asked before the end gets its answer within this, or none.
STOP_TIMEOUT_S = 2


class _Server(uvicorn.Server):
    """Signals are the process's business: what it runs must finish before anything else ends."""

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """None of them."""
        yield


@contextlib.contextmanager
def serving(application: Starlette, *taken: socket.socket) -> Iterator[None]:
    """Answer on listening sockets until the end of the block."""
    config = uvicorn.Config(
        application,
        # Not what happens to be installed: llhttp would take headers without end.
        http="h11",
        loop="asyncio",
        access_log=False,
        log_config=None,
        log_level="warning",
        lifespan="off",
        timeout_graceful_shutdown=STOP_TIMEOUT_S,
    )
    server = _Server(config)
    thread = threading.Thread(target=server.run, args=(list(taken),), name="health", daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.should_exit = True
        thread.join(2 * STOP_TIMEOUT_S)
