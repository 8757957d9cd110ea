"""Finding a return in the topics, and reading all that they hold of its order. Nothing is written."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime

import orjson

from contracts import topics
from contracts.keys import order_key
from contracts.topics import Topic
from streams.engine.dead_letters import split_replay
from streams.engine.decoding import read_event
from streams.engine.errors import Poison
from streams.engine.kafka import Cluster, partition_of, read_topic, reading
from streams.engine.records import Record
from streams.story.telling import Said

# All that speak of a return and lie in the partition of its order. A new one needs a line here, and a sentence in
# streams/cli/returns_shown.py.
TOPICS: tuple[Topic, ...] = (
    topics.RETURN_UPLOADS,
    topics.RETURN_DECISIONS,
    topics.RETURN_EVENTS,
    *topics.ACTIONS.values(),
    topics.TRACKING_DELIVERIES,
    topics.RETURN_ALERTS,
    topics.RETURN_UNITS,
)


@dataclass(slots=True)
class Found:
    """Where an RMA was found. orders: order keys. rmas: all that the retailer has, as far as was looked."""

    orders: set[str] = field(default_factory=set)
    rmas: set[str] = field(default_factory=set)


async def find(cluster: Cluster, retailer: str, rma: str) -> Found:
    """The orders that have a return with this RMA: by where units stand, else by what was uploaded."""
    found = Found()
    for topic in (topics.RETURN_UNITS, topics.RETURN_UPLOADS):
        async for record in read_topic(cluster, topic.name):
            if (named := _named(record, retailer)) is not None:
                key, this = named
                found.rmas.add(this)
                if this == rma:
                    found.orders.add(key)
        if found.orders:
            break
    return found


async def read_order(cluster: Cluster, key: str) -> list[Said]:
    """All that the topics hold of one order. What cannot be read is left out, for the agents leave it out too."""
    async with reading(cluster) as reader:
        partitions = len(await reader.partitions(topics.RETURN_UNITS.name))
    # Where the topic is not there, reading it says so.
    partition = partition_of(key.encode(), partitions) if partitions else None
    read = await asyncio.gather(*(_read(cluster, topic, partition, key) for topic in TOPICS))
    return [said for each in read for said in each]


async def _read(cluster: Cluster, topic: Topic, partition: int | None, key: str) -> list[Said]:
    retailer, found = key.partition("/")[0], []
    async for record in read_topic(cluster, topic.name, partition):
        if not (record.key or b"").startswith(f"{retailer}/".encode()):
            continue
        try:
            _, event = read_event(topic, record)
        except Poison:
            continue
        # The key of a row names its unit too.
        about = getattr(event.value, "order_key", None) or event.key
        if event.value is not None and about == key:
            at = datetime.fromtimestamp(record.timestamp_ms / 1000, UTC)
            _, replay = split_replay(record.headers)
            found.append(Said(at, event.value, replay.agent if replay else None))
    return found


def _named(record: Record, retailer: str) -> tuple[str, str] | None:
    """Order key and RMA of a unit's row or an upload; None where it is another retailer's, or cannot be read."""
    if record.value is None or not (record.key or b"").startswith(f"{retailer}/".encode()):
        return None
    try:
        body = orjson.loads(record.value)
        key = body.get("order_key") or order_key(retailer, body["order_name"])
        return str(key), str(body["rma"]).strip()
    except (orjson.JSONDecodeError, AttributeError, KeyError):
        return None
