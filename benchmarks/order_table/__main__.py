"""What a table of a million orders costs, and how soon one of them is shown. Prints JSON.

python -m benchmarks.order_table [--orders 1000000] [--partitions 12] [--lookups 200] [--commands 100] [--quick]
python -m benchmarks.order_table --parts fill --prefix mine.    # and later, at the broker that the settings name:
python -m benchmarks.order_table --parts memory --prefix mine.

A real Kafka, the agents as the process that an installation runs, in memory and on disk; each started anew on the full
table. Look-ups go the way of `returnstreams orders show`: the group is asked who has the partition, that process for
the row. Beside it the other way, which reads the partition; and the command as a whole, with Python's start.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import tempfile
import time
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from benchmarks.order_table.filling import DAYS, HASH_KEY, RETAILER, fill, key, name
from benchmarks.order_table.processes import Life, running, size_mb
from benchmarks.state.steps import percentiles
from demo.broker import open_broker
from demo.broker.ports import free_ports
from streams.engine.kafka import Cluster, partition_of
from streams.story.orders import look_up, read_orders
from streams.topics_admin import Replication, TopicsAdmin, wanted
from streams.wiring import AGENTS

ONE_COPY = Replication(1, 1)
QUICK = 20_000
READS = 3
PARTS = ("fill", "memory", "disk")
SEED = 1


async def create(cluster: Cluster, partitions: int) -> None:
    """Make the topics."""
    async with TopicsAdmin(cluster) as admin:
        await admin.apply(await admin.plan(wanted(AGENTS, cluster.prefix, partitions, ONE_COPY)), ONE_COPY)


async def looked_up(cluster: Cluster, orders: int, count: int) -> dict[str, Any]:
    """Milliseconds of so many look-ups of orders by chance, one after the other.

    client_cpu: of the asking side alone. by_reading: how many were read, because the process was too slow.
    """
    chance, seconds, by_reading, cpu = random.Random(SEED), [], 0, time.process_time()
    for _ in range(count):
        wanted_key = key(chance.randrange(orders))
        began = time.perf_counter()
        found = await look_up(cluster, wanted_key)
        seconds.append(time.perf_counter() - began)
        by_reading += not found.asked
        if found.order is None:
            raise RuntimeError(f"{wanted_key} was not found")
    cpu_ms = round((time.process_time() - cpu) / count * 1e3, 1)
    return {**percentiles(seconds, 1e3), "client_cpu": cpu_ms, "by_reading": by_reading}


async def read(cluster: Cluster, orders: int, partitions: int) -> dict[str, Any]:
    """Milliseconds of the other way: a read of the whole partition."""
    chance, seconds = random.Random(SEED), []
    for _ in range(READS):
        wanted_key = key(chance.randrange(orders))
        began = time.perf_counter()
        await read_orders(cluster, wanted_key, partition_of(wanted_key.encode(), partitions))
        seconds.append(time.perf_counter() - began)
    return percentiles(seconds, 1e3)


def commands(settings: dict[str, str], orders: int, count: int) -> dict[str, Any]:
    """Milliseconds of the whole command, as somebody at a terminal waits for it: from its start until it has ended."""
    chance, seconds = random.Random(SEED), []
    for _ in range(count):
        command = ["orders", "show", RETAILER, name(chance.randrange(orders))]
        began = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "streams.cli", *command],
            env={**os.environ, **settings},
            check=True,
            stdout=subprocess.DEVNULL,
        )
        seconds.append(time.perf_counter() - began)
    return percentiles(seconds, 1e3)


def standing(life: Life) -> dict[str, Any]:
    """A process once it is ready."""
    return {"ready_s": life.ready_s, "cpu_s": life.cpu_s, "resident_mb": life.resident_mb}


@dataclass(frozen=True, slots=True)
class Table:
    """The table under measurement. folder: for logs and state. lookups, commands: how many of them."""

    servers: str
    prefix: str
    folder: Path
    orders: int
    partitions: int
    lookups: int
    commands: int

    @property
    def cluster(self) -> Cluster:
        """Where it is."""
        return Cluster({"bootstrap_servers": self.servers}, self.prefix)

    @property
    def log(self) -> Path:
        """Of all processes."""
        return self.folder / "log"

    def settings(self, port: int, state: Path | None = None) -> dict[str, str]:
        """Of a process that answers there, and of the commands that ask it."""
        disk = {} if state is None else {"RETURNSTREAMS_STATE_DIR": str(state)}
        return {
            "RETURNSTREAMS_KAFKA__BOOTSTRAP_SERVERS": self.servers,
            "RETURNSTREAMS_KAFKA__TOPIC_PREFIX": self.prefix,
            "RETURNSTREAMS_HASH_KEY": HASH_KEY,
            "RETURNSTREAMS_HEALTH__PORT": str(port),
            "RETURNSTREAMS_INSTANCE_ID": "bench",
            **disk,
        }


def filled(table: Table) -> dict[str, Any]:
    """An empty table, and then a full one."""
    [port] = free_ports(1)
    asyncio.run(create(table.cluster, table.partitions))
    with running(table.settings(port), port, table.log) as life:
        empty = standing(life)
    began = time.perf_counter()
    size = asyncio.run(fill(table.cluster, table.partitions, table.orders))
    return {"seconds": round(time.perf_counter() - began, 1), "row_bytes": size, "empty": empty}


def shown(table: Table, settings: dict[str, str]) -> dict[str, Any]:
    """How soon a process that is ready has orders shown."""
    looked = asyncio.run(looked_up(table.cluster, table.orders, table.lookups))
    return {"lookup_ms": looked, "command_ms": commands(settings, table.orders, table.commands)}


def in_memory(table: Table) -> dict[str, Any]:
    """Started on the full table, asked, and read around."""
    [port] = free_ports(1)
    settings = table.settings(port)
    with running(settings, port, table.log) as life:
        found = standing(life) | shown(table, settings)
        return found | {"by_reading_ms": asyncio.run(read(table.cluster, table.orders, table.partitions))}


def on_disk(table: Table) -> dict[str, Any]:
    """Started on the full table with an empty disk, and once more; then asked."""
    [port] = free_ports(1)
    state = table.folder / "state"
    settings = table.settings(port, state)
    with running(settings, port, table.log) as life:
        cold = standing(life)
    with running(settings, port, table.log) as life:
        warm = standing(life) | shown(table, settings)
        warm |= {"resident_after_lookups_mb": life.resident_mb, "disk_mb": size_mb(state)}
    return {"cold": cold, "warm": warm}


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.order_table")
    parser.add_argument("--orders", type=int, default=1_000_000)
    parser.add_argument("--partitions", type=int, default=12)
    parser.add_argument("--lookups", type=int, default=200)
    parser.add_argument("--commands", type=int, default=100, help="whole commands, of a process each")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} orders, to see whether it works")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="not all at once: with --prefix")
    parser.add_argument("--prefix", default=f"orders-{uuid.uuid4().hex[:8]}.", help="of the topics")
    arguments = parser.parse_args()
    orders = QUICK if arguments.quick else arguments.orders
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    load = os.getloadavg()[0]
    measured: dict[str, Any] = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        open_broker(report=lambda line: print(line, file=sys.stderr)) as broker,
    ):
        counts = arguments.partitions, arguments.lookups, arguments.commands
        table = Table(broker.bootstrap_servers, arguments.prefix, Path(folder), orders, *counts)
        for part, measure in zip(PARTS, (filled, in_memory, on_disk), strict=True):
            if part in arguments.parts:
                measured[part] = measure(table)
    loads = {"before": round(load, 1), "after": round(os.getloadavg()[0], 1)}
    facts = {"orders": orders, "partitions": arguments.partitions, "spread_over_days": DAYS, "load": loads}
    print(json.dumps({**facts, "python": sys.version.split()[0], **measured}, indent=2))


if __name__ == "__main__":
    main()
