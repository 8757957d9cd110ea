"""Runs one agent: one member of its consumer group, a task for each partition it is given."""

from __future__ import annotations

import asyncio
from typing import Any

import structlog

from contracts import topics
from contracts.retailers import Retailer
from streams.engine.agent import Agent
from streams.engine.dead_letters import topic_of
from streams.engine.errors import ConfigError, NotHere
from streams.engine.global_table import GlobalTable
from streams.engine.kafka import Cluster, GroupConsumer, Infrastructure, reading
from streams.engine.keyvalue import KeyValue
from streams.engine.member_watch import MemberWatch
from streams.engine.options import RunnerOptions
from streams.engine.running_task import RunningTask
from streams.engine.threads import in_thread

log = structlog.get_logger()

# Between two tries to reach brokers that are not there: quick enough for a start-up in any order.
RETRY_S = 1.0


class AgentRunner:
    """One agent in this process. Several may share a loop; they share nothing but the retailers."""

    def __init__(
        self, agent: Agent, cluster: Cluster, retailers: GlobalTable[Retailer], options: RunnerOptions
    ) -> None:
        missing = set(agent.outboxes) - set(options.callers)
        if missing:
            raise ConfigError(f"{agent.name}: nobody makes the calls of its outboxes {sorted(missing)}")
        self._agent = agent
        self._cluster = cluster
        self._retailers = retailers
        self._options = options
        self._consumer: GroupConsumer | None = None
        self._tasks: dict[int, tuple[RunningTask, asyncio.Task[None]]] = {}
        self._parked: dict[int, KeyValue] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._failed: asyncio.Future[None] | None = None
        self._has_assignment = False
        self._leaving = False
        self._letting_go = asyncio.Lock()
        self._watch = MemberWatch(agent.name, lambda: [task for task, _ in self._tasks.values()], lambda: self.ready)
        self._log = log.bind(agent=agent.name)

    @property
    def ready(self) -> bool:
        """Whether it has its assignment, and every task of it is restored and runs: a paused one does not.

        One that was given none, because there are more processes than partitions, is ready to take over.
        """
        return self._has_assignment and all(task.ready.is_set() for task, _ in list(self._tasks.values()))

    @property
    def partitions(self) -> list[int]:
        """The partitions that this member has."""
        return sorted(self._tasks)

    @property
    def states(self) -> dict[int, str]:
        """What each task of this member is at, by its partition. Like all that shows it, for any thread."""
        return {partition: task.watch.state for partition, (task, _) in sorted(self._tasks.items())}

    @property
    def pulses(self) -> dict[int, int | None]:
        """A number for each task that changes with each of its turns; None while it need not make any."""
        return {partition: task.watch.pulse for partition, (task, _) in sorted(self._tasks.items())}

    @property
    def paused(self) -> dict[int, str]:
        """Why tasks of this member stand still, by their partitions."""
        pauses = {partition: task.paused for partition, (task, _) in sorted(self._tasks.items())}
        return {partition: f"{p.reason}, at last {p.error}" for partition, p in pauses.items() if p is not None}

    @property
    def troubles(self) -> dict[int, str]:
        """What keeps tasks of this member from writing until a person has seen to it, by their partitions."""
        found = {partition: task.watch.trouble for partition, (task, _) in sorted(self._tasks.items())}
        return {partition: trouble for partition, trouble in found.items() if trouble is not None}

    def row(self, store: str, partition: int, key: str) -> bytes | None:
        """The committed row of this key, None where there is none. NotHere where this member cannot tell.

        Only of stores that are declared to be shown. Not for any thread: only for the loop's.
        """
        declared = self._agent.stores.get(store)
        task, _ = self._tasks.get(partition, (None, None))
        if declared is None or not declared.shown:
            raise NotHere(f"{self._agent.name} shows no store {store!r}")
        if task is None or not (task.ready.is_set() or task.paused):  # the rows of a paused one are whole too
            raise NotHere(f"{self._agent.name} has partition {partition} not here, or not yet")
        return task.stored.get(store, key)

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set: then finish the batches in flight, commit, leave. Raises what ended a task for good."""
        self._failed = asyncio.get_running_loop().create_future()
        stopped = asyncio.create_task(stop.wait())
        joining = asyncio.create_task(self._join())
        ends: set[asyncio.Future[Any]] = {stopped, self._failed}
        try:
            # Without a broker the joining lasts for ever: a stop must be heard all the same.
            await asyncio.wait({joining, *ends}, return_when=asyncio.FIRST_COMPLETED)
            if joining.done():
                joining.result()
                await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._leaving = True
            stopped.cancel()
            joining.cancel()
            await asyncio.wait({joining})
            await self._leave()
        if self._failed.done():
            self._failed.result()

    async def _join(self) -> None:
        """Become a member, however long the brokers take to be there. ConfigError when topics are missing."""
        await self._check_topics()
        await self._retailers.wait_ready()
        options = self._options
        while True:
            self._consumer = GroupConsumer(
                self._cluster,
                self._agent.name,
                self._agent.inputs,
                options.instance_id,
                options.session_timeout_ms,
                self._fenced,
                options.address,
            )
            try:
                await self._consumer.start(self._revoked, self._assigned)
            except Infrastructure as error:
                self._log.warning("cannot join", action="join_retry", error=str(error) or type(error).__name__)
                await self._consumer.close()
                await asyncio.sleep(RETRY_S)
            else:
                self._watch.joined(self._consumer)
                self._log.info("agent joined", action="agent_joined", inputs=list(self._agent.inputs))
                return

    async def _leave(self) -> None:
        self._has_assignment = False
        await self._watch.close()
        await self._stop_tasks()
        if self._consumer is not None:
            await self._consumer.close()
        self._close_parked()
        if self._closing:
            await asyncio.wait(self._closing)
        self._log.info("agent left", action="agent_left")

    async def _check_topics(self) -> None:
        """ConfigError when a topic that may be needed is not there: a transaction would wait for it for ever."""
        ours = [*self._agent.inputs, self._agent.changelog, topic_of(self._agent.name)]
        needed = list(dict.fromkeys([*ours, *(topic.name for topic in topics.CATALOGUE)]))
        while (absent := await self._absent(needed)) is None:  # noqa: ASYNC110 - nobody tells us
            await asyncio.sleep(RETRY_S)
        if absent:
            names = ", ".join(map(self._cluster.name, absent))
            raise ConfigError(f"{self._agent.name}: no such topics: {names}; run `returnstreams topics apply`")

    async def _absent(self, needed: list[str]) -> list[str] | None:
        """Which of these topics are not there; None when no broker can be asked."""
        try:
            async with reading(self._cluster) as reader:
                return await reader.missing(needed)
        except Infrastructure as error:
            self._log.warning("no broker yet", action="broker_wait", error=str(error) or type(error).__name__)
            return None

    async def _revoked(self) -> None:
        """aiokafka logs and swallows what a listener raises; here it ends the process instead."""
        self._has_assignment = False
        try:
            if self._tasks:
                self._watch.let_go()
            await self._stop_tasks()
        except Exception as error:
            self._fail(error)

    def _fenced(self) -> None:
        """Whoever joined last has the partitions: to join again would take them away from it, and so on for ever."""
        self._fail(
            ConfigError(
                f"{self._agent.name}: another process has joined with the instance id {self._options.instance_id!r} "
                "too: give each process a RETURNSTREAMS_INSTANCE_ID of its own"
            )
        )

    def _assigned(self, partitions: set[int]) -> None:
        if self._leaving:
            return
        self._has_assignment = True
        try:
            for partition in partitions:
                self._begin(partition)
            # What came to nobody here is another member's now, and grows old.
            self._close_parked()
            self._watch.given()
        except Exception as error:
            self._fail(error)
        self._log.info("assigned", action="assigned", partitions=sorted(partitions))

    def _close_parked(self) -> None:
        """Begin to; a close writes what is in memory, and the loop need not wait for that."""
        parked, self._parked = self._parked, {}
        for stored in parked.values():
            closing = asyncio.create_task(in_thread(stored.close))
            self._closing.add(closing)
            closing.add_done_callback(self._closed)

    def _closed(self, closing: asyncio.Task[None]) -> None:
        self._closing.discard(closing)
        if not closing.cancelled() and (error := closing.exception()) is not None:
            self._fail(error)

    def _begin(self, partition: int) -> None:
        if self._consumer is None:
            raise RuntimeError("assigned before joining")
        stored = self._parked.pop(partition, None)
        if stored is None:
            stored = self._options.storage(self._agent.name, partition)
        task = RunningTask(
            self._agent, partition, self._cluster, self._consumer, self._retailers, stored, self._options
        )
        running = asyncio.create_task(task.run(), name=f"{self._agent.name}-{partition}")
        running.add_done_callback(lambda _: task.watch.close())
        running.add_done_callback(self._ended)
        self._tasks[partition] = (task, running)

    def _ended(self, running: asyncio.Task[None]) -> None:
        """A task ends because we stop it. Any other end would leave its partition to nobody: the process ends."""
        error = None if running.cancelled() else running.exception()
        if error is None and any(each is running for _, each in self._tasks.values()):
            error = RuntimeError(f"task {running.get_name()} ended by itself")
        if error is not None:
            self._fail(error)

    def _fail(self, error: BaseException) -> None:
        self._log.error("agent failed", action="agent_failed", error=f"{type(error).__name__}: {error}")
        if self._failed is not None and not self._failed.done():
            self._failed.set_exception(error)

    async def _stop_tasks(self) -> None:
        """Let go of all tasks: batches in flight get `stop_timeout_s`, then they are dropped. The rows are kept."""
        async with self._letting_go:  # a revoke and a stop may come together; neither returns before all is let go
            tasks, self._tasks = self._tasks, {}
            if not tasks:
                return
            for task, _ in tasks.values():
                await task.stop()
            running = {r for _, r in tasks.values()}
            _, late = await asyncio.wait(running, timeout=self._options.stop_timeout_s)
            for task_run in late:
                task_run.cancel()
            if late:
                self._log.warning("batches dropped", action="revoke_timeout", tasks=len(late))
                await asyncio.wait(late)
            self._parked |= {partition: task.stored for partition, (task, _) in tasks.items()}
