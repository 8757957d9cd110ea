"""One connection: how long it may be silent before its first request, and how long the headers of one may take.

uvicorn bounds neither: it looks at the size of headers only while some are missing, and waits for them for ever.
"""

from __future__ import annotations

import asyncio
from typing import Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

# Longer than a load balancer's idle timeout (60 s as a rule): else it would reuse a connection that we are closing.
KEEP_ALIVE_S = 75
# From the first byte of a request to its last header; a sender's headers fit into two packets.
HEADERS_TIMEOUT_S = 10.0


class BoundedConnection(H11Protocol):
    """Closed when it is silent from its beginning on, or when the headers of a request do not come to an end."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._timer: asyncio.TimerHandle | None = None
        self._headers_begun = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """A new connection, on which nothing was said yet."""
        super().connection_made(transport)
        self._close_in(KEEP_ALIVE_S)

    def data_received(self, data: bytes) -> None:
        """Some bytes of a request, or of several."""
        super().data_received(data)
        self._watch_headers()

    def on_response_complete(self) -> None:
        """An answer is out; the next request may have begun already."""
        super().on_response_complete()
        self._watch_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        """Either side closed it."""
        self._forget()
        super().connection_lost(exc)

    def _watch_headers(self) -> None:
        unfinished = self.conn.their_state is h11.IDLE and bool(self.conn.trailing_data[0])
        if unfinished and not self._headers_begun:
            self._close_in(HEADERS_TIMEOUT_S)
        elif not unfinished:
            self._forget()
        self._headers_begun = unfinished

    def _close_in(self, seconds: float) -> None:
        self._forget()
        self._timer = self.loop.call_later(seconds, self.transport.close)

    def _forget(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
