"""The toy agent as a process that can be killed, and that freezes at a chosen point of a transaction.

python -m tests.integration.engine.toy_process PLACE ROLE (PLACE: its files' common path; ROLE: a toy.Role as JSON)
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from streams.engine import running_task
from streams.engine.kafka import Cluster, Transactions, producing
from streams.engine.options import RunnerOptions, memory
from streams.engine.rocks import RocksStorage
from streams.engine.runner import AgentRunner
from tests.integration.engine.toy import ASK_AGAIN_S, Role, Toy, reply


def meddle(place: Path, role: Role) -> None:
    """Give the engine the transactions that the role asks for."""
    freeze = place.with_suffix(".freeze")
    if role.own_ids:
        producing.TRANSACTION_TIMEOUT_MS = 60_000  # no broker saves what the fencing should have

    def freeze_if_told() -> None:
        if freeze.exists():
            freeze.unlink()
            os.kill(os.getpid(), signal.SIGSTOP)

    class Meddled(Transactions):
        def __init__(self, cluster: Cluster, transactional_id: str) -> None:
            super().__init__(cluster, f"{transactional_id}-{os.getpid()}" if role.own_ids else transactional_id)
            inner = self._producer
            begin, commit = inner.begin_transaction, inner.commit_transaction

            async def begin_or_freeze() -> None:
                if role.freeze_at == "begin":
                    freeze_if_told()
                await begin()

            async def commit_or_freeze() -> None:
                if role.freeze_at == "commit":
                    freeze_if_told()
                await commit()

            inner.begin_transaction, inner.commit_transaction = begin_or_freeze, commit_or_freeze

    setattr(running_task, "Transactions", Meddled)  # noqa: B010 - a name that the engine does not export


def _say(status: Path, runner: AgentRunner) -> None:
    fresh = status.with_suffix(".new")
    fresh.write_text(json.dumps(runner.partitions if runner.ready else []))
    fresh.replace(status)


async def _main(place: Path, role: Role) -> None:
    options = RunnerOptions(
        callers={"box": reply},
        session_timeout_ms=role.session_ms,
        stop_timeout_s=role.stop_timeout_s,
        instance_id=role.instance_id,
        storage=memory if role.state_dir is None else RocksStorage(Path(role.state_dir), role.prefix),
    )
    meddle(place, role)
    async with Toy(role.bootstrap, role.prefix).running(options) as running:
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, running.stop.set)
        while not running.task.done():
            _say(place.with_suffix(".json"), running.runner)
            await asyncio.wait({running.task}, timeout=ASK_AGAIN_S)
    running.task.result()


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1]), Role(**json.loads(sys.argv[2]))))
