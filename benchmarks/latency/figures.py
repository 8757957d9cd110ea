"""From times to figures: percentiles of a run, medians of several, CPU by process."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import psutil

SHARES = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999, "max": 1.0}


def percentiles(seconds: Iterable[float]) -> dict[str, float]:
    """Nearest rank, in ms."""
    ordered = sorted(seconds)
    picked = {name: ordered[min(len(ordered) - 1, int(len(ordered) * share))] for name, share in SHARES.items()}
    return {"events": len(ordered), **{name: round(value * 1000, 1) for name, value in picked.items()}}


def latencies(sent: Mapping[str, float], seen: Mapping[str, float]) -> dict[str, float]:
    """Percentiles of everything that was sent; KeyError if something never came."""
    return percentiles(seen[key] - due for key, due in sent.items())


def average(turns: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """The mean of each figure."""
    return {name: round(statistics.mean(turn[name] for turn in turns), 1) for name in turns[0]}


def medians(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The median of each number, at each place where the runs have one."""
    found: dict[str, Any] = {}
    for name, value in runs[0].items():
        values = [run[name] for run in runs]
        found[name] = medians(values) if isinstance(value, Mapping) else round(statistics.median(values), 1)
    return found


@contextmanager
def cpu(pids: Mapping[str, int]) -> Iterator[dict[str, float]]:
    """Fills in, at the end, the percent of one core that each process and all Java processes below us took."""
    java = {f"java-{p.pid}": p.pid for p in psutil.Process().children(recursive=True) if p.name() == "java"}
    used: dict[str, float] = {}
    before, began = {name: _seconds(pid) for name, pid in {**pids, **java}.items()}, time.perf_counter()
    yield used
    passed = time.perf_counter() - began
    for name, pid in pids.items():
        used[name] = round(100 * (_seconds(pid) - before[name]) / passed, 1)
    used["broker"] = round(100 * sum(_seconds(pid) - before[name] for name, pid in java.items()) / passed, 1)


def _seconds(pid: int) -> float:
    times = psutil.Process(pid).cpu_times()
    return float(times.user + times.system)
