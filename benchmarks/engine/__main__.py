"""Orders, then returns, through every engine in one run. Writes results/<name>.json and a chart beside it.

python -m benchmarks.engine [--sides native,transactional-bare] [--runs 3] [--orders 30000] [--peers .venv-bench]
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.engine import report
from benchmarks.engine.measuring import SIDES, Bench, Given, Result
from benchmarks.engine.observe import Found
from demo.broker import open_broker

RESULTS = Path(__file__).parent / "results"


def arguments() -> argparse.Namespace:
    """Of the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.engine")
    parser.add_argument("--sides", default=",".join(SIDES), help="which, of: %(default)s")
    parser.add_argument("--runs", type=int, default=3, help="of each side, interleaved")
    parser.add_argument("--orders", type=int, default=30_000)
    parser.add_argument("--returns", type=int, default=30_000)
    parser.add_argument("--partitions", type=int, default=4)
    parser.add_argument("--peers", type=Path, default=Path(".venv-bench"), help="the venv of Faust and Quix")
    parser.add_argument("--name", default="throughput", help="of the files written")
    return parser.parse_args()


async def measure(asked: argparse.Namespace, bootstrap: str, state: Path) -> dict[str, list[Result]]:
    """All runs, a side after the other, so that what else the machine does meets all of them."""
    bench = Bench(bootstrap, asked.partitions, asked.peers, state)
    given = Given(asked.orders, asked.returns)
    print(f"engine: writing {asked.orders} orders and {asked.returns} returns", flush=True)
    expected = await bench.prefill(given)
    print(f"engine: {len(expected)} actions must come out", flush=True)
    found: dict[str, list[Result]] = {side: [] for side in asked.sides.split(",")}
    for number in range(asked.runs):
        for side, results in found.items():
            run = await bench.run(side, f"{side}-{number}", given, expected)
            results.append(run)
            print(f"engine: {side:24} {_line(run.found, given)}", flush=True)
    return found


def _line(found: Found, given: Given) -> str:
    return (
        f"{given.events / found.seconds:8.0f} events/s  {found.cpu_s / given.events * 1e6:6.1f} us CPU/event  "
        f"{found.peak_mb:6.0f} MB  missing/twice/wrong {found.missing}/{found.twice}/{found.wrong}  load {found.load}"
    )


def write(name: str, found: Mapping[str, list[Result]], given: Given, actions: int) -> None:
    """The figures and the chart."""
    summary = report.summary(found, given, actions)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{name}.json").write_text(json.dumps(summary, indent=2) + "\n")
    (RESULTS / f"{name}.svg").write_text(report.chart(summary))
    print(report.table(summary))


def main() -> None:
    """See the module."""
    asked = arguments()
    with open_broker() as broker, TemporaryDirectory(prefix="bench-engine-") as state:
        found = asyncio.run(measure(asked, broker.bootstrap_servers, Path(state)))
    given = Given(asked.orders, asked.returns)
    write(asked.name, found, given, max(run.actions for results in found.values() for run in results))
    if any(run.found.missing or run.found.twice or run.found.wrong for results in found.values() for run in results):
        raise SystemExit("engine: a side did not bring exactly the expected actions")


if __name__ == "__main__":
    main()
