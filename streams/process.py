"""A process that runs agents: what it starts, what ends it, and how it leaves."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import signal
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence

import structlog

from contracts import topics
from contracts.controls import PauseLifted
from contracts.retailers import Retailer
from streams import health, subscription_watch
from streams.engine import metrics
from streams.engine.agent import Agent
from streams.engine.errors import NotHere
from streams.engine.global_table import GlobalTable
from streams.engine.keyvalue import KeyValue
from streams.engine.options import Caller, RunnerOptions, memory
from streams.engine.rocks import RocksStorage
from streams.engine.runner import AgentRunner
from streams.garbage import collect_rarely
from streams.serving import serving
from streams.settings import Settings
from streams.shop_work import shops_of
from streams.watchdog import Watchdog
from streams.wiring import hook_caller, shop_callers

log = structlog.get_logger()

# A batch holds the loop for 0.2 s at most, several tasks may take turns; who asks for rows has another way after this.
ROW_TIMEOUT_S = 2.0


async def run(agents: Sequence[Agent], settings: Settings) -> None:
    """Run agents until SIGTERM or SIGINT; then finish the batches in flight, commit, leave.

    Raises what ended an agent for good: ConfigError, StateRefused, or a bug of the engine.
    """
    collect_rarely()
    port = health.listen(settings.health) if settings.health.port else None
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for signum in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(signum, stop.set)
    retailers = GlobalTable(settings.cluster, topics.RETAILERS, Retailer)
    controls = GlobalTable(settings.cluster, topics.AGENT_CONTROLS, PauseLifted)
    hooks, shops = hook_caller(retailers, settings), shops_of(settings)
    callers: dict[str, Caller] = {"hook": hooks, **shop_callers(retailers, settings, shops)}
    options = RunnerOptions(
        instance_id=settings.instance_id,
        address=settings.health.address,
        callers=callers,
        storage=storage(settings),
        limits=settings.bugs.limits,
        controls=controls,
    )
    runners = {agent.name: AgentRunner(agent, settings.cluster, retailers, options) for agent in agents}
    background = [
        asyncio.create_task(retailers.follow(), name="retailers"),
        asyncio.create_task(controls.follow(), name="controls"),
    ]
    running = [asyncio.create_task(runner.run(stop), name=name) for name, runner in runners.items()]
    try:
        with _watched(runners, settings, port), _subscriptions_watched(retailers, runners, settings):
            await until_one_fails_or_all_end(running, background, stop)
    finally:
        for task in background:
            task.cancel()
        await asyncio.wait(background)
        for caller in (hooks, shops):
            with contextlib.suppress(Exception):
                await caller.aclose()


@contextlib.contextmanager
def _subscriptions_watched(
    retailers: GlobalTable[Retailer], runners: Mapping[str, AgentRunner], settings: Settings
) -> Iterator[None]:
    """Where orders are kept here, and shops can be asked: have their subscriptions looked at. It ends no agent."""
    table, ingress = runners.get("order-table"), settings.ingress
    if table is None or None in (settings.secrets_dir, ingress.public_url, ingress.shopify_path_key):
        yield
        return
    every_s = settings.shopify.audit_every_s
    watching = asyncio.create_task(
        subscription_watch.watch(retailers, lambda: 0 in table.partitions, settings, every_s=every_s), name="watch"
    )
    watching.add_done_callback(_subscriptions_unwatched)
    try:
        yield
    finally:
        watching.cancel()


def _subscriptions_unwatched(watching: asyncio.Task[None]) -> None:
    if not watching.cancelled() and (error := watching.exception()) is not None:
        log.error("subscriptions are looked at no more", action="subscription_watch_ended", error=repr(error))


def storage(settings: Settings) -> Callable[[str, int], KeyValue]:
    """Where tasks have their rows: on disk when there is a directory for them, else in memory."""
    if settings.state_dir is None:
        return memory
    return RocksStorage(settings.state_dir, settings.cluster.prefix)


async def until_one_fails_or_all_end(
    running: list[asyncio.Task[None]], background: list[asyncio.Task[None]], stop: asyncio.Event
) -> None:
    """One agent that failed takes the others with it, in order: half a process that looks alive helps nobody."""
    done, _ = await asyncio.wait([*running, *background], return_when=asyncio.FIRST_COMPLETED)
    if not stop.is_set():
        first = min(done, key=asyncio.Task.get_name)
        error = None if first.cancelled() else first.exception()
        why = f"{type(error).__name__}: {error}" if error else "it ended"
        log.error(
            "leaving, because a part of the process ended", action="process_leaving", part=first.get_name(), error=why
        )
        stop.set()
    ended = [task for task in background if task.done()]
    await asyncio.wait(running)
    # All are looked at, for asyncio would tell at length of an error that nobody took; the first one is raised.
    errors = [task.exception() for task in [*ended, *running] if not task.cancelled()]
    for error in filter(None, errors):
        raise error


@contextlib.contextmanager
def _watched(runners: Mapping[str, AgentRunner], settings: Settings, port: socket.socket | None) -> Iterator[None]:
    """Have a watchdog look after loop and tasks, and tell who asks, both from threads of their own."""
    watchdog = Watchdog(
        settings.health.stuck_after_s,
        lambda: {f"task {name}/{p}": pulse for name, each in runners.items() for p, pulse in each.pulses.items()},
        metrics.STUCK.inc,
    )
    metrics.LOOP_SILENCE.set_function(lambda: watchdog.loop_silence_s)
    with contextlib.ExitStack() as stack:
        stack.enter_context(watchdog.watching())
        if port is not None:
            state = functools.partial(_states, runners)
            rows = functools.partial(_row, runners, asyncio.get_running_loop())
            stack.enter_context(serving(health.app(state, lambda: watchdog.problems, rows), port))
        yield


async def _row(
    runners: Mapping[str, AgentRunner],
    loop: asyncio.AbstractEventLoop,
    agent: str,
    store: str,
    partition: int,
    key: str,
) -> bytes | None:
    """Have the agents' loop look it up between two batches, for who asks from another thread."""
    if agent not in runners:
        raise NotHere(f"{agent} does not run here")

    async def looked_up() -> bytes | None:
        return runners[agent].row(store, partition, key)

    asked = asyncio.run_coroutine_threadsafe(looked_up(), loop)
    async with asyncio.timeout(ROW_TIMEOUT_S):
        return await asyncio.wrap_future(asked)


def _states(runners: Mapping[str, AgentRunner]) -> dict[str, dict[str, object]]:
    return {
        name: {
            "ready": runner.ready,
            "partitions": runner.partitions,
            "tasks": runner.states,
            "paused": runner.paused,
            "troubles": runner.troubles,
        }
        for name, runner in runners.items()
    }
