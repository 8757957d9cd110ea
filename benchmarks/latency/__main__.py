"""Webhook to action: the product beside a bare chain of as many hops, on one real Kafka. Prints JSON.

python -m benchmarks.latency [--runs 3] [--seconds 60] [--rate 200] [--against NAME=DIRECTORY ...]

The runs take turns: product, bare chain, product, ... and each figure is the median. --against measures another
checkout of this repository in the same run, so that a change can be seen beside what was before it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.latency import chain, product
from benchmarks.latency.figures import medians
from benchmarks.latency.product import Load
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
        warm_up_s=min(10.0, arguments.seconds),
        side_seconds=min(20.0, arguments.seconds),
    )
    checkouts = {"product": HERE} | dict(_named(text) for text in arguments.against)
    properties = dict(text.split("=", 1) for text in arguments.broker)
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in (*checkouts, BARE)}
    with (
        tempfile.TemporaryDirectory() as scratch,
        EmbeddedCluster(BrokerOptions(server_properties=properties)) as broker,
    ):
        directory = Path(scratch)
        for turn in range(arguments.runs):
            for name in runs:
                prefix = f"{name}-{turn}."
                _say(f"run {turn + 1} of {arguments.runs}: {name} (load {os.getloadavg()[0]:.1f})")
                if name == BARE:
                    found = chain.run(broker.bootstrap_servers, directory, load, prefix)
                else:
                    kafka = KafkaSettings(bootstrap_servers=broker.bootstrap_servers, topic_prefix=prefix)
                    with contextlib.chdir(checkouts[name]):
                        found = product.run(kafka, directory / prefix, load)
                _say(json.dumps(found))
                runs[name].append(found)
    print(json.dumps(_report(load, runs), indent=2))


def _report(load: Load, runs: dict[str, list[dict[str, Any]]]) -> dict[str, Any]:
    middle = {name: medians(found) for name, found in runs.items()}
    bare = middle[BARE]
    ratios = {
        name: {share: round(found["scans"][share] / bare[share], 2) for share in ("p50", "p99", "p99.9")}
        for name, found in middle.items()
        if name != BARE
    }
    return {
        "rate_per_s": load.rate,
        "seconds": load.seconds,
        "runs": len(runs[BARE]),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "medians": middle,
        "scans_against_bare": ratios,
        "all": runs,
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.latency")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=60.0, help="of the carrier path, after 10 s of warm-up")
    parser.add_argument("--rate", type=float, default=200.0, help="webhooks a second")
    parser.add_argument("--against", action="append", default=[], metavar="NAME=DIRECTORY", help="another checkout")
    parser.add_argument("--broker", action="append", default=[], metavar="NAME=VALUE", help="a setting of Kafka's")
    return parser.parse_args()


def _named(text: str) -> tuple[str, Path]:
    name, _, directory = text.partition("=")
    return name, Path(directory).resolve()


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
