"""tracking-forward on a real Kafka, as processes that are killed and join: nothing is lost, and each order in order."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from itertools import groupby
from pathlib import Path

import pytest

from contracts import topics
from contracts.returns import Meaning
from streams.engine.kafka import Cluster, append
from streams.engine.records import OutRecord
from streams.retailers_topic import differences, read_all, write
from tests.builders import retailer, return_event
from tests.unit.callers.receiver import Received, Receiver, receiver, status
from tests.waiting import eventually

pytestmark = [pytest.mark.kafka, pytest.mark.usefixtures("installed")]

PATIENCE_S = 90


@contextmanager
def forwarder(environment: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """One process. Killed at the end, whatever it does."""
    settings = {f"RETURNSTREAMS_{name}": value for name, value in environment.items()}
    own = {
        "RETURNSTREAMS_HEALTH__PORT": "0",
        "RETURNSTREAMS_FORWARD__DELAYS_S": "[0.2]",
        "RETURNSTREAMS_FORWARD__BREAKER__OPEN_S": "0.3",
    }
    with log.open("ab") as out:
        command = [sys.executable, "-m", "tests.integration.forwarder"]
        process = subprocess.Popen(command, env={**os.environ, **settings, **own}, stdout=out, stderr=out)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def owe(environment: Mapping[str, str], hook: Receiver, orders: range) -> None:
    """Two updates of each order: the first scan that a delivery proves, and the delivery."""
    place = {"bootstrap_servers": environment["KAFKA__BOOTSTRAP_SERVERS"]}
    cluster = Cluster(place, environment["KAFKA__TOPIC_PREFIX"])
    await write(cluster, differences([retailer("acme", hook=hook.url)], await read_all(cluster)))
    events = [return_event(Meaning.DELIVERED, order_key=f"acme/{n}") for n in orders]
    records = (OutRecord(topics.RETURN_EVENTS.name, each.order_key.encode(), each.to_json()) for each in events)
    await append(cluster, records)


def story(received: list[Received], order: int) -> list[tuple[str, str]]:
    """What the receiver heard of an order: each update and its id, a repeat of the same left out."""
    told = [(json.loads(each.body)[0], each.headers["webhook-id"]) for each in received]
    heard = [(flat["Code"], id) for flat, id in told if flat["OrderNo"] == str(order)]
    return [one for one, _ in groupby(heard)]


async def test_killed_between_the_post_and_the_commit_it_repeats_the_same_update(
    environment: Mapping[str, str], tmp_path: Path
) -> None:
    log = tmp_path / "forwarder.log"
    killed = asyncio.Event()

    async def answer(said: Received, writer: asyncio.StreamWriter) -> None:
        # The first one is answered only when nobody is there any more to commit that.
        if len(it.received) == 1:
            await killed.wait()
        await status("200 OK")(said, writer)

    async with AsyncExitStack() as stack:
        it = await stack.enter_async_context(receiver(answer))
        await owe(environment, it, range(1))
        with forwarder(environment, log) as first:
            await eventually(lambda: len(it.received) == 1, f"the first POST: see {log}", PATIENCE_S)
            first.send_signal(signal.SIGKILL)
        killed.set()
        with forwarder(environment, log):
            await eventually(lambda: len(it.received) == 3, f"the repeat, and the next: see {log}", PATIENCE_S)

    post, repeat, following = it.received
    assert post.headers["webhook-id"] == repeat.headers["webhook-id"]
    assert post.body == repeat.body
    assert following.headers["webhook-id"] != post.headers["webhook-id"]
    assert [code for code, _ in story(it.received, 0)] == ["RT", "RDTPF"]


async def test_two_processes_that_share_and_part_lose_nothing_and_keep_each_orders_order(
    environment: Mapping[str, str], tmp_path: Path
) -> None:
    """The second takes over partitions whose calls the first has under way; then the first leaves."""
    logs = [tmp_path / name for name in ("first.log", "second.log")]
    shared = asyncio.Event()

    async def answer(said: Received, writer: asyncio.StreamWriter) -> None:
        if len(it.received) > 20:
            await shared.wait()
        await status("200 OK")(said, writer)

    orders = range(60)
    async with receiver(answer) as it:
        await owe(environment, it, orders)
        with forwarder(environment, logs[0]) as first:
            await eventually(lambda: len(it.received) > 30, f"the first delivers: see {logs[0]}", PATIENCE_S)
            with forwarder(environment, logs[1]):
                await eventually(lambda: b"task_ready" in logs[1].read_bytes(), f"both: see {logs[1]}", PATIENCE_S)
                shared.set()
                heard = len(it.received)
                await eventually(lambda: len(it.received) > heard + 10, "both deliver", PATIENCE_S)
                first.send_signal(signal.SIGTERM)
                await eventually(lambda: told(it) == 2 * len(orders), f"everything: see {logs}", PATIENCE_S)

    for order in orders:
        assert [code for code, _ in story(it.received, order)] == ["RT", "RDTPF"], order


def told(it: Receiver) -> int:
    """How many updates the receiver has heard, each counted once."""
    return len({each.headers["webhook-id"] for each in it.received})
