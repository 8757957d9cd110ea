"""The agent whose rows are restored, its topics, and a changelog that is full before anybody looks."""

from __future__ import annotations

from benchmarks.state.steps import key, row
from contracts.model import Model
from contracts.topics import CHANGELOG, EventType, Keyed, Topic
from streams.engine import positions
from streams.engine.agent import Agent
from streams.engine.context import Context
from streams.engine.kafka import Cluster, Transactions
from streams.engine.keyvalue import MemoryKeyValue
from streams.engine.overlay import Writes
from streams.engine.records import Event
from streams.topics_admin import Replication, TopicsAdmin, Wanted, wanted

NAME = "bench-restore"
ONE_COPY = Replication(1, 1)
# As a full checkpoint writes them.
COMMIT_ROWS = 2_000


class Nothing(Model):
    """What the input would hold, had it records."""


INPUT = Topic("bench-input", "key", Keyed.ORDER, (EventType(Nothing, "bench.nothing"),), 1, (), ())


def agent() -> Agent:
    """One store, whose rows lie in the agent's own changelog."""
    made = Agent(NAME)
    made.store("orders", Nothing)

    @made.on(INPUT)
    def ignore(event: Event[Nothing], ctx: Context) -> None:
        """There is none."""

    return made


async def create(cluster: Cluster, partitions: int) -> None:
    """Make the topics of one installation."""
    name = cluster.name
    own = [
        Wanted(name(INPUT.name), partitions, INPUT.config),
        Wanted(name(agent().changelog), partitions, CHANGELOG),
    ]
    rest = [w for w in wanted([NAME], cluster.prefix, 1, ONE_COPY) if w.name != name(agent().changelog)]
    async with TopicsAdmin(cluster) as admin:
        await admin.apply(await admin.plan([*own, *rest]), ONE_COPY)


async def fill(cluster: Cluster, partitions: int, rows: int) -> None:
    """Write so many rows, spread over the partitions, in transactions as a task writes them."""
    for partition in range(partitions):
        producer = Transactions(cluster, f"{NAME}-{partition}")
        await producer.open()
        numbers = range(partition, rows, partitions)
        for start in range(0, len(numbers), COMMIT_ROWS):
            writes: Writes = {"orders": {key(n): row(n) for n in numbers[start : start + COMMIT_ROWS]}}
            positions.note_consumed(MemoryKeyValue(), writes, {}, partitions)
            await producer.commit(positions.changelog_records(agent(), partition, writes), {}, NAME)
        await producer.close()
