"""`dead-letters resume` against a real broker: a task that stands still says so, and goes on when it may."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from contracts import topics
from contracts.retailers import Retailer
from streams import event_loop
from streams.agents.return_rules import AGENT as RETURN_RULES
from streams.engine.global_table import GlobalTable
from streams.engine.kafka import Cluster, append
from streams.engine.limits import Limits
from streams.engine.options import RunnerOptions
from streams.engine.records import OutRecord
from streams.engine.runner import AgentRunner
from tests.builders import upload
from tests.integration.conftest import Command
from tests.integration.test_commands import agents, free_port, ready, up
from tests.waiting import eventually, wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.usefixtures("installed")]


async def _stand_still(cluster: Cluster) -> None:
    """A release of return-rules with a mistake in it, until both of its tasks stand still."""

    def broken(event: Any, ctx: Any) -> None:
        raise ZeroDivisionError

    agent = replace(RETURN_RULES, handlers=dict.fromkeys(RETURN_RULES.handlers, broken))
    value = upload().model_dump_json().encode()
    uploads = [OutRecord("return-uploads", str(n).encode(), value) for n in range(40)]
    await append(cluster, uploads)
    retailers = GlobalTable(cluster, topics.RETAILERS, Retailer)
    following = asyncio.create_task(retailers.follow())
    stop = asyncio.Event()
    runner = AgentRunner(agent, cluster, retailers, RunnerOptions(limits=Limits(in_a_row=2)))
    running = asyncio.create_task(runner.run(stop))
    try:
        await eventually(lambda: len(runner.paused) >= 2, "both tasks stand still")
    finally:
        stop.set()
        following.cancel()
        await asyncio.wait({running, following})
    running.result()


@contextmanager
def paused_process(environment: dict[str, str], folder: Path) -> Iterator[int]:
    """All agents as a process, its port; return-rules stands still."""
    port = free_port()
    with agents({**environment, "HEALTH__PORT": str(port)}, folder) as (process, log):
        wait_until(lambda: up(port) and len(_paused(port)) == 2, "both tasks stand still", 60)
        assert not ready(port, process, log)
        yield port


def _paused(port: int) -> dict[str, str]:
    state = httpx.get(f"http://127.0.0.1:{port}/readyz").json()
    found: dict[str, str] = state["agents"]["return-rules"]["paused"]
    return found


def test_a_paused_agent_says_so_and_goes_on_when_it_may(
    command: Command, environment: dict[str, str], cluster: Cluster, tmp_path: Path
) -> None:
    with capture_logs():
        event_loop.run(_stand_still(cluster))
    assert (
        "return-rules[0] is paused (2 failures in a row); once mended: returnstreams"
        in command("dead-letters", "list").err
    )
    with paused_process(environment, tmp_path) as port:
        assert _paused(port) == dict.fromkeys("01", "2 failures in a row, at last ZeroDivisionError")
        assert command("dead-letters", "resume", "return-rules", answer="n\n").code == 1

        one = command("dead-letters", "resume", "return-rules", "1", answer="y\n")
        assert "return-rules[1] goes on" in one.out
        wait_until(lambda: list(_paused(port)) == ["0"], "only one stands still", 10)
        assert "return-rules[0] goes on" in command("dead-letters", "resume", "return-rules", "--yes").out
        wait_until(lambda: httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200, "ready")
    assert command("dead-letters", "resume", "return-rules", "--yes").out == "no task of return-rules is paused\n"


def test_what_is_resumed_while_nobody_runs_it_goes_on_later(
    command: Command, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.cli.dead_letters.RESUME_TIMEOUT_S", 0.1)
    with capture_logs():
        event_loop.run(_stand_still(cluster))
    outcome = command("dead-letters", "resume", "return-rules", "0", "--yes")
    assert "return-rules[0] will go on when a process runs it" in outcome.out
