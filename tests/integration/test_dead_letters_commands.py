"""`dead-letters` against a real broker: what it shows, what it sends again and to whom, and how a task goes on."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
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
from producers.messages import Kept
from streams.agents.return_rules import AGENT as RETURN_RULES
from streams.engine import dead_letters
from streams.engine.errors import Undecodable
from streams.engine.global_table import GlobalTable
from streams.engine.kafka import Cluster, append, reading
from streams.engine.limits import Limits
from streams.engine.options import RunnerOptions
from streams.engine.records import OutRecord, Record
from streams.engine.runner import AgentRunner
from tests.builders import upload
from tests.integration.conftest import Command
from tests.integration.test_commands import agents, free_port, ready, up
from tests.waiting import eventually, wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.usefixtures("installed")]

WHEN_MS = int(time.time() * 1000) - 3_600_000
VALUE = b'{"rma": "R1", "odd": "\\u001b[2J"}'
CAME = Record(
    "return-uploads", 1, 133, WHEN_MS, b"acme/1001", VALUE, (("ce_id", b"u1"), ("x", b"\xff\x1b"), ("dl_mine", b"1"))
)


@pytest.fixture
def cluster(environment: dict[str, str]) -> Cluster:
    return Cluster({"bootstrap_servers": environment["KAFKA__BOOTSTRAP_SERVERS"]}, environment["KAFKA__TOPIC_PREFIX"])


def bury(cluster: Cluster, *buried: tuple[str, Record, Exception]) -> None:
    """Letters as agents write them; the first of a topic has the offset 0."""
    asyncio.run(append(cluster, [dead_letters.letter(*each) for each in buried]))


def records(cluster: Cluster, topic: str, count: int) -> list[Record]:
    """Everything in a topic once so many are there: a transaction is over a moment before readers see it."""

    async def read() -> list[Record]:
        found: list[Record] = []
        async with asyncio.timeout(30), reading(cluster) as reader:
            await reader.assign({(topic, p): None for p in await reader.partitions(topic)})
            while len(found) < count:
                found += await reader.fetch(0.2)
            return found + await reader.fetch(0.2)

    return asyncio.run(read())


def listed(command: Command, *options: str) -> list[dict[str, Any]]:
    outcome = command("dead-letters", "list", "--json", *options)
    assert outcome.code == 0, outcome
    return [json.loads(line) for line in outcome.out.splitlines()]


def in_states(command: Command, *states: str) -> None:
    """Until all letters, dropped ones among them, are in these states."""

    def now() -> list[str]:
        return [row["state"] for row in listed(command, "--dropped")]

    wait_until(lambda: now() == list(states), 10, f"letters are {states}")


class TestList:
    @pytest.fixture(autouse=True)
    def _buried(self, installed: None, cluster: Cluster) -> None:
        bury(
            cluster,
            ("return-rules", CAME, KeyError("x")),
            ("return-rules", CAME._replace(key=b"acme/1002", offset=134), Undecodable("[bold] not a key")),
            ("carrier-scans", CAME._replace(topic="carrier-events", key=None), Undecodable("no key")),
        )
        kept = Kept("unknown_shop", "no retailer has this shop", sender="shopify").message_of(b"{}", "k")
        asyncio.run(append(cluster, [OutRecord(kept.topic.name, b"k", kept.value, kept.headers)]))

    def test_all_of_all_agents_and_of_the_door(self, command: Command) -> None:
        outcome = command("dead-letters", "list")
        assert outcome.code == 0
        _, *rows = outcome.out.splitlines()
        assert len(rows) == 4
        shown = "\n".join(rows)
        assert "return-uploads[1]@133" in shown
        assert "[bold] not a key" in shown
        assert "shopify at the door" in shown
        assert "unknown_shop" in shown

    def test_filters(self, command: Command) -> None:
        assert [row["offset"] for row in listed(command, "--agent", "return-rules")] == [0, 1]
        assert [row["kind"] for row in listed(command, "--agent", "ingress")] == ["refused"]
        assert [row["error"] for row in listed(command, "--kind", "bug")] == ["KeyError"]
        assert [row["agent"] for row in listed(command, "--error", "Undecodable")] == ["return-rules", "carrier-scans"]
        assert [row["record_offset"] for row in listed(command, "--key", "acme/1002")] == [134]
        assert len(listed(command, "--since", "1h")) == 4
        assert listed(command, "--since", "2099-01-01") == []

    def test_the_newest_within_the_limit_and_how_many_there_are(self, command: Command) -> None:
        outcome = command("dead-letters", "list", "--limit", "1", "--json")
        assert len(outcome.out.splitlines()) == 1
        assert json.loads(outcome.out)["agent"] == "ingress"
        assert "3 older ones are not shown; --limit 4" in outcome.err

    def test_nothing_like_that(self, command: Command) -> None:
        assert command("dead-letters", "list", "--key", "nobody").out == "no dead letters like that\n"

    @pytest.mark.parametrize(
        ("arguments", "told"),
        [
            (
                ["list", "--agent", "return-rule"],
                "no agent 'return-rule'; there are: order-table, order-reconcile, return-",
            ),
            (["list", "--since", "yesterday"], "'yesterday' is no time: say 90m"),
            (["show", "return-rules", "7"], "no letter 7 of return-rules"),
            (["drop", "return-rules", "7", "8"], "no letter 7, 8 of return-rules"),
            (["replay", "return-rules"], "say which letters: their offsets, or --all"),
            (["replay", "return-rules", "1", "--kind", "bug"], "--kind and --error choose among --all"),
            (["resume", "return-rules", "1"], "partition 1 of return-rules is not paused; paused are: none"),
        ],
    )
    def test_what_cannot_be_done_is_one_line_with_the_remedy(
        self, command: Command, arguments: list[str], told: str
    ) -> None:
        outcome = command("dead-letters", *arguments)
        assert outcome.code == 78
        [line] = outcome.err.splitlines()
        assert told in line


class TestShow:
    def test_everything_and_nothing_that_a_terminal_would_obey(self, command: Command, cluster: Cluster) -> None:
        bury(cluster, ("return-rules", CAME, KeyError("x")))
        shown = command("dead-letters", "show", "return-rules", "0").out
        for line in (
            "letter 0 of return-rules, open",
            "record   return-uploads[1]@133, of 20",
            "kind     bug",
            "error    KeyError",
            "attempt  1",
            "key      acme/1001",
            "  ce_id: u1",
            "  x: \\xff\\x1b",
            "  dl_mine: 1",
            '  "rma": "R1"',
        ):
            assert line in shown
        assert "\x1b" not in shown

    @pytest.mark.parametrize(
        ("value", "told"),
        [(b"\xff\x00" * 1000, "ff 00 ff 00"), (b"plain {", "plain {"), (None, "no value")],
        ids=["bytes", "text", "null"],
    )
    def test_a_value_that_is_no_json(self, command: Command, cluster: Cluster, value: bytes | None, told: str) -> None:
        bury(cluster, ("return-rules", CAME._replace(value=value), Undecodable("no")))
        assert told in command("dead-letters", "show", "return-rules", "0").out

    def test_raw_is_the_bytes_and_nothing_else(self, environment: dict[str, str], cluster: Cluster) -> None:
        value = b"\xff\x00\r\n{"
        bury(cluster, ("return-rules", CAME._replace(value=value), Undecodable("no")))
        command = [sys.executable, "-m", "streams.cli", "dead-letters", "show", "return-rules", "0", "--raw"]
        settings = {f"RETURNSTREAMS_{name}": text for name, text in environment.items()}
        outcome = subprocess.run(command, env={**os.environ, **settings}, capture_output=True, timeout=60, check=True)
        assert outcome.stdout == value


class TestReplay:
    def test_the_record_as_it_came_for_the_one_agent_that_failed(self, command: Command, cluster: Cluster) -> None:
        bury(cluster, ("return-rules", CAME, KeyError("x")))
        outcome = command("dead-letters", "replay", "return-rules", "0", answer="y\n")
        assert outcome.code == 0
        assert "sent again: 1" in outcome.out

        (sent,) = records(cluster, "return-uploads", 1)
        assert (sent.partition, sent.key, sent.value, sent.timestamp_ms) == (1, CAME.key, VALUE, WHEN_MS)
        came, again = dead_letters.split_replay(sent.headers)
        assert came == CAME.headers
        assert again == dead_letters.Replay(of=0, attempt=1, agent="return-rules")
        in_states(command, "replayed")

    def test_a_second_time_only_when_told_so(self, command: Command, cluster: Cluster) -> None:
        bury(cluster, ("return-rules", CAME, KeyError("x")))
        command("dead-letters", "replay", "return-rules", "0", "--yes")
        in_states(command, "replayed")
        once = command("dead-letters", "replay", "return-rules", "0", "--yes")
        assert once.code == 78
        assert "0 (replayed); --again" in once.err
        assert command("dead-letters", "replay", "return-rules", "--all", "--yes").out == "no letters to send again\n"
        assert len(records(cluster, "return-uploads", 1)) == 1

        assert command("dead-letters", "replay", "return-rules", "0", "--again", "--yes").code == 0
        assert len(records(cluster, "return-uploads", 2)) == 2

    def test_without_a_yes_nothing_is_sent(self, command: Command, cluster: Cluster) -> None:
        bury(cluster, ("return-rules", CAME, KeyError("x")))
        assert command("dead-letters", "replay", "return-rules", "0", answer="n\n").code == 1
        assert records(cluster, "return-uploads", 0) == []
        in_states(command, "open")

    def test_all_of_a_kind_and_what_cannot_be_sent_is_left_out_with_its_reason(
        self, command: Command, cluster: Cluster
    ) -> None:
        bury(
            cluster,
            ("return-rules", CAME, KeyError("x")),
            ("return-rules", CAME, Undecodable("no")),
            ("return-rules", CAME._replace(topic="orders"), KeyError("x")),
            ("return-rules", CAME._replace(topic="$timer.hold", offset=-1), KeyError("x")),
        )
        outcome = command("dead-letters", "replay", "return-rules", "--all", "--kind", "bug", "--yes")
        assert "sent again: 1" in outcome.out
        assert "letter 2 is left out: orders keeps the newest row of each key" in outcome.err
        assert "letter 3 is left out: it stands for a timer, which fires again by itself" in outcome.err
        in_states(command, "replayed", "open", "open", "open")

        refused = command("dead-letters", "replay", "return-rules", "2", "--yes")
        assert refused.code == 78
        assert "have order-table write the row anew" in refused.err

    def test_what_the_door_refused_must_be_sent_by_its_sender(self, command: Command, cluster: Cluster) -> None:
        kept = Kept("unknown_shop", "no retailer has this shop", sender="shopify").message_of(b"{}", "k")
        asyncio.run(append(cluster, [OutRecord(kept.topic.name, b"k", kept.value, kept.headers)]))
        refused = command("dead-letters", "replay", "ingress", "0", "--yes")
        assert refused.code == 78
        assert "have its sender send it again" in refused.err

    def test_a_record_older_than_its_topic_keeps_is_not_written_to_be_deleted(
        self, command: Command, cluster: Cluster
    ) -> None:
        old = WHEN_MS - 19 * topics.DAY_MS
        bury(cluster, ("return-rules", CAME._replace(timestamp_ms=old), KeyError("x")))
        outcome = command("dead-letters", "replay", "return-rules", "0", "--yes")
        assert outcome.code == 0, outcome
        (sent,) = records(cluster, "return-uploads", 1)
        assert sent.timestamp_ms > time.time() * 1000 - 13.1 * topics.DAY_MS


class TestDrop:
    def test_a_dropped_letter_is_hidden_and_kept(self, command: Command, cluster: Cluster) -> None:
        bury(cluster, ("return-rules", CAME, KeyError("x")))
        assert "dropped: 1" in command("dead-letters", "drop", "return-rules", "0", answer="y\n").out

        in_states(command, "dropped")
        assert listed(command) == []
        assert "nothing to do" in command("dead-letters", "drop", "return-rules", "0", "--yes").out
        assert "letter 0 of return-rules, dropped" in command("dead-letters", "show", "return-rules", "0").out


# --- a paused task ----------------------------------------------------------------------------------------------------


async def _pause(cluster: Cluster) -> None:
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
        wait_until(lambda: up(port) and len(_paused(port)) == 2, 60, "both tasks stand still")
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
        asyncio.run(_pause(cluster))
    assert (
        "return-rules[0] is paused (2 failures in a row); once mended: returnstreams"
        in command("dead-letters", "list").err
    )
    with paused_process(environment, tmp_path) as port:
        assert _paused(port) == dict.fromkeys("01", "2 failures in a row, at last ZeroDivisionError")
        assert command("dead-letters", "resume", "return-rules", answer="n\n").code == 1

        one = command("dead-letters", "resume", "return-rules", "1", answer="y\n")
        assert "return-rules[1] goes on" in one.out
        wait_until(lambda: list(_paused(port)) == ["0"], 10, "only one stands still")
        assert "return-rules[0] goes on" in command("dead-letters", "resume", "return-rules", "--yes").out
        wait_until(lambda: httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200, 30, "ready")
    assert command("dead-letters", "resume", "return-rules", "--yes").out == "no task of return-rules is paused\n"


def test_what_is_resumed_while_nobody_runs_it_goes_on_later(
    command: Command, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("streams.cli.dead_letters.RESUME_TIMEOUT_S", 0.1)
    with capture_logs():
        asyncio.run(_pause(cluster))
    outcome = command("dead-letters", "resume", "return-rules", "0", "--yes")
    assert "return-rules[0] will go on when a process runs it" in outcome.out
