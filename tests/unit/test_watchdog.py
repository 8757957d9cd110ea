"""What stands still is told once, with its stacks; what waits for others, or was frozen as a whole, is not stuck."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from streams import health
from streams.engine.context import Context
from streams.engine.kafka import Cluster
from streams.engine.keyvalue import MemoryKeyValue
from streams.engine.options import RunnerOptions
from streams.engine.records import Event
from streams.engine.running_task import RunningTask
from streams.serving import serving
from streams.settings import HealthSettings
from streams.watchdog import Watchdog
from tests.unit.engine.fake_kafka import FakeConsumer, FakeKafka
from tests.unit.engine.test_running_task import dealing
from tests.unit.engine.toys import NUMBERS, Nudge, Number, record, toy_agent
from tests.unit.watchdog_kit import look_in_vain, unhurried, wait_until_well
from tests.waiting import PATIENCE_S, eventually

LIMIT_S = 30.0


@dataclass
class Clockwork:
    """A watchdog whose looks the test makes, over a loop and tasks that turn when the test says so."""

    pulses: dict[str, int | None] = field(default_factory=dict)
    incidents: int = 0

    def __post_init__(self) -> None:
        self.watchdog = Watchdog(LIMIT_S, lambda: self.pulses, self._count)

    def _count(self) -> None:
        self.incidents += 1

    def look(self, times: int = 1, elapsed_s: float = 1.0, turn: Callable[[], None] | None = None) -> tuple[str, ...]:
        for _ in range(times):
            (turn or self.turn)()
            self.watchdog.look(elapsed_s)
        return self.watchdog.problems

    def turn(self) -> None:
        self.watchdog._beats += 1


def stand() -> None:
    """Nothing turns."""


def test_a_loop_that_does_not_turn_is_stuck_after_the_limit_and_told_once() -> None:
    work = Clockwork()
    work.look()

    assert work.look(times=29, turn=stand) == ()
    with capture_logs() as logs:
        assert work.look(times=20, turn=stand) == ("the event loop has made no turn for 49 s",)
        assert work.watchdog.loop_silence_s == 49
        assert work.look() == ()
    assert [line["action"] for line in logs] == ["stuck", "stuck_over"]
    assert work.incidents == 1


def test_a_task_that_must_turn_and_does_not_is_stuck() -> None:
    work = Clockwork({"task a/0": 1, "task a/1": 1})
    work.look()

    def turn() -> None:
        work.turn()
        work.pulses["task a/1"] = (work.pulses["task a/1"] or 0) + 1

    assert work.look(times=31, turn=turn) == ("task a/0 has made no turn for 31 s",)
    work.pulses["task a/0"] = None
    assert work.look() == (), "it waits for the brokers now, and a restart would not help"


def test_a_task_is_not_blamed_for_a_loop_that_stands() -> None:
    work = Clockwork({"task a/0": 1})
    work.look()

    assert work.look(times=31, turn=stand) == ("the event loop has made no turn for 31 s",)
    assert work.look(times=2) == ()


def test_a_process_that_was_frozen_as_a_whole_is_not_stuck() -> None:
    work = Clockwork({"task a/0": 1})
    work.look()

    assert work.look(elapsed_s=3600, turn=stand) == ()


async def test_its_thread_sees_a_loop_that_stands_and_that_it_goes_on() -> None:
    told = threading.Event()
    watchdog = Watchdog(0.04, on_stuck=told.set)
    with watchdog.watching():
        assert told.wait(PATIENCE_S), "the loop stands here, and nobody was told"
        await eventually(lambda: watchdog.problems == (), "the loop is seen to turn")


@pytest.fixture
def kafka(monkeypatch: pytest.MonkeyPatch) -> FakeKafka:
    return FakeKafka().install(monkeypatch)


async def test_a_handler_that_blocks_turns_healthz_and_its_name_stands_in_the_log(kafka: FakeKafka) -> None:
    entered, release = threading.Event(), threading.Event()
    agent = toy_agent()

    @agent.on(NUMBERS, Nudge)
    def a_handler_that_blocks(event: Event[Any], ctx: Context) -> None:
        entered.set()
        assert release.wait(PATIENCE_S), "nobody asked for /healthz"

    dealing(kafka, record(Nudge(), headers=(("ce_type", b"toy.nudge"),)), record(Number(n=1), offset=1))
    consumer: Any = FakeConsumer(kafka)
    options = RunnerOptions(callers={"box": agent.outboxes["box"].handler})  # type: ignore[dict-item]
    task = RunningTask(agent, 0, Cluster({}), consumer, {}, MemoryKeyValue(), options)
    port = health.listen(HealthSettings(port=0))
    address = f"http://127.0.0.1:{port.getsockname()[1]}"
    watchdog = unhurried(lambda: {"task toy/0": task.watch.pulse})
    loop = asyncio.get_running_loop()
    states = {"toy": {"ready": True}}

    def ask(client: httpx.Client) -> None:
        """From another thread, once the loop is blocked and once it goes on."""
        assert entered.wait(PATIENCE_S)
        try:
            look_in_vain(watchdog)
            stuck = client.get("/healthz")
            assert stuck.status_code == 503
            assert stuck.json()["problems"][0].startswith("the event loop has made no turn")
            assert "returnstreams_task_state" in client.get("/metrics").text
        finally:
            release.set()
        wait_until_well(watchdog, loop, client)

    with (
        capture_logs() as logs,
        watchdog.watching(),
        serving(health.app(lambda: states, lambda: watchdog.problems), port),
        httpx.Client(base_url=address) as client,
    ):
        assert (await asyncio.to_thread(client.get, "/healthz")).status_code == 200
        asking = asyncio.create_task(asyncio.to_thread(ask, client))
        running = asyncio.create_task(task.run())
        await asking
        await eventually(lambda: [echo.n for echo in kafka.echoes()] == [1], "the work goes on")
        await task.stop()
        await running

    (stuck,) = [line for line in logs if line.get("action") == "stuck"]
    blocked = [calls for name, calls in stuck["threads"].items() if name.startswith("MainThread")]
    assert any(place.endswith(" a_handler_that_blocks") for place in blocked[0])
    waiting = [place.rsplit(" ", 1)[1] for calls in stuck["tasks"].values() for place in calls]
    assert {"to_thread", "run"} <= set(waiting), "the tasks, and what each of them waits for"
