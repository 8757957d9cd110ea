"""Rounds of carrier webhooks: all chains are up at once and take turns every few seconds, on the same broker."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

from benchmarks.latency.client import Client, Request, connected
from benchmarks.latency.figures import average, cpu, percentiles
from benchmarks.latency.watch import Watch, watching
from demo.stack import PARTITIONS

# A slow machine is slow for some seconds: short turns share that out evenly. A turn's first moments are not counted,
# because processes that stood still for the others' turns come back to cold caches.
TURN_S = 5.0
UNCOUNTED_S = 0.5
# Between two turns, so that nothing of the last one is still under way.
PAUSE_S = 0.5


@dataclass(frozen=True, slots=True)
class Load:
    """rate: carrier and order webhooks a second. side_rate: uploads a second, each three hops from its action.

    seconds: of one chain in one round.
    """

    rate: float = 200.0
    seconds: float = 60.0
    rounds: int = 3
    warm_up_s: float = 10.0
    side_rate: float = 50.0
    side_seconds: float = 20.0
    idle_s: float = 10.0

    @property
    def turns(self) -> int:
        """Of one chain in one round."""
        return max(1, round(self.seconds / TURN_S))

    @property
    def turn(self) -> int:
        """Webhooks of one turn."""
        return int(self.rate * min(TURN_S, self.seconds))

    @property
    def warm_up(self) -> int:
        """Webhooks before the first turn."""
        return int(self.rate * self.warm_up_s)

    @property
    def scans(self) -> int:
        """All webhooks of one chain."""
        return self.warm_up + self.rounds * self.turns * self.turn


@dataclass(frozen=True, slots=True)
class Target:
    """A chain that is up. topic: where its last hop writes; a request's name is the key of what it leads to."""

    url: str
    options: Mapping[str, Any]
    topic: str
    requests: Sequence[Request]
    pids: Mapping[str, int]


@dataclass(slots=True)
class Live:
    """A chain with its client and its reader."""

    target: Target
    client: Client
    watch: Watch
    sent: int = 0
    times: list[float] = field(default_factory=list)
    used: list[dict[str, float]] = field(default_factory=list)

    async def send(self, count: int, rate: float) -> list[float]:
        """The seconds from each request's due time to its record, once all have come."""
        requests = self.target.requests[self.sent : self.sent + count]
        self.sent += count
        due = await self.client.steady(requests, rate)
        await self.watch.all_of(self.target.topic, due)
        seen = self.watch.seen[self.target.topic]
        return [seen[key] - at for key, at in due.items()]

    async def turn(self, load: Load) -> None:
        """One turn."""
        with cpu(self.target.pids) as used:
            times = await self.send(load.turn, load.rate)
        self.times += times[int(load.rate * UNCOUNTED_S) :]
        self.used.append(used)

    def figures(self) -> dict[str, Any]:
        """Of the round that ends."""
        found = {**percentiles(self.times), "cpu_percent": average(self.used)}
        self.times, self.used = [], []
        return found


async def measure(
    targets: Mapping[str, Target], load: Load, told: Callable[[str, dict[str, Any]], None]
) -> dict[str, list[dict[str, Any]]]:
    """The figures of each round, by chain; `told` hears of each."""
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in targets}
    async with AsyncExitStack() as stack:
        live: dict[str, Live] = {}
        for name, target in targets.items():
            client = await stack.enter_async_context(connected(target.url))
            watch = await stack.enter_async_context(watching(target.options, "", [target.topic], PARTITIONS))
            live[name] = Live(target, client, watch)
            await live[name].send(load.warm_up, load.rate)
        for _ in range(load.rounds):
            for _ in range(load.turns):
                for one in live.values():
                    await one.turn(load)
                    await asyncio.sleep(PAUSE_S)
            for name, one in live.items():
                found[name].append(one.figures())
                told(name, found[name][-1])
    return found
