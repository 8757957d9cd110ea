"""Benchmarks that need no broker still run: they reach into the engine, and nobody looks at them for weeks."""

from __future__ import annotations

import subprocess
import sys


def test_the_hot_path_is_measured_step_by_step() -> None:
    command = [sys.executable, "-m", "benchmarks.engine.hot_path", "--events", "200", "--repeat", "1"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 0, ended.stderr
    steps = [line.rsplit(maxsplit=2)[0].strip() for line in ended.stdout.splitlines()]
    assert {"handlers", "records to batches", "in all"} <= set(steps), ended.stdout
