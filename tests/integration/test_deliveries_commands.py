"""`deliveries` against a real broker and a real agent: what is owed, what became of it, and sending it once more."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import RecordsToDelete

from contracts import topics
from contracts.returns import Meaning
from streams import event_loop
from streams.agents.tracking_forward import tracking_forward
from streams.engine.kafka import Cluster, append, read_rows
from streams.engine.outbox import Policy
from streams.engine.records import OutRecord
from streams.retailers_topic import differences, read_all, write
from tests.builders import retailer, return_event
from tests.integration.administration import admin
from tests.integration.conftest import Command
from tests.integration.running_agents import running
from tests.unit.callers.receiver import Answering, Received, receiver, status
from tests.waiting import eventually

pytestmark = pytest.mark.kafka

# Two more attempts at once, and another only after everything was looked at.
POLICY = Policy(timeout_s=5, delays_s=(0.05, 0.05, 600), concurrency=8)


def happened(*orders: str) -> Iterator[OutRecord]:
    """An event that tells two milestones, for each order."""
    for key in orders:
        event = return_event(Meaning.DELIVERED, order_key=key, retailer=key.split("/")[0])
        yield OutRecord(topics.RETURN_EVENTS.name, key.encode(), event.to_json())


def answering(**statuses: str) -> Answering:
    """By the retailer's id, which is the name of its orders."""

    async def answer(said: Received, writer: asyncio.StreamWriter) -> None:
        order = json.loads(said.body)[0]["OrderNo"].lower()
        await status(statuses[order])(said, writer)

    return answer


def forward(cluster: Cluster, answers: Answering, orders: Sequence[str] = (), heard: int = 0) -> list[Received]:
    """Have these happen, run the agent until the hook has heard so much, and let it go on to commit the answers."""

    async def work() -> list[Received]:
        async with receiver(answers) as hook:
            known = [retailer(name, hook=hook.url) for name in ("acme", "bolt", "cord")]
            await write(cluster, differences(known, await read_all(cluster)))
            await append(cluster, happened(*orders))
            async with running(cluster, tracking_forward(POLICY)):
                await eventually(lambda: len(hook.received) >= heard, f"the hook has heard {heard}")
            return hook.received

    return event_loop.run(work())


def lines(command: Command, *arguments: str) -> list[dict[str, Any]]:
    outcome = command("deliveries", *arguments, "--json")
    assert outcome.code == 0, outcome
    return [json.loads(line) for line in outcome.out.splitlines()]


def totals(command: Command) -> dict[str, tuple[int, int, int, int]]:
    rows = [row for row in lines(command, "list") if row["kind"] == "totals"]
    return {row["retailer"]: (row["owed"], row["failing"], row["given_up"], row["delivered"]) for row in rows}


@pytest.mark.usefixtures("installed")
def test_what_is_owed_is_seen_and_what_was_given_up_is_sent_once_more(command: Command, cluster: Cluster) -> None:
    answers = answering(acme="422 No", bolt="503 Down", cord="200 OK")
    # acme: the first of two milestones, thrice; bolt: the same; cord: both, once each.
    first = forward(cluster, answers, ["acme/ACME", "bolt/BOLT", "cord/CORD"], heard=3 + 3 + 2)

    assert totals(command) == {"acme": (1, 0, 1, 0), "bolt": (1, 1, 0, 0), "cord": (0, 0, 0, 2)}
    failing = _list_and_show(command)
    _ask(command, failing)
    again = forward(cluster, answering(acme="200 OK", bolt="503 Down"), heard=2)

    refused = {told(each) for each in first if "ACME" in str(each.body)}
    assert {told(again[0])} == refused
    assert [told(each)[1] for each in again] == ["RT", "RDTPF"]
    assert totals(command)["acme"] == (0, 0, 0, 2)
    outcome = command("deliveries", "replay", "acme", "R1", "--yes")
    assert "asked for: 2" in outcome.out
    assert [told(each) for each in forward(cluster, answering(acme="200 OK"), heard=2)] == list(map(told, again))


def told(received: Received) -> tuple[str, str]:
    return received.headers["webhook-id"], json.loads(received.body)[0]["Code"]


def _list_and_show(command: Command) -> str:
    """The id of the one that is failing."""
    rows = [row for row in lines(command, "list", "--retailer", "bolt") if row["kind"] == "delivery"]
    assert [(row["state"], row["code"], row["attempt"]) for row in rows] == [("failing", "RT", 3), ("owed", "RDTPF", 0)]
    assert rows[0]["last"]["status"] == 503
    failing = str(rows[0]["delivery_id"])
    text = command("deliveries", "list").out
    assert "HTTP 503" in text
    assert text.count("given-up") == 1

    [shown] = lines(command, "show", failing)
    assert [each["status"] for each in shown["attempts"]] == [503] * 3
    assert (shown["owed"], shown["behind"], shown["body"][0]["Code"]) == (True, [rows[1]["delivery_id"]], "RT")
    whole = command("deliveries", "show", "acme", "R1").out
    assert "state     given up, waits for a person with all that is behind it" in whole
    assert "waits for 1 of its order before it: RT" in whole
    assert '"OrderNo": "ACME"' in whole
    return failing


