"""Overload by rate: requests are due whatever became of those before, five times as many as the ingress can take.

python -m benchmarks.ingress.rate [--times 5] [--seconds 15] [--connections 2000]       Prints JSON.

With two cores the load has one of its own, the ingress and Kafka share the other, and the top rate is theirs there. A
request for which no connection is free is not sent, and counted as such. Of each order as many records must be in the
topic as were answered 2xx.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import resource
import tempfile
import time
from collections import Counter, deque
from contextlib import ExitStack
from pathlib import Path
from typing import Any, cast

import uvloop

from benchmarks.engine import traffic
from benchmarks.ingress import load, orders, sides
from benchmarks.ingress.load import Sample
from benchmarks.ingress.sides import Side
from benchmarks.latency.client import Request
from demo.broker import BrokerOptions, EmbeddedCluster
from demo.broker.ports import LOOPBACK
from demo.credentials import Credentials

HERE = Path(__file__).resolve().parents[2]
ORDERS = 5_000
TOP_S, LAST_ANSWERS_S, TURN_S = 5.0, 5.0, 0.001


class _Crowd:
    """Connections that are open, those of them that are free, and what was answered."""

    def __init__(self, port: int) -> None:
        self.free: deque[_Line] = deque()
        self.samples: list[Sample] = []
        self.unsent = 0
        self._port = port

    async def open(self, count: int) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(count):
            await loop.create_connection(lambda: _Line(self), LOOPBACK, self._port)

    async def flood(self, requests: list[Request], rate: float, seconds: float) -> None:
        begin, number, count = time.perf_counter(), 0, int(rate * seconds)
        while number < count:
            due = min(count, int((time.perf_counter() - begin) * rate))
            while number < due:
                if self.free:
                    self.free.popleft().ask(requests[number % len(requests)], begin + number / rate)
                else:
                    self.unsent += 1
                number += 1
            await asyncio.sleep(TURN_S)

    def sent(self, count: int) -> int:
        return count - self.unsent


class _Line(asyncio.Protocol):
    """One connection, for one request after the other."""

    def __init__(self, crowd: _Crowd) -> None:
        self._crowd = crowd
        self._about: str | None = None
        self._due = 0.0
        self._read = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none by name
        self._crowd.free.append(self)

    def ask(self, request: Request, due: float) -> None:
        self._about, self._due = request[0], due
        self._transport.write(request[1])

    def data_received(self, data: bytes) -> None:
        self._read += data
        head, end, body = self._read.partition(b"\r\n\r\n")
        if not end:
            return
        head = head.lower()
        length = int(head.partition(b"content-length:")[2].split(b"\r\n", 1)[0] or 0)
        if len(body) >= length:
            self._read = b""
            self._answered(int(head[9:12]))
            self._crowd.free.append(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._answered(0)
        if self in self._crowd.free:
            self._crowd.free.remove(self)

    def _answered(self, status: int) -> None:
        if self._about is not None:
            self._crowd.samples.append(Sample(self._about, status, time.perf_counter() - self._due))
            self._about = None


async def _flooded(side: Side, requests: list[Request], rate: float, arguments: argparse.Namespace) -> dict[str, Any]:
    crowd, count = _Crowd(side.port), int(rate * arguments.seconds)
    await crowd.open(arguments.connections)
    gc.disable()  # the load's own pauses would be the server's
    await crowd.flood(requests, rate, arguments.seconds)
    await asyncio.sleep(LAST_ANSWERS_S)
    return {
        "due_per_second": round(rate),
        "sent_per_second": round(crowd.sent(count) / arguments.seconds),
        "not_answered": crowd.sent(count) - len(crowd.samples),
        "answers": load.by_status(crowd.samples),
        "accepted": Counter(sample.about for sample in crowd.samples if sample.status == 200),
    }


def _run(arguments: argparse.Namespace) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(most, 2 * arguments.connections + 1000), most))
    credentials = Credentials.fresh([traffic.RETAILER])
    made = list(orders.orders(ORDERS, credentials.shopify))
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        orders.write(made, directory / "orders")
        with sides.pinned(sides.SERVERS):
            bootstrap = stack.enter_context(EmbeddedCluster(BrokerOptions())).bootstrap_servers
        side = stack.enter_context(sides.ingress("product", HERE, bootstrap, directory / "product", credentials))
        load.wrk(side, directory / "orders", 64, TOP_S)  # warms up
        top = load.wrk(side, directory / "orders", 64, TOP_S)["per_second"]
        before = asyncio.run(load.ends(bootstrap, str(side.topic)))
        with sides.pinned(sides.OTHERS):
            found = uvloop.run(_flooded(side, made, arguments.times * top, arguments))
        stored = asyncio.run(load.keys(bootstrap, str(side.topic), before))
        lost = found.pop("accepted") - stored
        print(json.dumps({"top_per_second": top, **found, "accepted_and_not_stored": lost.total()}, indent=2))


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ingress.rate")
    parser.add_argument("--times", type=float, default=5.0, help="of the top rate")
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--connections", type=int, default=2000)
    _run(parser.parse_args())


if __name__ == "__main__":
    main()
