"""What is done to the installation, at random: each kind at least once, two at a time, until time is up."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from demo.broker import EmbeddedCluster
from demo.hook import HookSimulator
from streams.engine.kafka import Cluster, Infrastructure, Transactions
from streams.wiring import AGENTS
from tests.chaos.fleet import Fleet
from tests.chaos.worker import SESSION_S

# How often each comes, against the others: a broker is away for seconds, and nothing can be learnt meanwhile.
WEIGHTS = {"kill": 4, "stop": 2, "rebalance": 3, "broker": 1, "fence": 4, "hook": 2}
KINDS = tuple(WEIGHTS)
LANES = 2
READY_S = 20.0
# One node: the first.
NODE = 1


@dataclass(frozen=True, slots=True)
class Fault:
    """One that happened. began, ended: monotonic seconds."""

    kind: str
    what: str
    began: float
    ended: float


@dataclass(slots=True)
class Faults:
    """Does them. broker: None where it is not ours to kill."""

    fleet: Fleet
    cluster: Cluster
    partitions: int
    hook: HookSimulator
    broker: EmbeddedCluster | None
    random: Random
    happened: list[Fault] = field(default_factory=list)
    _alone: dict[str, asyncio.Lock] = field(default_factory=dict)

    async def run(self, kinds: Sequence[str], seconds: float) -> None:
        """Begin none after so many seconds, unless a kind is still missing; return when the last one is over."""
        self._alone = {"broker": asyncio.Lock(), "hook": asyncio.Lock()}
        until = time.monotonic() + seconds
        async with asyncio.TaskGroup() as group:
            for _ in range(LANES):
                group.create_task(self._lane(kinds, until))

    @property
    def counts(self) -> Counter[str]:
        """How many of each kind."""
        return Counter(fault.kind for fault in self.happened)

    async def _lane(self, kinds: Sequence[str], until: float) -> None:
        while (missing := [kind for kind in kinds if not self.counts[kind]]) or time.monotonic() < until:
            choice = missing or kinds
            (kind,) = self.random.choices(choice, [WEIGHTS[each] for each in choice])
            began = time.monotonic()
            async with self._alone.get(kind) or contextlib.nullcontext():
                what = await self._doing[kind]()
            if what:
                self.happened.append(Fault(kind, what, began, time.monotonic()))
            await asyncio.sleep(self.random.uniform(0.2, 2.0))

    @property
    def _doing(self) -> Mapping[str, Callable[[], Awaitable[str]]]:
        return {
            "kill": self._kill,
            "stop": self._stop,
            "rebalance": self._rebalance,
            "broker": self._broker,
            "fence": self._fence,
            "hook": self._hook,
        }

    async def _kill(self) -> str:
        """SIGKILL, and again from the start after a moment."""
        candidates = self.fleet.idle(up=True)
        if not candidates:
            return ""
        worker = self.random.choice(candidates)
        worker.busy = True
        try:
            await self.fleet.kill(worker)
            await asyncio.sleep(self.random.uniform(0, 2))
            await self.fleet.start(worker)
            if self.random.random() < 0.7:  # now and then one dies before it has done anything
                await self.fleet.wait_ready(worker, READY_S)
        finally:
            worker.busy = False
        return worker.name

    async def _stop(self) -> str:
        """SIGSTOP until the others have taken over, then on: a zombie with work in its hands.

        Sometimes for longer than the transaction timeout (10 s): then the brokers have undone what it had begun.
        """
        candidates = self.fleet.idle(up=True)
        if len(candidates) < min(2, len(self.fleet.running)):
            return ""  # where all others stand still, nobody takes over
        worker = self.random.choice(candidates)
        worker.busy = True
        try:
            self.fleet.signal(worker, signal.SIGSTOP)
            await asyncio.sleep(SESSION_S + self.random.uniform(1.5, 8.0))
        finally:
            self.fleet.signal(worker, signal.SIGCONT)
            worker.busy = False
        return worker.name

    async def _rebalance(self) -> str:
        """One more joins and leaves, or one leaves in order and comes back."""
        spare, present = self.fleet.idle(up=False), self.fleet.idle(up=True)
        joining = bool(spare) and self.random.random() < 0.6
        if not joining and len(present) < 2:
            return ""
        worker = self.random.choice(spare if joining else present)
        worker.busy = True
        try:
            if joining:
                await self.fleet.start(worker)
                await self.fleet.wait_ready(worker, READY_S)
                await asyncio.sleep(self.random.uniform(0, 3))
                await self.fleet.leave(worker)
            else:
                await self.fleet.leave(worker)
                await asyncio.sleep(self.random.uniform(0, 2))
                await self.fleet.start(worker)
                await self.fleet.wait_ready(worker, READY_S)
        finally:
            worker.busy = False
        return f"{worker.name} {'joined and left' if joining else 'left and came back'}"

    async def _broker(self) -> str:
        """The one broker is killed, and started again on its data."""
        if self.broker is None:
            raise RuntimeError("this broker is not ours to kill: leave `broker` out of the faults")
        await asyncio.to_thread(self.broker.kill, NODE)
        await asyncio.sleep(self.random.uniform(0, 4))
        await asyncio.to_thread(self.broker.restart, NODE)
        return "killed and restarted"

    async def _fence(self) -> str:
        """Some tasks lose their transactional id to a stranger, in mid-transaction where they have one."""
        tasks = [f"{agent}-{partition}" for agent in AGENTS for partition in range(self.partitions)]
        chosen = self.random.sample(tasks, self.random.randint(1, max(1, len(tasks) // 2)))
        taken = await asyncio.gather(*map(self._take_over, chosen))
        return ", ".join(filter(None, taken))

    async def _take_over(self, name: str) -> str:
        stranger = Transactions(self.cluster, name)
        try:
            await stranger.open()
        except Infrastructure:
            return ""  # the broker is away: another fault has seen to that
        finally:
            await stranger.close()
        return name

    async def _hook(self) -> str:
        """The receiver fails for some POSTs, or its port is closed for a moment."""
        if self.random.random() < 0.5:
            count = self.random.randint(1, 20)
            self.hook.fail(count)
            return f"{count} answers of 500"
        seconds = self.random.uniform(0.5, 3)
        await asyncio.to_thread(self.hook.down)
        await asyncio.sleep(seconds)
        await asyncio.to_thread(self.hook.up)
        return f"closed for {seconds:.1f} s"
