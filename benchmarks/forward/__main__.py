"""Deliveries a second through tracking-forward on a real Kafka, beside a bare client loop. Prints JSON.

python -m benchmarks.forward [--rounds 3] [--quick] [--black-hole] [--owed 1000000]

A receiver on loopback answers in 5, 50 and 500 ms, with 1 and 100 returns in parallel. All take turns in one run.
--black-hole measures instead what one receiver of ten that hangs or refuses costs the others.
--owed measures instead what so many updates that a hook does not take cost: disk, memory, restarts, a look at them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import statistics
import sys
import tempfile
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.forward import bare, black_hole, owed, product
from benchmarks.forward.receiver import receiving
from benchmarks.forward.traffic import HEADERS, body
from demo.broker import open_broker
from producers.settings import KafkaSettings

DELAYS_MS = (5, 50, 500)
BAR = 0.7


@dataclass(frozen=True, slots=True)
class Case:
    """A receiver that answers in `delay_ms`, and so many orders whose updates go out at the same time."""

    delay_ms: int
    parallel: int

    @property
    def name(self) -> str:
        """For the report."""
        return f"{self.delay_ms} ms, {self.parallel} in parallel"

    def updates(self, seconds: float) -> int:
        """Of each order: what fits if a delivery took 5 ms beside the answer, at most what two cores can do."""
        return max(4, int(min(seconds / (self.delay_ms / 1000 + 0.005), seconds * 1500 / self.parallel)))


CASES = [Case(delay, parallel) for delay in DELAYS_MS for parallel in (1, 100)]


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.forward")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=8.0, help="of each turn, about")
    parser.add_argument("--quick", action="store_true", help="one round of 3 s turns: whether it works, not how fast")
    parser.add_argument("--black-hole", action="store_true", help="measure instead what one receiver costs nine others")
    parser.add_argument("--owed", type=int, metavar="N", help="measure N owed deliveries instead")
    arguments = parser.parse_args()
    rounds, seconds = (1, 3.0) if arguments.quick else (arguments.rounds, arguments.seconds)
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        broker = stack.enter_context(open_broker(report=lambda line: print(line, file=sys.stderr)))
        if arguments.owed:
            found = owed.measure(broker.bootstrap_servers, directory, arguments.owed)
        elif arguments.black_hole:
            kafka = KafkaSettings(bootstrap_servers=broker.bootstrap_servers, topic_prefix="bench.")
            turn_s = 5.0 if arguments.quick else black_hole.TURN_S
            found = asyncio.run(black_hole.measure(kafka, directory, rounds, turn_s, _say))
        else:
            found = asyncio.run(_speed(stack, broker.bootstrap_servers, directory, rounds, seconds))
    print(json.dumps({"python": platform.python_version(), "cores": os.cpu_count(), **found}, indent=2))


async def _speed(stack: ExitStack, bootstrap: str, directory: Path, rounds: int, seconds: float) -> dict[str, Any]:
    receivers = {f"in{ms}ms": stack.enter_context(receiving(ms / 1000)) for ms in DELAYS_MS}
    kafka = KafkaSettings(bootstrap_servers=bootstrap, topic_prefix="bench.")
    forwarding = stack.enter_context(product.running(kafka, directory, receivers))
    told = body()
    rates: dict[Case, dict[str, list[float]]] = {case: defaultdict(list) for case in CASES}
    loads = []
    for _ in range(rounds):
        for case in CASES:
            retailer = f"in{case.delay_ms}ms"
            receiver = receivers[retailer]
            found = rates[case]
            rate, used = await forwarding.rate(retailer, receiver, case.parallel, case.updates(seconds))
            found["product"].append(rate)
            found["product_cpu_percent"].append(used)
            for client in bare.CLIENTS:
                rate = await bare.rate(client, receiver.url, told, HEADERS, case.parallel, seconds / 2)
                found[client].append(rate)
            loads.append(os.getloadavg()[0])
            _tell(case.name, {name: round(each[-1], 1) for name, each in found.items()})
    return {
        "rounds": rounds,
        "seconds": seconds,
        "load_average": [round(statistics.median(loads), 1), round(max(loads), 1)],
        "cases": {case.name: _figures(found) for case, found in rates.items()},
    }


def _figures(found: dict[str, list[float]]) -> dict[str, Any]:
    middle = {name: statistics.median(values) for name, values in found.items()}
    best = max(bare.CLIENTS, key=lambda client: middle[client])
    ratios = {client: round(middle["product"] / middle[client], 2) for client in bare.CLIENTS}
    return {
        "deliveries_per_s": {name: round(value, 1) for name, value in middle.items() if name != "product_cpu_percent"},
        "product_cpu_percent": round(middle["product_cpu_percent"]),
        "of_bare": ratios,
        "best_bare": best,
        "meets_bar": ratios[best] >= BAR,
    }


def _tell(name: str, figures: dict[str, Any]) -> None:
    _say(f"{name} (load {os.getloadavg()[0]:.1f}): {json.dumps(figures)}")


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
