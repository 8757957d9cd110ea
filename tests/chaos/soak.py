"""One run: an installation, a history, faults, and then the verdict on everything that came of it."""

from __future__ import annotations

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from contracts import topics
from demo.broker import BrokerOptions, EmbeddedCluster
from demo.broker.leash import Leash
from demo.credentials import Credentials
from demo.hook import HookSimulator
from producers.settings import PREFIX
from streams.agents import return_rules
from streams.agents.carrier_scans import carrier_scans
from streams.agents.order_table import order_table
from streams.agents.return_actions import return_actions
from streams.agents.tracking_forward import tracking_forward
from streams.engine.agent import Agent
from streams.engine.kafka import Cluster, append
from streams.engine.records import OutRecord
from streams.topics_admin import Replication, TopicsAdmin, wanted
from streams.wiring import AGENTS
from tests.chaos import state
from tests.chaos.checker import Outputs, Tally, check, inputs_of
from tests.chaos.expected import Expected, expected
from tests.chaos.faults import Fault, Faults
from tests.chaos.fleet import Fleet
from tests.chaos.history import inputs, stories
from tests.chaos.posts import check_posts, repeats
from tests.chaos.publishing import producing, publish
from tests.chaos.shops import SHOPS
from tests.chaos.watch import Watcher

ONE_COPY = Replication(1, 1)
# One or two more than there are come and go.
EXTRA_WORKERS = 2
READY_S = 60.0
RETRY_DELAYS = "[0.3, 1.0]"


@dataclass(frozen=True, slots=True)
class Plan:
    """What to do.

    seconds: for how long records and faults come. settle_s: how long it may then take until all is still.
    returns: how many to tell of, each six or seven records. state: `memory` or `rocks`. bootstrap: a broker that is
    there; None starts one of our own, which alone may be killed.
    """

    seed: int
    seconds: float
    returns: int
    workers: int
    kinds: tuple[str, ...]
    engine: str
    state: str
    partitions: int = 4
    bootstrap: str | None = None
    settle_s: float = 120.0


@dataclass(slots=True)
class Verdict:
    """What was done, and what came of it. inputs: by order key, where what was published about it lies."""

    plan: Plan
    records: int = 0
    outputs: int = 0
    seconds: float = 0.0
    faults: list[Fault] = field(default_factory=list)
    starts: int = 0
    posted_again: int = 0
    tallies: list[Tally] = field(default_factory=list)
    inputs: dict[str, list[str]] = field(default_factory=dict)
    unsettled: str = ""
    misbehaved: list[str] = field(default_factory=list)

    @property
    def counts(self) -> tuple[int, int, int]:
        """Lost, duplicated, wrong."""
        of_each = [(len(tally.lost), len(tally.duplicated), len(tally.wrong)) for tally in self.tallies]
        lost, duplicated, wrong = map(sum, zip(*of_each, strict=True))
        return lost, duplicated, wrong

    @property
    def clean(self) -> bool:
        """Whether everything is there once, came to rest, and no process ended by itself."""
        return self.counts == (0, 0, 0) and not self.unsettled and not self.misbehaved


async def soak(plan: Plan, directory: Path, say: Callable[[str], None] = lambda line: None) -> Verdict:
    """Run it. directory: for logs and rows; kept by whoever gave it."""
    random = Random(plan.seed)
    told = stories(plan.seed, plan.returns, datetime.now(UTC).replace(microsecond=0))
    verdict, wants = Verdict(plan), expected(told)
    credentials = Credentials.fresh(shop.id for shop in SHOPS)
    with _broker(plan) as (broker, bootstrap), HookSimulator(credentials.hooks) as hook, _leash() as leash:
        cluster = Cluster({"bootstrap_servers": bootstrap}, f"chaos-{plan.seed}-{uuid.uuid4().hex[:6]}.")
        await _set_up(cluster, plan, hook)
        credentials.write(directory / "secrets")
        settings = _settings(cluster, plan, credentials, directory)
        rows = directory / "rows" if plan.state == "rocks" else None
        fleet = Fleet(leash, directory, settings, plan.engine, rows, random)
        faults = Faults(fleet, cluster, plan.partitions, hook, broker, random)
        history = inputs(plan.seed, told)
        verdict.records = len(history)
        say(f"{len(told)} orders, {len(history)} records, {plan.workers} workers at {bootstrap}")
        began = time.monotonic()
        async with _working(fleet, plan.workers):
            async with producing(cluster) as producer, asyncio.TaskGroup() as group:
                group.create_task(publish(producer, cluster, history, plan.seconds, random))
                group.create_task(faults.run(plan.kinds, plan.seconds))
            say(f"faults are over: {dict(faults.counts)}; waiting until all is still")
            await _judge(verdict, wants, cluster, fleet, hook, faults)
        verdict.seconds = time.monotonic() - began
        verdict.starts = sum(worker.starts for worker in fleet.workers.values())
        verdict.misbehaved = fleet.faults
    return verdict


