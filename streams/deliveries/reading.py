"""Reading deliveries from the topics: what is owed from the changelog of tracking-forward, the rest from its output."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from pydantic import ValidationError

from contracts import topics
from contracts.tracking import Delivery, DeliveryReplay
from streams.deliveries.overview import Filter, Overview
from streams.engine.agent import changelog_of
from streams.engine.kafka import Cluster, Progress, Row, partition_of, read_rows, reading
from streams.engine.queued import Due, Queued, reader

M = TypeVar("M")

AGENT = "tracking-forward"
OUTBOX = "hook"

# A record bears the time of the broker that appended it, and says that of the agent: nothing is left out where one of
# their clocks was set meanwhile.
CLOCKS_APART = timedelta(hours=1)


async def read_overview(
    cluster: Cluster, wanted: Filter, now: datetime, limit: int, keep_delivered: bool, progress: Progress | None = None
) -> Overview:
    """All of them. now: the present. limit: of how many that are owed the newest attempt is asked for."""
    overview = Overview(wanted, now, keep_delivered)
    # In this order: what ends in between is then known to be owed, and to have ended, and the latter is later.
    async for said in owed(cluster, wanted, None, progress):
        overview.owes(said)
    overview.owed_read(limit)
    async for told in attempts(cluster, wanted, None, progress):
        overview.told(told)
    return overview


async def owed(
    cluster: Cluster, wanted: Filter, partition: int | None = None, progress: Progress | None = None
) -> AsyncIterator[list[Queued | Due]]:
    """What the changelog says of the queues, in its order; of each row the last word holds."""
    read = reader(OUTBOX)
    async for rows in read_rows(cluster, changelog_of(AGENT), partition, progress):
        said = (read(row.key, row.value) for row in rows)
        yield [each for each in said if each is not None and wanted.takes(each.key.encode())]


async def attempts(
    cluster: Cluster, wanted: Filter, partition: int | None = None, progress: Progress | None = None
) -> AsyncIterator[list[Delivery]]:
    """All attempts that are kept, in order within an order; those before `wanted.since` are not looked for. What cannot
    be read is left out."""
    async for rows in read_rows(cluster, topics.TRACKING_DELIVERIES.name, partition, progress, _from(wanted)):
        yield list(_read(rows, wanted.takes, Delivery.model_validate_json))


async def replays(cluster: Cluster, wanted: Filter) -> set[str]:
    """Ids of the requests that were made, as long as they are kept."""
    found: set[str] = set()
    async for rows in read_rows(cluster, topics.TRACKING_REPLAYS.name, since=_from(wanted)):
        found |= {each.replay for each in _read(rows, wanted.takes, DeliveryReplay.model_validate_json)}
    return found


async def partition_for(cluster: Cluster, order_key: str) -> int:
    """Where all that concerns an order lies."""
    async with reading(cluster) as look:
        count = len(await look.partitions(topics.TRACKING_DELIVERIES.name))
    return partition_of(order_key.encode(), max(1, count))


def _from(wanted: Filter) -> datetime | None:
    return None if wanted.since is None else wanted.since - CLOCKS_APART


def _read(rows: Sequence[Row], takes: Callable[[bytes | None], bool], model: Callable[[bytes], M]) -> Iterator[M]:
    for row in rows:
        if row.value is None or not takes(row.key):
            continue
        try:
            yield model(row.value)
        except ValidationError:
            continue
