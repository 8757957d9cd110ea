"""Webhook to action: the product beside a bare chain of as many hops, on one real Kafka. Prints JSON.

python -m benchmarks.latency [--rounds 3] [--seconds 60] [--rate 200] [--against NAME=DIRECTORY ...]

Both are up at once and take turns of 5 s; each figure is the median of the rounds. --against measures another checkout
of this repository beside them, so that a change can be seen beside what was before it.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import platform
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.latency import chain, product
from benchmarks.latency.figures import medians
from benchmarks.latency.rounds import Load, Target, measure
from demo.broker import BrokerOptions, EmbeddedCluster
from producers.settings import KafkaSettings

HERE = Path(__file__).resolve().parents[2]
BARE = "bare"


def main() -> None:
    """See the module."""
    arguments = _arguments()
    load = Load(
        rate=arguments.rate,
        seconds=arguments.seconds,
        rounds=arguments.rounds,
        warm_up_s=min(10.0, arguments.seconds),
        side_seconds=min(20.0, arguments.seconds),
    )
    checkouts = {"product": HERE} | dict(_named(text) for text in arguments.against)
    properties = dict(text.split("=", 1) for text in arguments.broker)
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        broker = stack.enter_context(EmbeddedCluster(BrokerOptions(server_properties=properties)))
        targets: dict[str, Target] = {}
        others: dict[str, dict[str, Any]] = {}
        for name, checkout in checkouts.items():
            kafka = KafkaSettings(bootstrap_servers=broker.bootstrap_servers, topic_prefix=f"{name}.")
            # The interpreters that start there import what lies there.
            with contextlib.chdir(checkout):
                targets[name], others[name] = stack.enter_context(product.running(kafka, directory / name, load))
            _tell(name, others[name])
        targets[BARE] = stack.enter_context(chain.running(broker.bootstrap_servers, directory, load.scans))
        rounds = asyncio.run(measure(targets, load, _tell))
    print(json.dumps(_report(load, others, rounds), indent=2))


def _report(load: Load, others: dict[str, dict[str, Any]], rounds: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    middle = {name: medians(found) for name, found in rounds.items()}
    ratios = {
        name: {share: round(middle[name][share] / middle[BARE][share], 2) for share in ("p50", "p99", "p99.9")}
        for name in others
    }
    return {
        "load": asdict(load),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "load_average": [round(each, 1) for each in os.getloadavg()],
        "carrier_webhook_to_action_ms": middle,
        "against_bare": ratios,
        "other_paths": others,
        "rounds": rounds,
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.latency")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=60.0, help="of each chain in each round")
    parser.add_argument("--rate", type=float, default=200.0, help="webhooks a second")
    parser.add_argument("--against", action="append", default=[], metavar="NAME=DIRECTORY", help="another checkout")
    parser.add_argument("--broker", action="append", default=[], metavar="NAME=VALUE", help="a setting of Kafka's")
    return parser.parse_args()


def _named(text: str) -> tuple[str, Path]:
    name, _, directory = text.partition("=")
    return name, Path(directory).resolve()


def _tell(name: str, figures: dict[str, Any]) -> None:
    print(f"{name} (load {os.getloadavg()[0]:.1f}): {json.dumps(figures)}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
