"""The worker processes: started, killed, stopped and continued by name, and looked after so that none ends unseen."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import httpx

from demo.broker.leash import Leash
from demo.broker.ports import LOOPBACK, free_ports

KILL_TIMEOUT_S = 10.0
# Batches in flight, clients that must close, and a broker that may be away meanwhile.
STOP_TIMEOUT_S = 40.0
PROBE_TIMEOUT_S = 2.0
LOOK_AGAIN_S = 0.1
LOG_TAIL_LINES = 12
# Each of them fails the run already; more would only prolong it.
MOST_FAULTS = 6


@dataclass(slots=True)
class Worker:
    """One place for a process. up: whether one is meant to run there. busy: whether a fault works on it just now."""

    name: str
    port: int
    up: bool = False
    busy: bool = False
    starts: int = 0


@dataclass(slots=True)
class Fleet:
    """All workers, in the care of a leash that none of them outlives.

    settings: the installation's environment. state: where rows on disk go, None keeps them in memory.
    faults: what a process did that it must not: an end by itself, a SIGTERM not obeyed.
    """

    leash: Leash
    directory: Path
    settings: Mapping[str, str]
    engine: str
    state: Path | None
    random: Random
    workers: dict[str, Worker] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def add(self, count: int) -> list[Worker]:
        """Places for so many more."""
        ports = free_ports(count)
        new = [Worker(f"w{len(self.workers) + at}", port) for at, port in enumerate(ports)]
        self.workers.update({worker.name: worker for worker in new})
        return new

    def idle(self, *, up: bool) -> list[Worker]:
        """Workers that no fault works on, and that run or do not."""
        return [worker for worker in self.workers.values() if worker.up == up and not worker.busy]

    @property
    def running(self) -> list[Worker]:
        """Workers where a process is meant to run."""
        return [worker for worker in self.workers.values() if worker.up]

    async def start(self, worker: Worker) -> None:
        """Begin, after an end as well. Half of the starts are static members, which get back what they had at once."""
        worker.starts += 1
        static = self.random.random() < 0.5
        command = [sys.executable, "-m", "tests.chaos.worker", self.engine]
        environment = self._environment(worker, static)
        await asyncio.to_thread(self.leash.start, worker.name, command, self.log(worker), environment)
        worker.up = True

    async def kill(self, worker: Worker) -> None:
        """SIGKILL; returns when it is gone."""
        worker.up = False
        self.leash.signal(worker.name, signal.SIGKILL)
        await asyncio.to_thread(self.leash.wait_ended, worker.name, KILL_TIMEOUT_S)

    async def leave(self, worker: Worker) -> None:
        """SIGTERM; returns when it has left."""
        worker.up = False
        self.leash.signal(worker.name, signal.SIGTERM)
        code = await asyncio.to_thread(self.leash.wait_ended, worker.name, STOP_TIMEOUT_S)
        if code is None:
            self.faults.append(f"{worker.name} still ran {STOP_TIMEOUT_S:.0f} s after SIGTERM; {self.tail(worker)}")
            await self.kill(worker)
        elif code != 0:
            self.faults.append(f"{worker.name} left with code {code}; {self.tail(worker)}")

    def signal(self, worker: Worker, number: signal.Signals) -> None:
        """Send a signal."""
        self.leash.signal(worker.name, number)

    async def ready(self, worker: Worker) -> bool:
        """Whether it has its assignment, all of it restored."""
        async with httpx.AsyncClient(timeout=PROBE_TIMEOUT_S, trust_env=False) as client:
            try:
                return (await client.get(f"http://{LOOPBACK}:{worker.port}/readyz")).status_code == 200
            except httpx.TransportError:
                return False

    async def wait_ready(self, worker: Worker, timeout_s: float) -> bool:
        """Until it is ready; False when it is not in time."""
        deadline = time.monotonic() + timeout_s
        while not await self.ready(worker):
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(LOOK_AGAIN_S)
        return True

    async def watch(self) -> None:
        """For ever: start again who ended by itself, as an orchestrator would, and remember that it did."""
        while not self.given_up:
            for worker in self.idle(up=True):
                code = self.leash.wait_ended(worker.name, 0)
                if code is not None:
                    self.faults.append(f"{worker.name} ended by itself with code {code}; {self.tail(worker)}")
                    await self.start(worker)
            await asyncio.sleep(LOOK_AGAIN_S)

    @property
    def given_up(self) -> bool:
        """Whether so many ended by themselves that this will never come to rest."""
        return len(self.faults) >= MOST_FAULTS

    def log(self, worker: Worker) -> Path:
        """What it says."""
        return self.directory / f"{worker.name}.log"

    def tail(self, worker: Worker) -> str:
        """The end of its log."""
        lines = self.log(worker).read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
        return "its log ends:\n" + "\n".join(f"    {line[:400]}" for line in lines)

    def _environment(self, worker: Worker, static: bool) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("RETURNSTREAMS_")}
        own = {"RETURNSTREAMS_HEALTH__PORT": str(worker.port)}
        if static:
            own["RETURNSTREAMS_INSTANCE_ID"] = worker.name
        if self.state is not None:
            own["RETURNSTREAMS_STATE_DIR"] = str(self.state / worker.name)
        return {**kept, **self.settings, **own, "PYTHONUNBUFFERED": "1"}
