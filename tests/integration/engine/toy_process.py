"""The toy agent as a process that can be killed, and that freezes at a chosen point of a transaction.

python -m tests.integration.engine.toy_process PLACE ROLE (PLACE: its files' common path; ROLE: a toy.Role as JSON)
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from streams import event_loop
from streams.engine import running_task
from streams.engine.kafka import Cluster, Transactions, producing
from streams.engine.options import RunnerOptions, memory
from streams.engine.records import OutRecord
from streams.engine.rocks import RocksStorage
from streams.engine.runner import AgentRunner
from tests.integration.engine.toy import Role, Toy, reply
from tests.waiting import INTERVAL_S


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
        """Freezes only with inputs in its hands: a batch of timers and answers alone proves nothing."""

        def __init__(self, cluster: Cluster, transactional_id: str) -> None:
            super().__init__(cluster, f"{transactional_id}-{os.getpid()}" if role.own_ids else transactional_id)
            inner = self._producer
            self._with_inputs, self._commit_inner = False, inner.commit_transaction
            inner.commit_transaction = self._commit_or_freeze

        async def commit(
            self, records: Iterable[OutRecord], offsets: Mapping[tuple[str, int], int], group: str
        ) -> dict[tuple[str, int], int]:
            self._with_inputs = bool(offsets)
            if role.freeze_at == "begin" and offsets:
                freeze_if_told()
            return await super().commit(records, offsets, group)

        async def _commit_or_freeze(self) -> None:
            if role.freeze_at == "commit" and self._with_inputs:
                freeze_if_told()
            await self._commit_inner()

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
            await asyncio.wait({running.task}, timeout=INTERVAL_S)
    running.task.result()


if __name__ == "__main__":
    event_loop.run(_main(Path(sys.argv[1]), Role(**json.loads(sys.argv[2]))))
