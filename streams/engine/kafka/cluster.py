"""Where the brokers are, what of theirs counts as infrastructure, and how a client is let go of."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from aiokafka.client import AIOKafkaClient, CoordinationType
from aiokafka.errors import GroupCoordinatorNotAvailableError, KafkaConnectionError, KafkaError, ProducerFenced
from aiokafka.partitioner import murmur2

from contracts.topics import MAX_MESSAGE_BYTES
from streams.engine.records import Record

log = structlog.get_logger()

Infrastructure = (KafkaError, OSError, TimeoutError)
"""What a broker or a connection can do to us; never a record's fault."""

NoBroker = KafkaConnectionError
"""None of the brokers could be reached. Why not, the client tells its log (`aiokafka`) alone."""

Fenced = ProducerFenced


class TakesTooLittle(KafkaError):  # type: ignore[misc] # aiokafka has no types
    """A topic takes less than the catalogue says: nothing larger is written until a person has seen to it."""

    def __init__(self, topic: str) -> None:
        super().__init__(
            f"topic {topic} takes no record or batch of this size: its max.message.bytes must be {MAX_MESSAGE_BYTES}; "
            "`returnstreams topics plan` shows what it is, `returnstreams topics apply` mends it"
        )

    def __str__(self) -> str:
        return str(self.args[0])  # aiokafka's errors begin with their class


# The metadata of every offset that a task commits. One that a person or a tool has set has none, or another.
OURS = "returnstreams"

# What we wait for a whole transaction. Longer than the brokers' own limit, so that theirs is the one that decides.
COMMIT_TIMEOUT_S = 15.0
REQUEST_TIMEOUT_MS = 10_000
# 256 KB cost more than half of the throughput (docs/decisions); a fetch per partition of 1 MB is where it levels off.
FETCH_BYTES = 1_048_576
# The first question for a group in a cluster's life has the brokers make the topic of all groups: a second or two.
COORDINATOR_TRIES, COORDINATOR_PAUSE_S = 25, 0.2
# aiokafka's stop() can hang for ever when the brokers are away; after this we let go and let the process end.
CLOSE_TIMEOUT_S = 5.0
LAST_CLOSE_TIMEOUT_S = 1.0


@dataclass(frozen=True, slots=True)
class Cluster:
    """How to reach the brokers. options: keyword arguments of every client. prefix: before every name of ours."""

    options: Mapping[str, Any]
    prefix: str = ""

    def name(self, topic: str) -> str:
        """The topic's or group's name in this installation."""
        return f"{self.prefix}{topic}"

    def plain(self, topic: str) -> str:
        """The catalogue's name of one of this installation's topics."""
        return topic.removeprefix(self.prefix)


def partition_of(key: bytes, count: int) -> int:
    """The partition of a key, as the Java client chooses it."""
    return int((murmur2(key) & 0x7FFFFFFF) % count)


async def coordinator_of(client: AIOKafkaClient, group: str) -> int:
    """The node that coordinates this group (with the prefix). One that is just being found is waited for, 5 s."""
    for _ in range(COORDINATOR_TRIES):
        try:
            return int(await client.coordinator_lookup(CoordinationType.GROUP, group))
        except GroupCoordinatorNotAvailableError:
            await asyncio.sleep(COORDINATOR_PAUSE_S)
    return int(await client.coordinator_lookup(CoordinationType.GROUP, group))


async def close_bounded(stop: Coroutine[Any, Any, None], client: AIOKafkaClient, what: str) -> None:
    """Run a stop() for CLOSE_TIMEOUT_S at most, in a task of its own: it may hang, or raise CancelledError.

    Its sockets are closed in any case.
    """
    task = asyncio.ensure_future(stop)
    _, pending = await asyncio.wait({task}, timeout=CLOSE_TIMEOUT_S)
    if pending:
        log.warning("client did not close in time", action="close_timeout", client=what)
        task.cancel()
        last = asyncio.ensure_future(client.close())
        await asyncio.wait({task, last}, timeout=LAST_CLOSE_TIMEOUT_S)
        forgive(task)
        forgive(last)
    elif task.cancelled() or task.exception() is not None:
        log.info("client closed with an error", action="close_error", client=what)


def forgive(future: asyncio.Future[Any]) -> None:
    """Have nobody complain that this one's error was not looked at: another error has said enough."""
    future.add_done_callback(lambda done: done.cancelled() or done.exception())


def record_of(cluster: Cluster, message: Any) -> Record:
    """A consumed message as the engine knows it."""
    topic = cluster.plain(message.topic)
    headers = tuple(message.headers)
    return Record(topic, message.partition, message.offset, message.timestamp, message.key, message.value, headers)
