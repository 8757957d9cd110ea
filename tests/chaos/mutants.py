"""The engine broken on purpose, in a worker alone: what the soak must catch, or its silence would mean nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from streams.engine import runner, running_task
from streams.engine.kafka import Cluster, GroupConsumer, Transactions
from streams.engine.records import OutRecord
from streams.engine.running_task import RunningTask
from streams.engine.task import Batch

NATIVE = "native"


def offsets_first() -> None:
    """The group's offsets are committed before the transaction: what breaks in between is never read again."""
    members: dict[str, AIOKafkaConsumer] = {}

    class Member(GroupConsumer):
        def __init__(self, cluster: Cluster, group: str, *rest: Any) -> None:
            super().__init__(cluster, group, *rest)
            members[group] = self._consumer

    class OffsetsFirst(Transactions):
        async def commit(
            self, records: Iterable[OutRecord], offsets: Mapping[tuple[str, int], int], group: str
        ) -> dict[tuple[str, int], int]:
            if offsets:
                name = self._cluster.name
                await members[group].commit({TopicPartition(name(t), p): offset for (t, p), offset in offsets.items()})
            return await super().commit(records, offsets, group)

    _replace(runner, "GroupConsumer", Member)
    _replace(running_task, "Transactions", OffsetsFirst)


def rows_first() -> None:
    """The batch's rows are in the stores before its transaction: a batch that is redone finds itself done."""

    class RowsFirst(RunningTask):
        async def _commit(self, batch: Batch) -> None:
            self.stored.apply(batch.rows.writes, {})
            await super()._commit(batch)

    _replace(runner, "RunningTask", RowsFirst)


def own_ids() -> None:
    """Each process has transactional ids of its own: a task's next owner shuts nobody out."""

    class OwnIds(Transactions):
        def __init__(self, cluster: Cluster, transactional_id: str) -> None:
            super().__init__(cluster, f"{transactional_id}-{os.getpid()}")

    _replace(running_task, "Transactions", OwnIds)


MUTANTS: Mapping[str, Callable[[], None]] = {
    "offsets-first": offsets_first,
    "rows-first": rows_first,
    "own-ids": own_ids,
}
ENGINES = (NATIVE, *MUTANTS)


def become(engine: str) -> None:
    """Make this process run that engine. KeyError where there is none of this name."""
    if engine != NATIVE:
        MUTANTS[engine]()


def _replace(module: object, name: str, by: type) -> None:
    """AttributeError when the engine has no such name any more: a mutant that changes nothing would be no mutant."""
    getattr(module, name)
    setattr(module, name, by)
