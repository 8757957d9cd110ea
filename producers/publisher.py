"""The one place that produces: idempotent, acks=all, bounded in time and in bytes, and never in need of a restart.

A producer is replaced whenever a record of its fails for good: its sequence numbers then have a gap that the broker
will never forgive, or its id has expired (idle for seven days), and every later record would fail too.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, MessageSizeTooLargeError

from producers.budget import Budget, OverBudget
from producers.clients import answers, close
from producers.delivery import Delivery
from producers.messages import Message, partition_of
from producers.metrics import Metrics
from producers.pending import Pending, Place
from producers.problems import Problem, TooLarge, Unavailable
from producers.settings import KafkaSettings, aiokafka_options
from producers.waiting import Begun, Deadlines

log = structlog.get_logger(__name__)

# Shopify gives up after 5 s in all. Half of it for the brokers leaves the other half for TLS, queueing and a slow line.
PUBLISH_TIMEOUT_S = 2.5
# Where the first record of a partition has waited so long, one that comes behind it would hear 503 in the end, or wait
# nearly as long as a sender does: it is sent away at once. Without this an overload lets everybody in to be refused
# 2.5 s later, and those abandoned stand before the next (measured: of 2,000 requests one was answered 2xx). Brokers
# that take a second for each request acknowledge within two: at 1.0 here 57 % were sent away that could be served.
SLOW_S = 2.0
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


class _Copy(NamedTuple):
    """One record to one partition. size: bytes that it holds while in flight."""

    message: Message
    place: Place
    size: int


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
        metrics.in_flight_bytes.set_function(lambda: self._budget.used)
        self._producer: Any = None
        self._available = asyncio.Event()
        self._wake = asyncio.Event()
        self._connected = False
        self._down = False
        self._pending = Pending()
        self._deadlines = Deadlines()
        # By topic, asked for anew with each turn.
        self._partitions: dict[str, int] = {}
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
        began = time.monotonic()
        deadline = began + PUBLISH_TIMEOUT_S
        try:
            await self._publish(messages, deadline if until is None else min(deadline, until))
        except Unavailable as problem:
            self._metrics.publish_failures.labels(problem.cause).inc()
            raise
        self._metrics.publish_seconds.observe(time.monotonic() - began)
        for message in messages:
            self._metrics.stored(message.topic.name)

    async def _publish(self, messages: Sequence[Message], deadline: float) -> None:
        if any([message.size > MAX_RECORD_BYTES for message in messages]):
            raise TooLarge(f"one record is larger than {MAX_RECORD_BYTES} bytes")
        if self._down:
            raise Unavailable("the brokers are not reachable", cause="down")
        delivery = Delivery()
        try:
            # As a rule there is a producer, and it takes all without a wait.
            handing = Begun(self._hand_over(messages, delivery))
            if not handing.ended:
                async with asyncio.timeout(deadline - time.monotonic()):
                    await handing
            await delivery.all_settled(self._deadlines, deadline)
        except TimeoutError as error:
            did = "acknowledge" if delivery.complete else "take"
            raise Unavailable(f"the brokers did not {did} it in time", cause="timeout") from error
        except (KafkaError, AssertionError) as error:
            # An assertion is how aiokafka speaks of a producer whose id is gone.
            self._retire(delivery.producer, type(error).__name__)
            raise Unavailable("the brokers refused it", cause="broker") from error
        if delivery.replaced or delivery.errors:
            raise _failure(delivery)

    async def _hand_over(self, messages: Sequence[Message], delivery: Delivery) -> None:
        """Give all to the producer there is, or the next one. What it did not take is counted out again at once."""
        await self._available.wait()
        delivery.producer = producer = self._producer
        plan = [copy for message in messages for copy in await self._copies(producer, message)]
        self._admit(plan)
        left = sum([copy.size for copy in plan])
        try:
            for copy in plan:
                await self._send(producer, copy, delivery)
                left -= copy.size
            delivery.complete = True
        finally:
            self._budget.give(left)

    async def _copies(self, producer: Any, message: Message) -> list[_Copy]:
        topic, size = self._kafka.topic(message.topic), message.size
        partitions = self._partitions.get(topic)
        if partitions is None:
            partitions = self._partitions[topic] = len(await producer.partitions_for(topic))
        if message.everywhere:
            return [_Copy(message, (topic, partition), size) for partition in range(partitions)]
        return [_Copy(message, (topic, partition_of(message.key, partitions) if message.key else 0), size)]

    def _admit(self, plan: list[_Copy]) -> None:
        for copy in plan:
            if self._pending.waited_s(copy.place) > SLOW_S:
                raise Unavailable("the brokers are slow", cause="slow")
        try:
            self._budget.take(sum([copy.size for copy in plan]))
        except OverBudget as error:
            raise Unavailable("too much is in flight", cause="full") from error

    async def _send(self, producer: Any, copy: _Copy, delivery: Delivery) -> None:
        message, (topic, partition), size = copy

        def resolved(future: asyncio.Future[Any]) -> None:
            self._budget.give(size)
            self._pending.take(future)
            if future.cancelled():
                delivery.settled(None, replaced=True)
                return
            error = future.exception()
            delivery.settled(error)
            # Nobody may be waiting any more: let no broken producer live on.
            if error is not None:
                self._retire(producer, type(error).__name__)

        key = None if message.key is None else message.key.encode()
        future = await producer.send(
            topic, value=message.value, key=key, partition=partition, headers=list(message.headers)
        )
        self._pending.add(future, producer, copy.place)
        delivery.taken()
        future.add_done_callback(resolved)

    async def _supervise(self) -> None:
        while True:
            # Each is bounded, brokers or none: about 8 s where they have to be given up.
            self.turns += 1
            self._partitions.clear()
            if self._producer is None:
                await self._connect()
            elif self._producer._sender.sender_task.done():
                self._retire(self._producer, "its sender ended")
            elif not await answers(self._producer):
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
            log.warning(
                "producer did not start",
                action="producer_unreachable",
                brokers=self._kafka.bootstrap_servers,
                error=type(error).__name__,
            )
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


def _failure(delivery: Delivery) -> Problem:
    """Why not all of it was written, once all is settled."""
    if delivery.replaced:
        return Unavailable("the connection to the brokers was replaced", cause="broker")
    if delivery.sent == 1 and isinstance(delivery.errors[0], MessageSizeTooLargeError):
        return TooLarge("the brokers take no record of this size: raise max.message.bytes of the topic")
    return Unavailable("the brokers refused it", cause="broker")
