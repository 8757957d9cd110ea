"""The ingress under load, beside a handler that only reads the body and answers, and one that does the work itself by
hand, on one real Kafka. Prints JSON.

python -m benchmarks.ingress [--rounds 3] [--seconds 5] [--connections 1 64 256] [--against NAME=DIRECTORY ...]
                             [--minutes 10] [--no-overload]

All sides are up at once and take turns; each figure is the median of the rounds. --against measures another checkout of
this repository beside them. --minutes: how long memory is watched at a steady rate; 0: not at all. --rounds 0: nothing
but that, after a warm-up.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import uvloop

from benchmarks.engine import traffic
from benchmarks.ingress import load, orders, sides
from benchmarks.ingress.load import NoLoadGenerator
from benchmarks.ingress.sides import Side
from benchmarks.latency.client import Request
from benchmarks.latency.figures import medians
from demo.broker import BrokerOptions, EmbeddedCluster
from demo.credentials import Credentials

HERE = Path(__file__).resolve().parents[2]
PRODUCT, HAND = "product", "hand"
# The same handler twice: as a plain installation of uvicorn serves it, and on what the ingress is served with.
PLAIN, SAME = "bare", "bare-uvloop"
BARE = {PLAIN: ("h11", "asyncio"), SAME: ("httptools", "uvloop")}
ORDERS = 5_000
# Of an account's share of the requests in flight (256), five times: what comes too much is told 429 or 503.
OVERLOAD_CONNECTIONS = 5 * 256
OVERLOAD_S, OVERLOAD_RATE = 20.0, 100.0
HALF_S = 15.0
MEMORY_RATE = 150.0


class Run:
    """One run: what was started, and the orders that are sent."""

    def __init__(self, bootstrap: str, file: Path, spare: list[Request]) -> None:
        self.bootstrap = bootstrap
        self._file = file
        self._spare = spare

    def turn(self, side: Side, connections: int, seconds: float) -> dict[str, Any]:
        """As fast as it goes; what was answered 2xx must be in the topic."""
        before = self._stored(side)
        found = load.wrk(side, self._file, connections, seconds)
        if side.topic is not None and self._stored(side) - before < found["requests"] - found["refused"]:
            raise RuntimeError(f"{side.name}: fewer records than answers of 2xx: {found}")
        return found

    def half(self, side: Side, top: float) -> dict[str, Any]:
        """At half of the top rate, open loop."""
        return self._steady(side, top / 2, HALF_S)

    def overload(self, side: Side) -> dict[str, Any]:
        """Five times the connections that may be served at once, and beside them a client that knows its answers."""
        assert side.topic is not None
        since = asyncio.run(load.ends(self.bootstrap, side.topic))
        spare = self._spare[: int(OVERLOAD_RATE * OVERLOAD_S)]

        async def both() -> tuple[dict[str, Any], list[load.Sample]]:
            flood = asyncio.to_thread(load.wrk, side, self._file, OVERLOAD_CONNECTIONS, OVERLOAD_S + 1)
            flooding = asyncio.create_task(flood)
            samples = await load.steady(side, spare, OVERLOAD_RATE, connections=256)
            return await flooding, samples

        flood, samples = uvloop.run(both())
        accepted = {sample.about for sample in samples if sample.status == 200}
        lost = accepted - asyncio.run(load.keys(self.bootstrap, side.topic, since)).keys()
        return {"flood": flood, "client": load.of(samples, OVERLOAD_S), "accepted_and_not_stored": len(lost)}

    def memory(self, side: Side, minutes: float) -> dict[str, Any]:
        """Resident memory at a steady rate, once a twelfth of the time; the first is after a warm-up."""
        found = [side.rss_mib()]
        for _ in range(12):
            self._steady(side, MEMORY_RATE, minutes * 60 / 12)
            found.append(side.rss_mib())
        return {"minutes": minutes, "per_second": MEMORY_RATE, "mib": [round(each, 1) for each in found]}

    def _steady(self, side: Side, rate: float, seconds: float) -> dict[str, Any]:
        count = int(rate * seconds)
        wanted = (self._spare * (1 + count // len(self._spare)))[:count]
        return load.of(uvloop.run(load.steady(side, wanted, rate)), seconds)

    def _stored(self, side: Side) -> int:
        return 0 if side.topic is None else sum(asyncio.run(load.ends(self.bootstrap, side.topic)).values())


def main() -> None:
    """See the module."""
    arguments = _arguments()
    checkouts = {PRODUCT: HERE} | dict(_named(text) for text in arguments.against)
    credentials = Credentials.fresh([traffic.RETAILER])
    made = list(orders.orders(ORDERS + int(OVERLOAD_RATE * OVERLOAD_S), credentials.shopify))
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        orders.write(made[:ORDERS], directory / "orders")
        with sides.pinned(sides.OTHERS):
            broker = stack.enter_context(EmbeddedCluster(BrokerOptions()))
        bootstrap = broker.bootstrap_servers
        run = Run(bootstrap, directory / "orders", made[ORDERS:])
        up = {
            name: stack.enter_context(sides.ingress(name, checkout, bootstrap, directory / name, credentials))
            for name, checkout in checkouts.items()
        }
        for name, (http, loop) in BARE.items():
            up[name] = stack.enter_context(sides.bare(name, directory, http, loop))
        topic = str(up[PRODUCT].topic)
        up[HAND] = stack.enter_context(sides.hand(HAND, directory, bootstrap, topic, credentials.shopify))
        print(json.dumps(_measured(run, up, arguments), indent=2))


def _measured(run: Run, up: dict[str, Side], arguments: argparse.Namespace) -> dict[str, Any]:
    idle = {name: side.idle_percent() for name, side in up.items()}
    _tell("idle, percent of a core", idle)
    rounds: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for number in range(arguments.rounds + 1):  # the first warms up
        for connections in arguments.connections:
            for name, side in up.items():
                found = run.turn(side, connections, arguments.seconds if number else 2.0)
                _tell(f"{name}, {connections} connections", found)
                if number:
                    rounds.setdefault(name, {}).setdefault(str(connections), []).append(found)
    if not rounds:
        return {"memory": run.memory(up[PRODUCT], arguments.minutes)}
    middle = {name: {conns: medians(found) for conns, found in by.items()} for name, by in rounds.items()}
    report: dict[str, Any] = {
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "load_average": [round(each, 1) for each in os.getloadavg()],
        "idle_cpu_percent": idle,
        "sides": middle,
        "cpu_against": {
            bare: {
                name: {c: round(f["cpu_us"] / middle[bare][c]["cpu_us"], 2) for c, f in by.items()}
                for name, by in middle.items()
            }
            for bare in BARE
        },
        "rounds": rounds,
    }
    product = up[PRODUCT]
    top = max(found["per_second"] for found in middle[PRODUCT].values())
    report["half_of_the_top_rate"] = run.half(product, top)
    _tell("half", report["half_of_the_top_rate"])
    if arguments.overload:
        report["overload"] = run.overload(product)
        _tell("overload", report["overload"])
    if arguments.minutes:
        report["memory"] = run.memory(product, arguments.minutes)
    return report


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ingress")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5.0, help="of each side in each round")
    parser.add_argument("--connections", type=int, nargs="+", default=[1, 64, 256])
    parser.add_argument("--minutes", type=float, default=10.0, help="for which memory is watched")
    parser.add_argument("--overload", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--against", action="append", default=[], metavar="NAME=DIRECTORY", help="another checkout")
    return parser.parse_args()


def _named(text: str) -> tuple[str, Path]:
    name, _, directory = text.partition("=")
    return name, Path(directory).resolve()


def _tell(what: str, figures: dict[str, Any]) -> None:
    print(f"{what} (load {os.getloadavg()[0]:.1f}): {json.dumps(figures)}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        main()
    except NoLoadGenerator as error:
        sys.exit(f"benchmarks.ingress: {error}")
