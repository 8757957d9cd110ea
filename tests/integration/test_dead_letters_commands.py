"""`dead-letters` against a real broker: what it shows, what it sends again and to whom, and what it drops."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
from typing import Any

import pytest

from contracts import topics
from producers.messages import Kept
from streams import event_loop
from streams.engine import dead_letters
from streams.engine.errors import Undecodable
from streams.engine.kafka import Cluster, append, reading
from streams.engine.records import OutRecord, Record
from tests.integration.conftest import Command
from tests.waiting import wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.usefixtures("installed")]

WHEN_MS = int(time.time() * 1000) - 3_600_000
VALUE = b'{"rma": "R1", "odd": "\\u001b[2J"}'
CAME = Record(
    "return-uploads", 1, 133, WHEN_MS, b"acme/1001", VALUE, (("ce_id", b"u1"), ("x", b"\xff\x1b"), ("dl_mine", b"1"))
)


def bury(cluster: Cluster, *buried: tuple[str, Record, Exception]) -> None:
    """Letters as agents write them; the first of a topic has the offset 0."""
    event_loop.run(append(cluster, [dead_letters.letter(*each) for each in buried]))


def records(cluster: Cluster, topic: str, count: int) -> list[Record]:
    """Everything in a topic once so many are there: a transaction is over a moment before readers see it."""

    async def read() -> list[Record]:
        found: list[Record] = []
        async with asyncio.timeout(30), reading(cluster) as reader:
            await reader.assign({(topic, p): None for p in await reader.partitions(topic)})
            while len(found) < count:
                found += await reader.fetch(0.2)
            return found + await reader.fetch(0.2)

    return event_loop.run(read())


def listed(command: Command, *options: str) -> list[dict[str, Any]]:
    outcome = command("dead-letters", "list", "--json", *options)
    assert outcome.code == 0, outcome
    return [json.loads(line) for line in outcome.out.splitlines()]


def in_states(command: Command, *states: str) -> None:
    """Until all letters, dropped ones among them, are in these states."""

    def now() -> list[str]:
        return [row["state"] for row in listed(command, "--dropped")]

    wait_until(lambda: now() == list(states), f"letters are {states}", 10)


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
        event_loop.run(append(cluster, [OutRecord(kept.topic.name, b"k", kept.value, kept.headers)]))

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
        event_loop.run(append(cluster, [OutRecord(kept.topic.name, b"k", kept.value, kept.headers)]))
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
