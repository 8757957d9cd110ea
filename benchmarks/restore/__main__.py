"""How fast rows are restored from a changelog, and how soon a restart with rows on disk is ready. Prints JSON.

python -m benchmarks.restore [--rows 1000000] [--partitions 1] [--dir DIRECTORY] [--rounds 3]

A real Kafka, and a process of its own for each life. Beside it a bare consumer that only reads the same records.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import sys
import tempfile
import uuid
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import structlog

from benchmarks.restore.agent import create, fill
from benchmarks.restore.lives import Spec, bare, restore
from benchmarks.state.steps import ROW_BYTES
from demo.broker import open_broker


def alone(life: Callable[..., dict[str, Any]], spec: Spec) -> dict[str, Any]:
    """In a process of its own, so that memory and time are its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(life, **spec.to_dict()).result()


def rounds(spec: Spec, count: int) -> dict[str, list[dict[str, Any]]]:
    """Bare reading and cold restores, interleaved; after each cold one on disk, a warm one."""
    found: dict[str, list[dict[str, Any]]] = {"bare": [], "memory": [], "rocksdb": [], "rocksdb_warm": []}
    for _ in range(count):
        shutil.rmtree(spec.directory, ignore_errors=True)
        found["bare"].append(alone(bare, spec))
        found["memory"].append(alone(restore, replace(spec, kind="memory")))
        found["rocksdb"].append(alone(restore, spec))
        found["rocksdb_warm"].append(alone(restore, spec))
    return found


def median(runs: list[dict[str, Any]]) -> dict[str, Any]:
    """Of each figure by itself, but the worst of the stalls."""
    found = {name: sorted(run[name] for run in runs)[len(runs) // 2] for name in runs[0]}
    return found | {name: max(run[name] for run in runs) for name in ("longest_stall_ms", "longest_busy_ms")}


def table(bootstrap: str, directory: Path, rows: int, partitions: int, count: int) -> dict[str, Any]:
    """Everything about a changelog of so many rows."""
    spec = Spec(bootstrap, f"restore-{uuid.uuid4().hex[:8]}.", partitions, "rocksdb", str(directory / "state"))
    asyncio.run(create(spec.cluster, partitions))
    asyncio.run(fill(spec.cluster, partitions, rows))
    load = round(os.getloadavg()[0], 1)  # of a machine that others use too, this is what the seconds depend on
    found = {name: median(runs) for name, runs in rounds(spec, count).items()}
    reading = found["bare"]["rows_per_s"]
    ratios = {kind: round(found[kind]["rows_per_s"] / reading, 2) for kind in ("memory", "rocksdb")}
    return {"rows": rows, "partitions": partitions, "load_before": load, **found, "of_bare": ratios}


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.restore")
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--partitions", type=int, nargs="+", default=[1, 12])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--dir", type=Path, default=None, help="on the disk to be measured; a temporary one else")
    arguments = parser.parse_args()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    directory = Path(tempfile.mkdtemp(dir=arguments.dir))
    try:
        with open_broker(report=lambda line: print(line, file=sys.stderr)) as broker:
            found = [
                table(broker.bootstrap_servers, directory, rows, partitions, arguments.rounds)
                for partitions in arguments.partitions
                for rows in (arguments.rows if partitions == 1 else arguments.rows[-1:])
            ]
    finally:
        shutil.rmtree(directory)
    facts = {"row_bytes": ROW_BYTES, "python": sys.version.split()[0], "rounds": arguments.rounds}
    print(json.dumps({**facts, "tables": found}, indent=2))


if __name__ == "__main__":
    main()