async def _judge(
    verdict: Verdict, wants: Expected, cluster: Cluster, fleet: Fleet, hook: HookSimulator, faults: Faults
) -> None:
    plan, agents = verdict.plan, _agents()
    verdict.faults = list(faults.happened)
    async with Watcher(cluster, agents, plan.partitions) as watcher:
        verdict.unsettled = await watcher.until_quiet(plan.settle_s, lambda: fleet.given_up)
        for worker in fleet.running:
            await fleet.leave(worker)
        if not verdict.unsettled:
            verdict.unsettled = await watcher.until_quiet(plan.settle_s)  # what a stop commits
        offsets = {agent.name: await watcher.group_offsets(agent) for agent in agents}
    ours = [record for record in watcher.records if record.topic != topics.RETAILERS.name]
    verdict.outputs = len(ours)
    outputs, states = Outputs(ours), state.States(agents, plan.partitions, watcher.records)
    verdict.inputs = inputs_of(wants, outputs)
    received = list(hook.received)
    verdict.posted_again = repeats(received)
    directories = sorted(fleet.state.iterdir()) if fleet.state is not None else []
    verdict.tallies = [
        *check(wants, outputs),
        check_posts(wants, outputs, received, verdict.faults),
        *state.check_rows(wants, outputs, states),
        state.check_positions(states, offsets),
        await state.check_restores(cluster, states, directories, cluster.prefix),
    ]


@contextlib.contextmanager
def _broker(plan: Plan) -> Iterator[tuple[EmbeddedCluster | None, str]]:
    if plan.bootstrap is not None:
        yield None, plan.bootstrap
        return
    with EmbeddedCluster(BrokerOptions(nodes=1)) as broker:
        yield broker, broker.bootstrap_servers


@contextlib.contextmanager
def _leash() -> Iterator[Leash]:
    leash = Leash()
    try:
        yield leash
    finally:
        leash.close()


@contextlib.asynccontextmanager
async def _working(fleet: Fleet, workers: int) -> AsyncIterator[None]:
    """So many workers, ready; whoever ends by itself is started again until this is over."""
    present = fleet.add(workers)
    fleet.add(EXTRA_WORKERS)
    for worker in present:
        await fleet.start(worker)
    for worker in present:
        if not await fleet.wait_ready(worker, READY_S):
            raise RuntimeError(f"{worker.name} is not ready after {READY_S:.0f} s; {fleet.tail(worker)}")
    watching = asyncio.create_task(fleet.watch())
    try:
        yield
    finally:
        watching.cancel()
        await asyncio.wait({watching})


async def _set_up(cluster: Cluster, plan: Plan, hook: HookSimulator) -> None:
    """Topics and retailers."""
    async with TopicsAdmin(cluster) as admin:
        await admin.apply(await admin.plan(wanted(AGENTS, cluster.prefix, plan.partitions, ONE_COPY)), ONE_COPY)
    rows = [shop.settings(hook.url(shop.id)) for shop in SHOPS]
    values = [OutRecord(topics.RETAILERS.name, row.id.encode(), row.model_dump_json().encode()) for row in rows]
    await append(cluster, values)


def _settings(cluster: Cluster, plan: Plan, credentials: Credentials, directory: Path) -> dict[str, str]:
    named = {
        "KAFKA__BOOTSTRAP_SERVERS": cluster.options["bootstrap_servers"],
        "KAFKA__TOPIC_PREFIX": cluster.prefix,
        "TOPICS__PARTITIONS": str(plan.partitions),
        "SECRETS_DIR": str(directory / "secrets"),
        "FORWARD__DELAYS_S": RETRY_DELAYS,
        "FORWARD__BREAKER__OPEN_S": "0.5",
        "LOG__FORMAT": "json",
        "HASH_KEY": credentials.hash_key,
    }
    return {f"{PREFIX}{name}": value for name, value in named.items()}


def _agents() -> list[Agent]:
    """The agents as data: what they read, write and keep."""
    return [order_table(b"any"), return_rules.AGENT, carrier_scans, return_actions, tracking_forward()]
