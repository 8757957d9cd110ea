"""The processes that are measured: the ingress of this checkout or another, and the bare handler, each on one core."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

from benchmarks.ingress.orders import RETAILERS
from demo.broker.leash import Leash
from demo.broker.ports import LOOPBACK, free_ports
from demo.credentials import Credentials
from demo.stack import INGRESS, Stack
from producers.settings import KafkaSettings

# With two cores: the server has one of its own, broker and load share the other.
SERVERS, OTHERS = {1}, {0}
START_TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Side:
    """A server under load. topic: where its orders must be, None for one that writes nothing."""

    name: str
    port: int
    pid: int
    topic: str | None

    def cpu_s(self) -> float:
        """Seconds of CPU that it has used so far, its threads' among them."""
        times = psutil.Process(self.pid).cpu_times()
        return float(times.user + times.system)

    def idle_percent(self, seconds: float = 8.0) -> float:
        """Of one core, with nothing to do: it is in every figure, and the more of it the slower the machine."""
        before = self.cpu_s()
        time.sleep(seconds)
        return round(100 * (self.cpu_s() - before) / seconds, 1)

    def rss_mib(self) -> float:
        """Memory that it holds."""
        return float(psutil.Process(self.pid).memory_info().rss) / 2**20


@contextmanager
def pinned(cores: set[int]) -> Iterator[None]:
    """What is started in this block runs on these cores alone: children inherit it, threads too."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores if cores <= before else before)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


@contextmanager
def ingress(name: str, checkout: Path, bootstrap: str, directory: Path, credentials: Credentials) -> Iterator[Side]:
    """`returnstreams serve` of a checkout, ready."""
    kafka = KafkaSettings(bootstrap_servers=bootstrap, topic_prefix=f"{name}.")
    # The interpreters that start there import what lies there.
    with contextlib.chdir(checkout), Stack(kafka, directory=directory, credentials=credentials) as stack:
        stack.apply(RETAILERS)
        with pinned(SERVERS):
            stack.start_ingress()
        stack.wait_ready(INGRESS)
        yield Side(name, stack.ports[INGRESS], stack.pids[INGRESS], f"{name}.order-events")


@contextmanager
def bare(name: str, directory: Path, http: str, loop: str) -> Iterator[Side]:
    """The handler that only answers, ready, on these parts of uvicorn."""
    with _server(name, directory, "bare", (http, loop), {}) as (port, pid):
        yield Side(name, port, pid, None)


@contextmanager
def hand(name: str, directory: Path, bootstrap: str, topic: str, secret: str) -> Iterator[Side]:
    """The work itself by hand, ready, on a topic that is there."""
    with _server(name, directory, "hand", (bootstrap, topic), {"SECRET": secret}) as (port, pid):
        yield Side(name, port, pid, topic)


@contextmanager
def _server(
    name: str, directory: Path, module: str, arguments: Sequence[str], environ: Mapping[str, str]
) -> Iterator[tuple[int, int]]:
    """A module of this package as a process; its port and its id."""
    port = free_ports(1)[0]
    leash = Leash()
    command = [sys.executable, "-m", f"benchmarks.ingress.{module}", str(port), *arguments]
    try:
        with pinned(SERVERS):
            pid = leash.start(name, command, directory / f"{name}.log", {**os.environ, **environ})
        _await(f"http://{LOOPBACK}:{port}/readyz")
        yield port, pid
    finally:
        leash.close()


def _await(url: str) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        with contextlib.suppress(httpx.TransportError):
            if httpx.get(url, trust_env=False).is_success:
                return
        if time.monotonic() > deadline:
            raise TimeoutError(f"{url} did not answer in {START_TIMEOUT_S:.0f} s")
        time.sleep(0.05)
