"""The one place that produces: idempotent, acks=all, bounded in time and in bytes, and never in need of a restart.

A producer is replaced whenever a record of its fails for good: its sequence numbers then have a gap that the broker
will never forgive, or its id has expired (idle for seven days), and every later record would fail too.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from producers.budget import Budget, OverBudget
from producers.delivery import Delivery
from producers.messages import Message, partition_of
from producers.metrics import Metrics
from producers.pending import Pending
from producers.problems import TooLarge, Unavailable
from producers.settings import KafkaSettings, aiokafka_options

log = structlog.get_logger(__name__)

# Shopify gives up after 5 s in all. Half of it for the brokers leaves the other half for TLS, queueing and a slow line.
PUBLISH_TIMEOUT_S = 2.5
# Where the first record of a partition has waited so long, one that comes behind it would hear 503 in the end, or wait
# nearly as long as a sender does: it is sent away at once. Without this an overload lets everybody in to be refused
# 2.5 s later, and those abandoned stand before the next (measured: of 2,000 requests one was answered 2xx).
SLOW_S = 1.0
# aiokafka waits this long for a broker's word before it asks again (same sequence number: no duplicate). The default
# of 40 s would leave a dead connection unnoticed; two of our own timeouts are enough to be sure.
REQUEST_TIMEOUT_MS = 5_000
# A body of 10 MiB (the ingress's bound) with its envelope, or inside the JSON around it.
MAX_RECORD_BYTES = 11 * 1024 * 1024
# Below the brokers' default of 1 MB for a batch; a larger record travels alone.
MAX_BATCH_BYTES = 900_000
START_TIMEOUT_S = 5.0
RESTART_PAUSE_S = 0.5
# How soon `/readyz` and the quick 503 learn that the brokers are gone, or back.
PROBE_EVERY_S = 1.0
PROBE_TIMEOUT_S = 2.0
# The brokers answer, yet a record is unresolved for that long: the producer hangs and is replaced.
STUCK_S = 60.0
CLOSE_TIMEOUT_S = 5.0


class Publishes(Protocol):
    """What the routes need of a publisher."""

    @property
    def ready(self) -> bool:
        """Whether records would be taken now."""
        ...

    async def publish(self, messages: Sequence[Message], until: float | None = None) -> None:
        """Return once all are acknowledged by all in-sync replicas. Unavailable or TooLarge otherwise.

        until: by then (`time.monotonic`) at the latest, if that is before the publisher's own bound.
        """
        ...


class Publisher:
    """Keeps one producer alive. `start` returns at once; `ready` says when the brokers answer."""

    def __init__(
        self,
        kafka: KafkaSettings,
        metrics: Metrics,
        max_in_flight_bytes: int,
        make: Callable[..., Any] = AIOKafkaProducer,
    ) -> None:
        self._kafka = kafka
        self._metrics = metrics
        self._make = make
        self._budget = Budget(max_in_flight_bytes)
        self._producer: Any = None
        self._available = asyncio.Event()
        self._wake = asyncio.Event()
        self._connected = False
        self._down = False
        self._pending = Pending()
        self._supervisor: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self.turns = 0

    @property
    def ready(self) -> bool:
        """Whether there is a producer, and the brokers answered a moment ago."""
        return self._producer is not None and self._connected

    async def start(self) -> None:
        """Begin to connect; the brokers need not be there yet."""
        self._supervisor = asyncio.create_task(self._supervise(), name="publisher")

    async def stop(self, timeout: float = CLOSE_TIMEOUT_S) -> None:
        """Flush and close within `timeout` seconds, whatever the brokers do."""
        if self._supervisor is not None:
            self._supervisor.cancel()
            await asyncio.wait({self._supervisor})
        self._retire(self._producer, "stopped", timeout)
        if self._closing:
            await asyncio.wait(self._closing, timeout=timeout + 3)

    async def publish(self, messages: Sequence[Message], until: float | None = None) -> None:
        """Return once all are acknowledged by all in-sync replicas.

        Raises TooLarge where a record can never be written (nothing was), Unavailable where not all were acknowledged
        in PUBLISH_TIMEOUT_S, or `until` (by `time.monotonic`) where that is earlier, or as it seems could not be: some
        may have been, or may still be. Repeating is safe, the same fact has the same id.
        """
        if any(message.size > MAX_RECORD_BYTES for message in messages):
            raise TooLarge(f"one record is larger than {MAX_RECORD_BYTES} bytes")
        began = time.monotonic()
        try:
            deadline = began + PUBLISH_TIMEOUT_S
            await self._publish(messages, deadline if until is None else min(deadline, until))
        except Unavailable as problem:
            self._metrics.publish_failures.labels(problem.cause).inc()
            raise
        self._metrics.publish_seconds.observe(time.monotonic() - began)
        for message in messages:
            self._metrics.stored(message.topic.name)

    async def _publish(self, messages: Sequence[Message], deadline: float) -> None:
        if self._down:
            raise Unavailable("the brokers are not reachable", cause="down")
        delivery = Delivery()
        producer = None
        try:
            async with asyncio.timeout(deadline - time.monotonic()):
                await self._available.wait()
                producer = self._producer
                plan = [copy for message in messages for copy in await self._copies(producer, message)]
                self._admit(plan)
                await self._send(producer, plan, delivery)
                await delivery.all_settled()
        except TimeoutError as error:
            did = "acknowledge" if delivery.complete else "take"
            raise Unavailable(f"the brokers did not {did} it in time", cause="timeout") from error
        except (KafkaError, AssertionError) as error:
            # An assertion is how aiokafka speaks of a producer whose id is gone.
            self._retire(producer, type(error).__name__)
            raise Unavailable("the brokers refused it", cause="broker") from error
        self._judge(producer, delivery.futures)

    async def _copies(self, producer: Any, message: Message) -> list[tuple[Message, int]]:
        partitions = len(await producer.partitions_for(self._kafka.topic(message.topic)))
        if message.everywhere:
            return [(message, partition) for partition in range(partitions)]
        return [(message, partition_of(message.key, partitions) if message.key else 0)]

    def _admit(self, plan: list[tuple[Message, int]]) -> None:
        for message, partition in plan:
            if self._pending.waited_s((message.topic.name, partition)) > SLOW_S:
                raise Unavailable("the brokers are slow", cause="slow")
        try:
            self._budget.take(sum(message.size for message, _ in plan))
        except OverBudget as error:
            raise Unavailable("too much is in flight", cause="full") from error

    async def _send(self, producer: Any, plan: list[tuple[Message, int]], delivery: Delivery) -> None:
        """Hand all to the producer; what it did not take is counted out again, what it took when it is resolved."""
        try:
            for message, partition in plan:
                future = await producer.send(
                    self._kafka.topic(message.topic),
                    value=message.value,
                    key=message.key.encode() if message.key is not None else None,
                    partition=partition,
                    headers=list(message.headers),
                )
                self._pending.add(future, producer, (message.topic.name, partition))
                delivery.sent(future)
                future.add_done_callback(self._resolver(message.size, delivery))
            delivery.complete = True
        finally:
            self._budget.give(sum(message.size for message, _ in plan[len(delivery.futures) :]))
            self._metrics.in_flight_bytes.set(self._budget.used)

    def _resolver(self, size: int, delivery: Delivery) -> Callable[[asyncio.Future[Any]], None]:
        def resolved(future: asyncio.Future[Any]) -> None:
            self._budget.give(size)
            self._metrics.in_flight_bytes.set(self._budget.used)
            producer = self._pending.take(future)
            delivery.settled()
            # Nobody may be waiting any more: look at the error here, and let no broken producer live on.
            if not future.cancelled() and (error := future.exception()) is not None:
                self._retire(producer, type(error).__name__)

        return resolved

    def _judge(self, producer: Any, futures: list[asyncio.Future[Any]]) -> None:
        if any(future.cancelled() for future in futures):
            raise Unavailable("the connection to the brokers was replaced", cause="broker")
        errors = [error for future in futures if (error := future.exception()) is not None]
        if not errors:
            return
        if len(futures) == 1 and isinstance(errors[0], MessageSizeTooLargeError):
            raise TooLarge("the brokers take no record of this size: raise max.message.bytes of the topic")
        raise Unavailable("the brokers refused it", cause="broker") from errors[0]

    async def _supervise(self) -> None:
        while True:
            # Each is bounded, brokers or none: about 8 s where they have to be given up.
            self.turns += 1
            if self._producer is None:
                await self._connect()
            elif self._producer._sender.sender_task.done():
                self._retire(self._producer, "its sender ended")
            elif not await _answers(self._producer):
                self._connected, self._down = False, True
            else:
                self._connected, self._down = True, False
                self._replace_when_stuck()
            self._wake.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PROBE_EVERY_S if self._connected else RESTART_PAUSE_S):
                    await self._wake.wait()

    async def _connect(self) -> None:
        producer = self._make(
            **aiokafka_options(self._kafka),
            enable_idempotence=True,
            acks="all",
            request_timeout_ms=REQUEST_TIMEOUT_MS,
            max_request_size=MAX_RECORD_BYTES + 64 * 1024,
            max_batch_size=MAX_BATCH_BYTES,
        )
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                await producer.start()
        except (KafkaError, OSError, TimeoutError) as error:
            self._down = True
            log.warning("producer did not start", action="producer_unreachable", error=type(error).__name__)
            await close(producer, RESTART_PAUSE_S)
            return
        except asyncio.CancelledError:
            await close(producer, RESTART_PAUSE_S)
            raise
        self._producer, self._connected, self._down = producer, True, False
        self._available.set()
        self._metrics.producers_started.inc()
        log.info("producer started", action="producer_started")

    def _replace_when_stuck(self) -> None:
        oldest = self._pending.oldest()
        if oldest is not None and time.monotonic() - oldest.since > STUCK_S:
            self._retire(oldest.producer, "stuck")

    def _retire(self, producer: Any, why: str, timeout: float = CLOSE_TIMEOUT_S) -> None:
        """Let a producer finish what it can in the background; the supervisor makes a new one."""
        if producer is None or producer is not self._producer:
            return
        log.info("producer retired", action="producer_retired", reason=why)
        self._producer, self._connected = None, False
        self._available.clear()
        self._wake.set()
        task = asyncio.create_task(self._close(producer, timeout), name="producer-close")
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)

    async def _close(self, producer: Any, timeout: float) -> None:
        await close(producer, timeout)
        for future in self._pending.of(producer):
            future.cancel()


async def _answers(producer: Any) -> bool:
    try:
        async with asyncio.timeout(PROBE_TIMEOUT_S):
            return bool(await producer.client.force_metadata_update())
    except (KafkaError, OSError, TimeoutError):
        return False


async def close(client: Any, timeout: float) -> None:
    """Stop an aiokafka client within about `timeout` seconds.

    Its `stop()` hangs with an unsent record or raises CancelledError when the brokers are away (aiokafka 0.14): so it
    runs as a task of its own, and what it leaves open is closed by hand.
    """
    stopping = asyncio.create_task(client.stop())
    done, _ = await asyncio.wait({stopping}, timeout=timeout)
    if done and not stopping.cancelled() and stopping.exception() is None:
        return
    stopping.cancel()
    connections = getattr(client, "client", None) or client._client
    closing = asyncio.create_task(connections.close())
    await asyncio.wait({stopping, closing}, timeout=1.0)
    sender = getattr(getattr(client, "_sender", None), "sender_task", None)
    if sender is not None and not sender.done():
        sender.cancel()
        await asyncio.wait({sender}, timeout=1.0)
    log.warning("client closed by force", action="client_forced")
