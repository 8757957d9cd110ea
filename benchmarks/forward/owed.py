"""What so many updates that nobody takes cost: disk, memory, restarts into both kinds of store, and a look at them."""

from __future__ import annotations

import asyncio
import os
import resource
import shutil
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import structlog

from benchmarks.forward.product import PARTITIONS
from benchmarks.forward.traffic import TOLD, event
from benchmarks.restore.lives import PATIENCE_S, Logs, Stalls
from benchmarks.state.steps import resident_mb, storage
from contracts import topics
from contracts.model import Model
from contracts.retailers import Hook, Portal, Retailer, ReturnActionStage, ShopifyAccess
from streams.agents.tracking_forward import tracking_forward
from streams.deliveries.overview import Filter, State
from streams.deliveries.reading import read_overview
from streams.engine import positions
from streams.engine.global_table import GlobalTable
from streams.engine.kafka import Cluster, Transactions, partition_of
from streams.engine.keyvalue import META, MemoryKeyValue
from streams.engine.options import RunnerOptions
from streams.engine.outbox import Call
from streams.engine.overlay import Writes
from streams.engine.records import Record
from streams.engine.runner import AgentRunner
from streams.engine.task import TaskCore
from streams.retailers_topic import differences, write
from streams.topics_admin import Replication, TopicsAdmin, wanted
from streams.wiring import AGENTS

AGENT = "tracking-forward"
ONE_COPY = Replication(1, 1)
# As long as the names that take its place.
SAMPLE = b"O9999999"
ORDERS_AT_ONCE = 300
# Spread over so many, as an installation's are.
RETAILERS = 10
SHOWN = 50


def measure(bootstrap: str, directory: Path, count: int) -> dict[str, Any]:
    """Everything about so many."""
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    cluster = Cluster({"bootstrap_servers": bootstrap}, f"owed-{count}.")
    began = time.perf_counter()
    written = asyncio.run(_fill(cluster, count))
    _tell(f"filled in {time.perf_counter() - began:.0f} s: {written}")
    found: dict[str, Any] = {"owed": count, "load_before": round(os.getloadavg()[0], 1), "changelog": written}
    lives = {"memory": "memory", "rocksdb": "rocksdb", "rocksdb_warm": "rocksdb"}
    state = directory / "state"
    for name, kind in lives.items():
        found[name] = _alone(_restart, bootstrap, cluster.prefix, kind, str(state))
        _tell(f"{name}: {found[name]}")
    found["rocksdb_mb"] = round(sum(file.stat().st_size for file in state.rglob("*") if file.is_file()) / 1e6, 1)
    shutil.rmtree(state)
    found["deliveries_list"] = _alone(_look, bootstrap, cluster.prefix)
    return found


