"""How a task comes to where it goes on: its store opened, its rows restored, its group and its rows of one mind."""

from __future__ import annotations

import asyncio
import time

import structlog

from streams.engine import positions, restore, versions
from streams.engine.agent import Agent
from streams.engine.errors import StateInUse, StateRefused
from streams.engine.kafka import Cluster, GroupConsumer, Reader, reading
from streams.engine.keyvalue import KeyValue
from streams.engine.threads import in_thread

log = structlog.get_logger()

# Group coordinators before Kafka 4 show the offsets of a transaction some moments after it has ended, and a partition's
# new leader may not know for some moments how far its log is committed: the changelog then seems to end too early.
OFFSETS_LAG_S = 3.0
OFFSETS_RETRY_S = 0.2
# A process that leaves holds its directory until its batches are done or dropped and its clients closed: 5 s each.
IN_USE_S = 15.0
IN_USE_RETRY_S = 0.2


class Start:
    """One task's beginnings, each of which may break off anywhere.

    partitions: how many the agent's inputs have; 0 before it is known.
    """

    def __init__(
        self, agent: Agent, partition: int, cluster: Cluster, consumer: GroupConsumer, stored: KeyValue
    ) -> None:
        self.partitions = 0
        self._agent = agent
        self._partition = partition
        self._cluster = cluster
        self._consumer = consumer
        self._stored = stored
        self._log = log.bind(agent=agent.name, partition=partition)

    async def open(self) -> None:
        """Open the store. One that another process holds is waited for: it may be about to leave."""
        patience = time.monotonic() + IN_USE_S
        waiting = False
        while True:
            try:
                # After a kill -9 RocksDB reads its log again, 60 ms of it, and keeps the interpreter's lock meanwhile.
                async with restore.turn():
                    return await in_thread(self._stored.open)
            except StateInUse as error:
                if time.monotonic() > patience:
                    raise
                if not waiting:
                    self._log.warning("state in use by another process", action="state_in_use", error=str(error))
                waiting = True
            await asyncio.sleep(IN_USE_RETRY_S)

    async def restored(self) -> tuple[dict[str, int], dict[str, int]]:
        """Bring the rows up to date; where to go on in each input, and where it ends. Only once the last owner is
        fenced: an offset or a row read before that may already be old."""
        place = self._agent, self._partition, self._stored
        async with reading(self._cluster) as reader:
            await restore.restore(reader, *place)
            self.partitions = positions.check_partitions(self._agent, self._stored, self._consumer.partition_counts())
            versions.check(self._agent, self._stored)
            offsets, ends = await self._agreed(reader)
            await restore.restore_mirrors(reader, *place, offsets)
        return offsets, ends

    async def _agreed(self, reader: Reader) -> tuple[dict[str, int], dict[str, int]]:
        """Once offsets and rows agree. Each may lag for a moment: so both are looked at again."""
        patience = time.monotonic() + OFFSETS_LAG_S
        while True:
            known = positions.consumed(self._stored)
            committed = await self._consumer.committed(self._partition)
            first, ends = await self._consumer.bounds(self._partition)
            last = time.monotonic() > patience
            try:
                if last or not positions.rows_lag(committed, known):
                    place = self._agent, self._partition
                    return positions.starting_offsets(*place, committed, known, first, ends), ends
            except StateRefused:
                if last:
                    raise
            await asyncio.sleep(OFFSETS_RETRY_S)
            await restore.restore(reader, self._agent, self._partition, self._stored)
