"""`returnstreams run order-table return-actions` as a process: how soon it is ready, how much it holds."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil

PATIENCE_S = 1_200.0
ASK_AGAIN_S = 0.05
STOP_S = 60.0


@dataclass(frozen=True, slots=True)
class Life:
    """A process that is ready. ready_s: from its start. python's own start is in it."""

    pid: int
    ready_s: float

    @property
    def resident_mb(self) -> float:
        """Now."""
        return round(psutil.Process(self.pid).memory_info().rss / 1e6, 1)

    @property
    def cpu_s(self) -> float:
        """So far."""
        times = psutil.Process(self.pid).cpu_times()
        return round(times.user + times.system, 1)


@contextmanager
def running(settings: Mapping[str, str], port: int, log: Path) -> Iterator[Life]:
    """Started, ready, and ended in order."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("RETURNSTREAMS_")}
    command = [sys.executable, "-m", "streams.cli", "run", "order-table", "return-actions"]
    with log.open("ab") as stderr:
        began = time.perf_counter()
        process = subprocess.Popen(command, env={**plain, **settings}, stderr=stderr)
        try:
            _wait(process, port, log)
            yield Life(process.pid, round(time.perf_counter() - began, 2))
            process.send_signal(signal.SIGTERM)
            process.wait(STOP_S)
        finally:
            process.kill()
            process.wait()


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not _ready(port):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"not ready: {log.read_text()[-2000:]}")
        time.sleep(ASK_AGAIN_S)


def _ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200
    except httpx.HTTPError:
        return False


def size_mb(directory: Path) -> float:
    """What lies in a directory."""
    return round(sum(file.stat().st_size for file in directory.rglob("*") if file.is_file()) / 1e6, 1)
