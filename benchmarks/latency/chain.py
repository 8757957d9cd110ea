"""One run of the bare chain: the same carrier webhooks, as many hops, the same reader."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
import time
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.latency.client import Request, connected, on_the_wire
from benchmarks.latency.figures import cpu, latencies
from benchmarks.latency.product import SHOP, Load
from benchmarks.latency.watch import watching
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


def run(bootstrap: str, directory: Path, load: Load, prefix: str) -> dict[str, Any]:
    """All figures of one run."""
    names = [f"{prefix}bare-{number}" for number in range(HOPS + 1)]
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
            pids[name] = leash.start(name, command, directory / f"{prefix}{name}.log", os.environ)
        _await_port(port)
        return asyncio.run(_measure(bootstrap, f"http://{LOOPBACK}:{port}", names[-1], load, pids))
    except TimeoutError as error:
        logs = "".join((directory / f"{prefix}{name}.log").read_text()[-2000:] for name in pids)
        raise RuntimeError(f"the bare chain does not work: {logs}") from error
    finally:
        leash.close()


async def _create(bootstrap: str, names: list[str]) -> None:
    async with TopicsAdmin(Cluster({"bootstrap_servers": bootstrap})) as admin:
        await admin.apply(await admin.plan([Wanted(name, PARTITIONS, {}) for name in names]), ONE_COPY)


async def _measure(bootstrap: str, url: str, last: str, load: Load, pids: dict[str, int]) -> dict[str, Any]:
    options = {"bootstrap_servers": bootstrap}
    senders = Senders(Credentials.fresh([SHOP]), {})
    requests = [_request(senders, number) for number in range(load.scans)]
    async with connected(url) as client, watching(options, "", [last], PARTITIONS) as watch:
        # The first ones wait until the hops have joined; they are not counted.
        await watch.all_of(last, await client.steady(requests[: load.warm_up], load.rate))
        began = time.perf_counter()
        with cpu(pids) as used:
            sent = await client.steady(requests[load.warm_up :], load.rate)
            await watch.all_of(last, sent)
        passed = time.perf_counter() - began
    return {**latencies(sent, watch.seen[last]), "seconds": round(passed, 1), "cpu_percent": used}


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