def _tell(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _alone(life: Any, *arguments: str) -> dict[str, Any]:
    """In a process of its own, so that memory and time are its own."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        found: dict[str, Any] = process.submit(life, *arguments).result()
        return found


def _retailers() -> list[Retailer]:
    return [
        Retailer(
            id=f"r{number}",
            name=f"R{number}",
            portal=Portal.LOOP,
            shopify=ShopifyAccess(shop=f"r{number}.myshopify.com"),
            return_action=ReturnActionStage.FIRST_SCAN,
            hook=Hook(url="https://hook.example/"),
        )
        for number in range(RETAILERS)
    ]


# --- what is owed, as the agent itself writes it ---------------------------------------------------------------------


async def _fill(cluster: Cluster, count: int) -> dict[str, Any]:
    """Write the rows that the handlers make of each order's events: nobody has called yet."""
    async with TopicsAdmin(cluster) as admin:
        await admin.apply(await admin.plan(wanted(AGENTS, cluster.prefix, PARTITIONS, ONE_COPY)), ONE_COPY)
    await write(cluster, differences(_retailers(), {}))
    agent, samples = tracking_forward(), [_rows_of_one(retailer) for retailer in _retailers()]
    orders = [f"O{number:07}" for number in range(-(-count // len(TOLD)))]
    spread: list[list[int]] = [[] for _ in range(PARTITIONS)]
    for number, order in enumerate(orders):
        spread[partition_of(f"r{number % RETAILERS}/{order}".encode(), PARTITIONS)].append(number)
    records = size = 0
    for partition, numbers in enumerate(spread):
        producer = Transactions(cluster, f"{AGENT}-{partition}")
        await producer.open()
        for start in range(0, len(numbers), ORDERS_AT_ONCE):
            writes: Writes = {}
            for number in numbers[start : start + ORDERS_AT_ONCE]:
                _add(writes, samples[number % RETAILERS], orders[number].encode())
            positions.note_consumed(MemoryKeyValue(), writes, {}, PARTITIONS)
            rows = positions.changelog_records(agent, partition, writes)
            await producer.commit(rows, {}, AGENT)
            records += len(rows)
            size += sum(len(row.key or b"") + len(row.value or b"") for row in rows)
        await producer.close()
    owed = len(orders) * len(TOLD)
    return {"owed": owed, "records": records, "mb": round(size / 1e6, 1), "bytes_per_delivery": round(size / owed)}


def _rows_of_one(retailer: Retailer) -> Writes:
    """What tracking-forward's handlers write of the six updates of the order SAMPLE."""
    core = TaskCore(tracking_forward(), 0, MemoryKeyValue(), {retailer.id: retailer})
    batch, now = core.begin(), datetime.now(UTC)
    for offset, meaning in enumerate(TOLD):
        said = event(retailer.id, SAMPLE.decode(), "R1", meaning)
        key, stood = said.order_key.encode(), int(now.timestamp() * 1000)
        core.handle(batch, Record(topics.RETURN_EVENTS.name, 0, offset, stood, key, said.to_json()), now)
    return {store: rows for store, rows in batch.rows.writes.items() if store != META}


def _add(writes: Writes, sample: Writes, order: bytes) -> None:
    """The same rows of another order: to run the handlers a million times would take longer than all of the rest."""
    name = order.decode()
    for store, rows in sample.items():
        into = writes.setdefault(store, {})
        for key, row in rows.items():
            into[key.replace(SAMPLE.decode(), name)] = None if row is None else row.replace(SAMPLE, order)


# --- lives of the agent, each in a process of its own ----------------------------------------------------------------


async def _never(call: Call[Any]) -> Model:
    """A receiver that hangs."""
    await asyncio.Event().wait()
    raise AssertionError


def _restart(bootstrap: str, prefix: str, kind: str, directory: str) -> dict[str, Any]:
    return asyncio.run(_restarted(Cluster({"bootstrap_servers": bootstrap}, prefix), kind, Path(directory)))


async def _restarted(cluster: Cluster, kind: str, directory: Path) -> dict[str, Any]:
    logs, stalls, before = Logs(), Stalls(), resident_mb()
    watching = asyncio.create_task(stalls.watch())
    retailers = GlobalTable(cluster, topics.RETAILERS, Retailer)
    following, stop = asyncio.create_task(retailers.follow()), asyncio.Event()
    options = RunnerOptions(callers={"hook": _never}, storage=storage(kind, directory), instance_id="bench")
    runner = AgentRunner(tracking_forward(), cluster, retailers, options)
    began = time.perf_counter()
    running = asyncio.create_task(runner.run(stop))
    while not (runner.ready and len(runner.partitions) == PARTITIONS):
        if running.done():
            running.result()
        assert time.perf_counter() - began < PATIENCE_S, f"not restored in {PATIENCE_S} s"
        await asyncio.sleep(0.01)
    ready = time.perf_counter() - began
    used = resident_mb() - before
    following.cancel()
    stop.set()
    await running
    watching.cancel()
    return {
        "start_to_ready_s": round(ready, 1),
        "records_read": sum(line["records"] for line in logs.of("restored")),
        "cpu_s": round(time.process_time(), 1),
        "resident_mb": round(used, 1),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3, 1),
        "longest_busy_ms": round(stalls.busiest * 1e3, 1),
    }


def _look(bootstrap: str, prefix: str) -> dict[str, Any]:
    """What `deliveries list` does."""
    return asyncio.run(_looked(Cluster({"bootstrap_servers": bootstrap}, prefix)))


async def _looked(cluster: Cluster) -> dict[str, Any]:
    before, began = resident_mb(), time.perf_counter()
    overview = await read_overview(cluster, Filter(), datetime.now(UTC), SHOWN, keep_delivered=False)
    totals, first = overview.totals(), overview.first(frozenset({State.OWED, State.FAILING}), SHOWN)
    seconds = time.perf_counter() - began
    overview.close()
    return {
        "seconds": round(seconds, 1),
        "cpu_s": round(time.process_time(), 1),
        "total": sum(each.owed + each.failing for each in totals),
        "shown": len(first),
        "resident_mb": round(resident_mb() - before, 1),
        "peak_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3, 1),
    }
