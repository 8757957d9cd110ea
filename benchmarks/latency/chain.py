"""The bare chain: the same carrier webhooks, as many hops, the same reader."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.latency.client import Request, on_the_wire
from benchmarks.latency.product import SHOP
from benchmarks.latency.rounds import Target
from demo.broker.leash import Leash
from demo.broker.ports import LOOPBACK, free_ports
from demo.credentials import Credentials
from demo.senders import Post, Senders
from demo.stack import PARTITIONS
from streams.engine.kafka import Cluster
from streams.topics_admin import Replication, TopicsAdmin, Wanted

ONE_COPY = Replication(1, 1)
HOPS = 2
START_TIMEOUT_S = 30.0


@contextmanager
def running(bootstrap: str, directory: Path, count: int) -> Iterator[Target]:
    """The chain, up, and so many requests for it."""
    names = [f"bare-{number}" for number in range(HOPS + 1)]
    asyncio.run(_create(bootstrap, names))
    port = free_ports(1)[0]
    leash = Leash()
    pids: dict[str, int] = {}
    try:
        commands = {"ingress": ["ingress", bootstrap, names[0], str(port)]}
        for number in range(HOPS):
            commands[f"hop-{number + 1}"] = ["hop", bootstrap, names[number], names[number + 1]]
        for name, arguments in commands.items():
            command = [sys.executable, "-m", "benchmarks.latency.bare", *arguments]
            pids[name] = leash.start(name, command, directory / f"{name}.log", os.environ)
        _await_port(port)
        senders = Senders(Credentials.fresh([SHOP]), {})
        requests = [_request(senders, number) for number in range(count)]
        yield Target(f"http://{LOOPBACK}:{port}", {"bootstrap_servers": bootstrap}, names[-1], requests, pids)
    except TimeoutError as error:
        logs = "".join((directory / f"{name}.log").read_text()[-2000:] for name in pids)
        raise RuntimeError(f"not everything came: {error}; what the bare chain said: {logs}") from error
    finally:
        leash.close()


async def _create(bootstrap: str, names: list[str]) -> None:
    async with TopicsAdmin(Cluster({"bootstrap_servers": bootstrap})) as admin:
        await admin.apply(await admin.plan([Wanted(name, PARTITIONS, {}) for name in names]), ONE_COPY)


def _request(senders: Senders, number: int) -> Request:
    """The carrier's body, under the key that its record has in the product."""
    scan = ("OP-10", datetime.now(UTC), "Hamburg, DE", "Picked up")
    post = senders.omniparcel(f"P{number}", scan)
    return on_the_wire(f"P{number}", Post("/", post.raw, {**post.headers, "x-key": f"P{number}"}))


def _await_port(port: int) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        try:
            with closing(socket.create_connection((LOOPBACK, port), timeout=1.0)):
                return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
