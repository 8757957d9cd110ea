"""One connection: how long it may be silent before its first request, and how long and how large headers may be.

uvicorn bounds none of it: llhttp takes headers, trailers and chunk extensions of any length, for as long as they come.
"""

from __future__ import annotations

import asyncio
from typing import Any, ClassVar

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from producers.answers import Answer
from producers.incoming import MAX_HEADER_BYTES
from producers.problems import HeadersTooLarge, NotHttp

# Longer than a load balancer's idle timeout (60 s as a rule): else it would reuse a connection that we are closing.
KEEP_ALIVE_S = 75
# From the first byte of a request to its last header; a sender's headers fit into two packets.
HEADERS_TIMEOUT_S = 10.0
# Who was sent away for load and comes again at once (told: in 5 s) is not read before that. When a thousand clients
# did so, 281,000 of 293,000 requests were refused, and those that were let in waited for it (docs/decisions/0010).
HOLD_S = 0.2
# Of all that were sent away, so many are read again in a second. To refuse one takes 70 us: with 6,000 connections,
# each held for HOLD_S alone, refusals were all that was done, and of 13,000 requests a second 290 were let in.
READ_AGAIN_PER_S = 7_000
# How long somebody has to read an answer, where nothing that follows it can be understood.
LINGER_S = 1.0
# Among the extensions of a request's scope: how an application has that done, under "hold".
EXTENSION = "returnstreams"


class BoundedConnection(HttpToolsProtocol):
    """Closed when it is silent from its beginning on, or when the headers of a request do not come to an end."""

    # Of all connections, by the loop's clock: until when READ_AGAIN_PER_S of them have their turn to be read again.
    _turns_until: ClassVar[float] = 0.0

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._timer: asyncio.TimerHandle | None = None
        self._in_headers = self._headers_timed = self._deaf = False
        # Whether the bytes that just came ended some headers or held a piece of a body, and how many since did neither.
        self._got_on = False
        self._idle_bytes = 0
        self._extensions: dict[str, dict[object, object]] = {EXTENSION: {"hold": self.hold}}

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """A new connection, on which nothing was said yet."""
        super().connection_made(transport)
        self._close_in(KEEP_ALIVE_S)

    def data_received(self, data: bytes) -> None:
        """Some bytes of a request, or of several."""
        self._got_on = False
        self._unset_keepalive_if_required()
        if self._deaf:
            return
        left = data
        while left:
            left = self._read(left)
        if self._got_on:
            self._idle_bytes = 0
        else:
            self._idle_bytes += len(data)
            if self._idle_bytes > MAX_HEADER_BYTES:
                return self._refuse()
        self._watch()

    def on_message_begin(self) -> None:
        """The first byte of a request."""
        self._in_headers = True
        super().on_message_begin()
        self.scope["extensions"] = self._extensions

    def on_headers_complete(self) -> None:
        """The last header."""
        self._in_headers = False
        self._got_on = True
        if self._would_upgrade():
            return
        super().on_headers_complete()
        # What comes behind a chunked body is no header: uvicorn would add it to those that the application has.
        self.headers = []

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        self._got_on = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The end of the body; of a request that would rather speak another protocol, the end of its headers."""
        if not self._would_upgrade():
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """An answer is out."""
        super().on_response_complete()
        cycle = self.cycle
        if self.expect_100_continue and cycle.response_complete and cycle.more_body:
            # Who was not told to go on may leave the body out: what he sends next is not to be taken for it. Closed at
            # once, a connection with something unread is reset, and the answer may be lost.
            self._deaf = True
            self._close_in(LINGER_S)

    def send_400_response(self, msg: str) -> None:
        """What came is no HTTP. To a request that is whole its own answer is owed, and this is not it."""
        cycle: RequestResponseCycle | None = self.cycle
        if self._answering() and cycle is not None and not cycle.more_body:
            cycle.keep_alive = False
            self.flow.pause_reading()
            return
        # Of a body that goes on after its answer, or behind a request whose turn is still to come, nothing can be said.
        if not self.pipeline and (cycle is None or not (cycle.response_complete and cycle.more_body)):
            self.transport.write(_NO_HTTP)
        self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Either side closed it."""
        self._forget()
        super().connection_lost(exc)
        # It holds this object, which is reached from there: memory would wait for a search for cycles, 5 KB each.
        self._extensions.clear()

    def hold(self) -> None:
        """Read nothing for HOLD_S or longer, now that the answer is out; a request that has begun already is served."""
        if not (self.transport.is_closing() or self._in_headers or self._answering()):
            self.flow.pause_reading()
            now = self.loop.time()
            turn = BoundedConnection._turns_until = max(now, BoundedConnection._turns_until) + 1 / READ_AGAIN_PER_S
            self.loop.call_at(max(now + HOLD_S, turn), self._go_on)

    def _go_on(self) -> None:
        if not self.transport.is_closing():
            self.flow.resume_reading()

    def _read(self, data: bytes) -> bytes:
        """What of it is still to be read: a request whose headers had to be said again, and what is behind them."""
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            head = self._without_upgrade()
            self.parser = httptools.HttpRequestParser(self)
            return head + data[upgrade.args[0] :]
        except httptools.HttpParserError:
            self.send_400_response("")
        return b""

    def _would_upgrade(self) -> bool:
        # CONNECT is an upgrade without saying so, and no address that we serve.
        return self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT"

    def _without_upgrade(self) -> bytes:
        """The headers that just ended, of one who would rather speak another protocol (h2c, as Java's client asks).

        We go on in HTTP/1.1, as we may; llhttp takes the body for that protocol's then, and uvicorn would lose it.
        """
        version = self.parser.get_http_version().encode()
        lines = [b"%s %s HTTP/%s" % (self.parser.get_method(), self.url, version)]
        for name, value in self.headers:
            if name == b"connection":
                kept = [option for option in value.split(b",") if option.strip().lower() != b"upgrade"]
                lines.append(name + b": " + b",".join(kept))
            elif name != b"upgrade":
                lines.append(name + b": " + value)
        return b"\r\n".join([*lines, b"", b""])

    def _watch(self) -> None:
        """After some bytes. With the first of them, whatever it is, uvicorn forgets how long it heard nothing."""
        if self._in_headers:
            if not self._headers_timed:
                self._close_in(HEADERS_TIMEOUT_S)
        elif self._answering():
            self._forget()
        elif self._timer is None:
            self._close_in(KEEP_ALIVE_S)
        self._headers_timed = self._in_headers

    def _answering(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle
        return cycle is not None and not cycle.response_complete

    def _refuse(self) -> None:
        if self._in_headers and not self._answering():
            self.transport.write(_TOO_LARGE)
        self.transport.close()

    def _close_in(self, seconds: float) -> None:
        self._forget()
        self._timer = self.loop.call_later(seconds, self.transport.close)

    def _forget(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _raw(answer: Answer) -> bytes:
    headers = b"".join(name + b": " + value + b"\r\n" for name, value in answer.headers)
    return STATUS_LINE[answer.status] + headers + b"\r\n" + answer.body


_TOO_LARGE = _raw(HeadersTooLarge().answer())
_NO_HTTP = _raw(NotHttp().answer())
