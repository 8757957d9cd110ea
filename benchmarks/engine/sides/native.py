"""This product's engine: transactions, a changelogged store, CloudEvents headers, validated models.

python -m benchmarks.engine.sides.native SPEC [memory|rocksdb|unchecked]
"""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path
from typing import Any

from benchmarks.engine import models, unchecked
from benchmarks.engine.sides import profiled
from benchmarks.engine.spec import BATCH, Mark, Spec, told
from contracts import topics
from contracts.retailers import Retailer
from streams.engine.agent import Agent
from streams.engine.context import Context
from streams.engine.global_table import GlobalTable
from streams.engine.kafka import Cluster
from streams.engine.options import RunnerOptions, memory
from streams.engine.records import Event
from streams.engine.rocks import RocksStorage
from streams.engine.runner import AgentRunner


def agent(spec: Spec, mark: Mark, wire: Any = models) -> Agent:
    """Orders into a table, returns looked up and decided. wire: `models`, or `unchecked`."""
    given, actions = wire.input_topic(spec.given), wire.output_topic(spec.actions)
    made = Agent(spec.name)
    rows = made.store("rows", wire.Row)

    @made.on(given, wire.Ordered)
    def keep(event: Event[Any], ctx: Context) -> None:
        if mark.waiting:
            mark.taken()
        ctx.put(rows, event.key, wire.slim(event.value))

    @made.on(given, wire.Returned)
    def decide(event: Event[Any], ctx: Context) -> None:
        row = ctx.get(rows, event.key)
        if row is None:
            raise LookupError(f"{event.key}: no order")
        for action in wire.decide(event.key, row, event.value):
            ctx.emit(actions, action, key=event.key, id=action.action_id)

    return made


async def run(spec: Spec, kind: str) -> None:
    """Until SIGTERM."""
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    cluster = Cluster({"bootstrap_servers": spec.bootstrap})
    table = GlobalTable(cluster, topics.RETAILERS, Retailer)
    following = asyncio.create_task(table.follow())
    storage = RocksStorage(Path(spec.state)) if kind == "rocksdb" else memory
    options = RunnerOptions(max_batch=BATCH, storage=storage)
    made = agent(spec, Mark(spec.mark), unchecked if kind == "unchecked" else models)
    try:
        await AgentRunner(made, cluster, table, options).run(stop)
    finally:
        following.cancel()
        await asyncio.wait({following})


if __name__ == "__main__":
    with profiled():
        asyncio.run(run(told(), sys.argv[2]))
