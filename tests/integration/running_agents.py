"""Agents in the process of a test, as `returnstreams run` has them in one of their own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

from contracts import topics
from contracts.retailers import Retailer
from streams.engine.agent import Agent
from streams.engine.global_table import GlobalTable
from streams.engine.kafka import Cluster
from streams.engine.options import RunnerOptions
from streams.engine.runner import AgentRunner
from streams.settings import Settings
from streams.wiring import hook_caller
from tests.waiting import eventually


@asynccontextmanager
async def running(cluster: Cluster, *agents: Agent) -> AsyncIterator[None]:
    """They are ready, with the caller of the retailers' hooks; they leave in order at the end."""
    stop = asyncio.Event()
    retailers = GlobalTable(cluster, topics.RETAILERS, Retailer)
    async with AsyncExitStack() as stack:
        caller = hook_caller(retailers, Settings())
        stack.push_async_callback(caller.aclose)
        options = RunnerOptions(callers={"hook": caller})
        runners = [AgentRunner(agent, cluster, retailers, options) for agent in agents]
        tasks = [asyncio.create_task(work) for work in (retailers.follow(), *(runner.run(stop) for runner in runners))]
        try:
            await eventually(lambda: all(runner.ready for runner in runners), "all agents are ready")
            yield
        finally:
            stop.set()
            await asyncio.wait(tasks[1:])
            tasks[0].cancel()
            await asyncio.wait(tasks)
