"""Which tasks stand still, and letting them go on."""

from __future__ import annotations

import time
from collections.abc import Iterable
from datetime import UTC, datetime

from contracts import keys, topics
from contracts.controls import PauseLifted, TaskPaused
from contracts.envelope import Envelope
from streams.engine.global_table import GlobalTable
from streams.engine.kafka import Cluster, append, reading
from streams.engine.records import OutRecord

_FETCH_S = 0.2


async def paused(cluster: Cluster) -> list[TaskPaused]:
    """The tasks that stand still, by agent and partition. ConfigError where the topic is not there."""
    table = GlobalTable(cluster, topics.AGENT_PAUSES, TaskPaused)
    async with reading(cluster) as reader:
        await table.read_to_end(reader)
    return sorted(table.values(), key=lambda pause: (pause.agent, pause.partition))


async def lift(cluster: Cluster, pauses: Iterable[TaskPaused]) -> None:
    """Tell the tasks that these pauses are over; on all in-sync replicas when this returns."""
    await append(cluster, [_record(pause, datetime.now(UTC)) for pause in pauses])


async def still_paused(cluster: Cluster, pauses: Iterable[TaskPaused], timeout_s: float) -> list[TaskPaused]:
    """Wait until the tasks have taken their announcements back; those that have not in time."""
    waiting = {pause.pause: pause for pause in pauses}
    table = GlobalTable(cluster, topics.AGENT_PAUSES, TaskPaused)
    deadline = time.monotonic() + timeout_s
    async with reading(cluster) as reader:
        await table.read_to_end(reader)
        while True:
            announced = {pause.pause for pause in table.values()}
            left = [pause for name, pause in waiting.items() if name in announced]
            if not left or time.monotonic() > deadline:
                return left
            for record in await reader.fetch(_FETCH_S):
                table.apply(record)


def _record(pause: TaskPaused, now: datetime) -> OutRecord:
    event = topics.AGENT_CONTROLS.event_for(PauseLifted)
    key = keys.task_key(pause.agent, pause.partition)
    value = PauseLifted(pause=pause.pause, agent=pause.agent, partition=pause.partition, at=now)
    envelope = Envelope(
        id=keys.fact_id("lifted", pause.pause),
        source="returnstreams/dead-letters-resume",
        type=event.type,
        time=now,
        subject=key,
        dataschema=event.dataschema,
    )
    return OutRecord(topics.AGENT_CONTROLS.name, key.encode(), value.model_dump_json().encode(), envelope.to_headers())
