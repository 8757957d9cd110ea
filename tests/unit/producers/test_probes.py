"""The ingress says that it does not move: from its loop once that goes on, from a thread while it stands."""

from __future__ import annotations

import asyncio
import socket
import threading
from typing import Any

import httpx
from starlette.applications import Starlette
from structlog.testing import capture_logs

from producers.app import build
from producers.door import Door
from producers.probes import probes
from producers.publisher import Publisher
from producers.service import Ingress
from producers.settings import KafkaSettings, Settings
from streams.serving import serving
from tests.unit.producers.test_door import client_of, door, publisher
from tests.unit.watchdog_kit import look_in_vain, unhurried, wait_until_well
from tests.waiting import PATIENCE_S, eventually

__all__ = ["door", "publisher"]


async def test_what_does_not_move_is_said_on_the_public_port(door: Door) -> None:
    found: list[str] = []
    async with client_of(build(door, problems=lambda: found)) as client:
        fine = await client.get("/healthz")
        found.append("the publisher has made no turn for 31 s")
        stuck = await client.get("/healthz")
    assert (fine.status_code, fine.text) == (200, "ok\n")
    assert (stuck.status_code, stuck.text) == (503, "the publisher has made no turn for 31 s\n")


async def test_while_the_loop_stands_the_second_port_says_so_and_the_log_shows_where(door: Door) -> None:
    entered, release = threading.Event(), threading.Event()
    watchdog = unhurried()
    loop = asyncio.get_running_loop()
    port = socket.create_server(("127.0.0.1", 0))

    def ask(client: httpx.Client) -> None:
        assert client.get("/healthz").status_code == 200
        loop.call_soon_threadsafe(a_split_that_blocks)
        assert entered.wait(PATIENCE_S)
        try:
            look_in_vain(watchdog)
            stuck = client.get("/healthz")
            assert (stuck.status_code, "the event loop has made no turn" in stuck.text) == (503, True)
            assert [client.get(path).status_code for path in ("/readyz", "/metrics")] == [200, 200]
        finally:
            release.set()
        wait_until_well(watchdog, loop, client)

    def a_split_that_blocks() -> None:
        entered.set()
        assert release.wait(PATIENCE_S), "nobody asked for /healthz"

    with (
        capture_logs() as logs,
        watchdog.watching(),
        serving(Starlette(routes=probes(door, lambda: watchdog.problems)), port),
        httpx.Client(base_url=f"http://127.0.0.1:{port.getsockname()[1]}") as client,
    ):
        await asyncio.to_thread(ask, client)
    (stuck,) = [line for line in logs if line.get("action") == "stuck"]
    assert any(place.endswith(" a_split_that_blocks") for calls in stuck["threads"].values() for place in calls)


async def test_an_ingress_without_brokers_goes_on_making_turns() -> None:
    """So nobody restarts it for an outage of theirs."""
    ingress = Ingress(Settings(kafka=KafkaSettings(bootstrap_servers="127.0.0.1:1")))
    async with ingress.running():
        for _ in range(2):
            before = ingress._turns()

            def has_turned() -> bool:
                return all(now > then for now, then in _pairs(ingress._turns(), before))  # noqa: B023

            await eventually(has_turned, "all that must turn has turned")
        assert ingress.watchdog.problems == ()


async def test_a_publisher_whose_supervisor_ended_makes_no_turn(monkeypatch: Any) -> None:
    async def breaks(self: Publisher) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(Publisher, "_connect", breaks)
    ingress = Ingress(Settings(kafka=KafkaSettings(bootstrap_servers="127.0.0.1:1")))
    async with ingress.running():
        await asyncio.sleep(0)
        for _ in range(40):
            ingress.watchdog._beats += 1
            ingress.watchdog.look(1.0)
        async with client_of(ingress.app) as client:
            response = await client.get("/healthz")
    assert (response.status_code, "the publisher has made no turn" in response.text) == (503, True)


def _pairs(now: dict[str, int | None], then: dict[str, int | None]) -> list[tuple[int, int]]:
    return [(now[name] or 0, then[name] or 0) for name in now]