def _ask(command: Command, failing: str) -> None:
    since = ("replay", "--retailer", "acme", "--since", "1h")
    assert command("deliveries", *since, answer="n\n").code == 1
    outcome = command("deliveries", *since, answer="y\n")
    assert "Send these 1 updates, of 1 orders, once more?" in outcome.out
    assert "asked for: 1" in outcome.out
    outcome = command("deliveries", *since, "--yes")
    assert (outcome.code, outcome.out) == (0, "nothing to send again\n")
    assert "1 left out: it was asked for already" in outcome.err
    assert command("deliveries", "replay", failing).err.startswith(f"error: delivery {failing} is owed still")
    assert command("deliveries", "replay", "nobody").code == 78


async def _expire(cluster: Cluster) -> None:
    """As retention does it, after 30 days."""
    topic = cluster.name(topics.TRACKING_DELIVERIES.name)
    everything = RecordsToDelete(before_offset=-1)
    async with admin(cluster.options["bootstrap_servers"]) as client:
        await client.delete_records({TopicPartition(topic, partition): everything for partition in range(2)})


@pytest.mark.usefixtures("installed")
def test_what_waits_for_a_person_can_be_sent_when_its_attempts_are_kept_no_longer(
    command: Command, cluster: Cluster
) -> None:
    first = forward(cluster, answering(acme="422 No", bolt="422 No"), ["acme/ACME", "bolt/BOLT"], heard=6)
    [refused] = {told(each) for each in first if "ACME" in str(each.body)}
    event_loop.run(_expire(cluster))

    assert totals(command) == {"acme": (1, 0, 1, 0), "bolt": (1, 0, 1, 0)}
    assert (
        "nothing to send again" in command("deliveries", "replay", "--retailer", "bolt", "--since", "1h", "--yes").out
    )
    assert "asked for: 1" in command("deliveries", "replay", "--retailer", "bolt", "--since", "90d", "--yes").out
    assert "asked for: 1" in command("deliveries", "replay", refused[0], "--yes").out
    again = forward(cluster, answering(acme="200 OK", bolt="200 OK"), heard=4)

    assert next(told(each) for each in again if "ACME" in str(each.body)) == refused
    assert [told(each)[1] for each in again if "BOLT" in str(each.body)] == ["RT", "RDTPF"]
    assert totals(command) == {"acme": (0, 0, 0, 2), "bolt": (0, 0, 0, 2)}


@pytest.mark.usefixtures("installed")
def test_since_reads_nothing_that_is_older(cluster: Cluster) -> None:
    now, topic = datetime.now(UTC), topics.TRACKING_DELIVERIES.name

    async def write() -> None:
        async with AIOKafkaProducer(**cluster.options) as producer:
            for age in (timedelta(days=9), timedelta(days=3), timedelta(hours=2)):
                at = int((now - age).timestamp() * 1000)
                await producer.send_and_wait(cluster.name(topic), b"{}", b"acme/1", timestamp_ms=at)

    async def read(since: datetime | None) -> int:
        return sum([len(rows) async for rows in read_rows(cluster, topic, since=since)])

    event_loop.run(write())
    ages = (None, timedelta(days=10), timedelta(days=4), timedelta(days=1), timedelta(hours=1))
    assert [event_loop.run(read(None if age is None else now - age)) for age in ages] == [3, 3, 2, 1, 0]


REFUSED = [
    (["show", "nobody"], "no delivery 'nobody' is owed, and none has ended within 30 days"),
    (["show", "acme", "R9"], "no delivery of acme names return 'R9'"),
    (["show", "a", "b", "c"], "say which: a delivery's id, or RETAILER RMA"),
    (["replay"], "say which: a delivery's id, RETAILER RMA, or --retailer with --since"),
    (["replay", "--retailer", "acme"], "--retailer and --since belong together"),
    (["replay", "x", "--state", "owed"], "what is owed is sent by itself"),
    (["replay", "--retailer", "acme", "--since", "1d"], "no retailer 'acme' is in force; there are: none"),
    (["list", "--since", "soon"], "'soon' is no time: say 90m, 12h, 3d"),
    (["list", "--retailer", "acme", "--since", "1969-12-31"], "no retailer 'acme' is in force; there are: none"),
    (["list", "--retailer", "acme"], "no retailer 'acme' is in force; there are: none"),
]


def test_what_cannot_be_done_is_one_line_with_the_remedy(command: Command, installed: None) -> None:
    for arguments, told in REFUSED:
        outcome = command("deliveries", *arguments)

        assert outcome.code == 78
        [line] = outcome.err.splitlines()
        assert told in line
