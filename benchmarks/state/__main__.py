"""What rows on disk cost beside rows in memory: restore, apply, get, memory, restart. Prints JSON.

python -m benchmarks.state [--rows 200000] [--dir DIRECTORY]

No broker: the rows come from a list, so that only the stores are measured. Each step runs in a process of its own, so
that memory is that of the step alone.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.state.steps import ROW_BYTES, answering, crash, restart, threads, use

Step = Callable[[str, Path, int], dict[str, Any]]


def alone(step: Step, kind: str, directory: Path, rows: int) -> dict[str, Any]:
    """Run a step in a process of its own."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    child = context.Process(target=answering, args=(step, kind, directory, rows, theirs))
    child.start()
    theirs.close()
    answer: dict[str, Any] = ours.recv()
    child.join()
    return answer


def measure(kind: str, directory: Path, rows: int) -> dict[str, Any]:
    """Everything about one kind of store."""
    found = alone(use, kind, directory, rows)
    if kind == "rocksdb":
        found["disk_mb"] = round(sum(f.stat().st_size for f in directory.rglob("*") if f.is_file()) / 1e6, 1)
        found["restart_after_close"] = alone(restart, kind, directory, rows)
        alone(crash, kind, directory, min(rows, 20_000))
        found["restart_after_crash"] = alone(restart, kind, directory, rows)
    return found | alone(threads, kind, directory, rows)


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.state")
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--dir", type=Path, default=None, help="on the disk to be measured; a temporary one else")
    arguments = parser.parse_args()
    directory = Path(tempfile.mkdtemp(dir=arguments.dir))
    try:
        found = {kind: measure(kind, directory, arguments.rows) for kind in ("memory", "rocksdb")}
    finally:
        shutil.rmtree(directory)
    print(
        json.dumps(
            {"rows": arguments.rows, "row_bytes": ROW_BYTES, "python": sys.version.split()[0], **found}, indent=2
        )
    )


if __name__ == "__main__":
    main()
