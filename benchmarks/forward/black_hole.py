"""What one receiver that hangs or refuses costs nine others: the time from an event to their calls.

All turns are of one agent that is up all the while, and of a steady rate; the kinds of turns alternate. Between two
turns the tenth answers again, until what is owed to it has come, so that a turn begins with nothing owed.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.forward.behaving import Mode, Receivers, receiving
from benchmarks.forward.product import AGENT, agent_running
from benchmarks.forward.traffic import event, record
from benchmarks.latency.figures import cpu, percentiles
from contracts.returns import Meaning
from demo.stack import Stack
from producers.settings import KafkaSettings
from streams.engine.kafka import Cluster, Transactions
from streams.engine.records import OutRecord

RECEIVERS = 10
ANSWER_S = 0.005
# Of all receivers together, in steps.
RATE = 200.0
STEP_S = 0.05
# The connections of a turn's beginning are not counted; so long as a call that hangs takes, and the breaker after it.
UNCOUNTED_S = 1.0
TURN_S = 22.0
# A process that has just begun is slower for some seconds.
WARM_UP_S = 15.0
# Until what is owed to the tenth has come: its breaker lets a probe through after 30 s, the first repeats come sooner.
PATIENCE_S = 180.0
BAR = 1.2


async def measure(
    kafka: KafkaSettings, directory: Path, rounds: int, turn_s: float, told: Callable[[str], None]
) -> Any:
    """Percentiles of the nine, by what the tenth did, over all rounds and of each; and by how much their p99 grew."""
    names = [f"r{number}" for number in range(RECEIVERS)]
    found: dict[Mode, list[Times]] = {mode: [] for mode in Mode}
    used: dict[Mode, list[float]] = {mode: [] for mode in Mode}
    with receiving(names, ANSWER_S) as receivers, agent_running(kafka, directory, receivers.urls) as stack:
        turns = _Turns(stack, Cluster(stack.options, stack.kafka.topic_prefix), receivers, names)
        await turns.turn(Mode.ANSWERS, WARM_UP_S)
        for _ in range(rounds):
            for mode in Mode:
                times, percent = await turns.turn(mode, turn_s)
                found[mode].append(times)
                used[mode].append(percent)
                told(f"tenth {mode}: {percentiles(_all(times))}, steps {_steps(times)}, {percent} % of a core")
    p99 = {mode: statistics.median(p99 for times in each for p99 in _steps(times)) for mode, each in found.items()}
    grew = {mode: round(p99[mode] / p99[Mode.ANSWERS], 2) for mode in (Mode.HANGS, Mode.REFUSES)}
    return {
        "receivers": RECEIVERS,
        "events_per_s": RATE,
        "rounds": rounds,
        "turn_s": turn_s,
        "nine_others_ms": {mode: percentiles(t for times in each for t in _all(times)) for mode, each in found.items()},
        "p99_of_each_turn_ms": {
            mode: [percentiles(_all(times))["p99"] for times in each] for mode, each in found.items()
        },
        "p99_of_the_median_second_ms": p99,
        "agent_cpu_percent": {mode: round(statistics.mean(each)) for mode, each in used.items()},
        "p99_of_the_median_second_against_all_well": grew,
        "meets_bar": all(each < BAR for each in grew.values()),
    }


Times = list[tuple[float, float]]
"""When each event was written, and the seconds from then to its call."""


def _all(times: Times) -> list[float]:
    return [took for _, took in times]


def _steps(times: Times) -> list[float]:
    """p99 in ms of each second. One hiccup of a machine decides that of a whole turn, but not of the median second."""
    seconds: dict[int, list[float]] = {}
    for at, took in times:
        seconds.setdefault(int(at), []).append(took)
    return [_p99(each) for _, each in sorted(seconds.items())]


def _p99(times: list[float]) -> float:
    return percentiles(times)["p99"]


class _Turns:
    """Each has orders of its own, which have one update each."""

    def __init__(self, stack: Stack, cluster: Cluster, receivers: Receivers, names: list[str]) -> None:
        self._stack = stack
        self._cluster = cluster
        self._receivers = receivers
        self._names = names
        self._turn = 0

    async def turn(self, mode: Mode, seconds: float) -> tuple[Times, float]:
        """Of the events of all but the last receiver, which behaves so; and the agent's CPU in percent."""
        self._turn += 1
        *_, tenth = self._names
        self._receivers.become(tenth, mode)
        with cpu(self._stack.pids) as used:
            sent = await self._send(seconds)
            await asyncio.sleep(1.0)
        self._receivers.become(tenth, Mode.ANSWERS)
        seen = await self._all_of(sent)
        counted = [order for order, at in sent.items() if order in self._counted and not order.endswith(f"-{tenth}")]
        begin = min(sent.values())
        return [(sent[order] - begin, seen[order] - sent[order]) for order in counted], used[AGENT]

    async def _send(self, seconds: float) -> dict[str, float]:
        """When each event was about to be written, by its order's name."""
        producer = Transactions(self._cluster, "benchmark")
        await producer.open()
        sent: dict[str, float] = {}
        self._counted = set[str]()
        began = time.perf_counter()
        steps = int(seconds / STEP_S)
        for step in range(steps):
            await asyncio.sleep(max(0.0, began + step * STEP_S - time.perf_counter()))
            now = time.perf_counter()
            told = dict(self._step(step))
            sent |= dict.fromkeys(told, now)
            if now - began >= UNCOUNTED_S:
                self._counted |= set(told)
            await producer.commit(told.values(), {}, "")
        await producer.close()
        return sent

    def _step(self, step: int) -> Iterator[tuple[str, OutRecord]]:
        now = datetime.now(UTC)
        for number in range(int(RATE * STEP_S)):
            name = self._names[number % RECEIVERS]
            order = f"T{self._turn}-{step}-{number}-{name}"
            yield order, record(event(name, order, "R1", Meaning.FIRST_SCAN), now)

    async def _all_of(self, sent: dict[str, float]) -> dict[str, float]:
        seen, done = dict[str, float](), set[str]()
        deadline = time.monotonic() + PATIENCE_S
        while True:
            heard, answered = self._receivers.seen()
            seen = heard | seen  # one that hung is heard of again
            done |= answered
            if not (missing := sent.keys() - done):
                return seen
            assert time.monotonic() < deadline, f"{len(missing)} were never taken; {self._stack.tail(AGENT)}"
            await asyncio.sleep(0.2)
