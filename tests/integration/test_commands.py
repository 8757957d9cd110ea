"""The commands against real brokers: topics, retailers, a look inside, and a process of agents from start to stop."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import httpx
import pytest

from contracts import topics
from streams.wiring import AGENTS
from tests.command_line import Outcome
from tests.integration.conftest import Command
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka

# The catalogue, a changelog for each agent, dead letters for each agent and the ingress.
TOPICS = len(topics.CATALOGUE) + len(AGENTS) + len(AGENTS) + 1
RETAILERS = """\
retailers:
  - id: acme
    name: Acme [EU]
    portal: omnireturns
    shopify: {shop: acme.myshopify.com}
    return_action: first_scan
"""
BERGWERK = """\
  - id: bergwerk
    name: Bergwerk
    portal: loop
    shopify: {shop: bergwerk.myshopify.com}
"""


@pytest.fixture
def apply(command: Command, tmp_path: Path) -> Callable[[str], Outcome]:
    """Writes a retailers file and applies it."""

    def write_and_apply(text: str) -> Outcome:
        file = tmp_path / "retailers.yaml"
        file.write_text(text)
        return command("retailers", "apply", str(file), "--yes")

    return write_and_apply


class TestTopics:
    def test_plan_then_apply_then_nothing_left_to_do(self, command: Command) -> None:
        planned = command("topics", "plan")
        assert planned.code == 0
        assert f"{TOPICS} to do, 0 as they should be" in planned.out

        assert command("topics", "apply", "--yes").code == 0

        assert f"0 to do, {TOPICS} as they should be" in command("topics", "plan").out
        again = command("topics", "apply")  # asks nothing, for there is nothing to ask
        assert again.code == 0
        assert "done" not in again.out

    def test_without_a_yes_nothing_happens(self, command: Command) -> None:
        assert command("topics", "apply", answer="n\n").code == 1
        assert f"{TOPICS} to do" in command("topics", "plan").out

    @pytest.mark.usefixtures("installed")
    def test_another_partition_count_is_refused_with_both_ways_out(self, command: Command) -> None:
        refused = command("topics", "apply", "--yes", TOPICS__PARTITIONS="3")
        assert refused.code == 78
        assert "RETURNSTREAMS_TOPICS__PARTITIONS=2" in refused.err
        assert "new prefix" in refused.err
        assert f"0 to do, {TOPICS} as they should be" in command("topics", "plan").out

    @pytest.mark.usefixtures("installed")
    def test_config_check_says_that_all_is_well_or_what_to_run(self, command: Command) -> None:
        assert "brokers answer" in command("config", "check").out
        wrong = command("config", "check", TOPICS__PARTITIONS="3")
        assert wrong.code == 78
        assert "returnstreams topics plan" in wrong.err


class TestRetailers:
    @pytest.mark.usefixtures("installed")
    def test_applying_twice_changes_nothing_the_second_time(self, apply: Callable[[str], Outcome]) -> None:
        first = apply(RETAILERS + BERGWERK)
        assert first.code == 0
        assert "+ acme Acme [EU]: omnireturns, first_scan" in first.out
        assert "applied: acme (version 1), bergwerk (version 1)" in first.out

        assert apply(RETAILERS + BERGWERK).out == "2 retailers are already as the file says\n"

    @pytest.mark.usefixtures("installed")
    def test_a_change_is_a_new_version_for_later_returns(
        self, command: Command, apply: Callable[[str], Outcome]
    ) -> None:
        apply(RETAILERS + BERGWERK)
        changed = apply(RETAILERS.replace("first_scan", "processing"))

        assert "~ acme version 1 -> 2" in changed.out
        assert 'return_action: "first_scan" -> "processing"' in changed.out
        assert "Returns already uploaded keep the settings they were uploaded under" in changed.out
        shown = command("retailers", "show").out
        rows = {line.split()[0]: line for line in shown.splitlines()}
        assert "processing" in rows["acme"]
        assert "Acme [EU]" in rows["acme"]
        assert rows["acme"].split()[-1] == "2"
        assert rows["bergwerk"].split()[-1] == "1"  # not in the second file, and left alone

    @pytest.mark.usefixtures("installed")
    def test_a_change_that_is_live_at_once_says_nothing_of_later_returns(self, apply: Callable[[str], Outcome]) -> None:
        apply(RETAILERS)
        hooked = apply(RETAILERS + '    hook: {url: "https://acme.example/hook"}\n')
        assert "version 1 -> 2" in hooked.out
        assert "Returns already uploaded" not in hooked.out

    @pytest.mark.usefixtures("installed")
    def test_two_retailers_with_one_shop_are_refused_even_in_two_files(
        self, command: Command, apply: Callable[[str], Outcome]
    ) -> None:
        apply(RETAILERS)
        refused = apply("retailers:\n" + BERGWERK.replace("bergwerk.myshopify", "acme.myshopify"))
        assert refused.code == 78
        assert "'acme' and 'bergwerk' would have the same shop 'acme.myshopify.com'" in refused.err
        assert "bergwerk" not in command("retailers", "show").out

    @pytest.mark.usefixtures("installed")
    def test_diff_tells_what_apply_would_do_and_does_nothing(
        self, command: Command, apply: Callable[[str], Outcome], tmp_path: Path
    ) -> None:
        apply(RETAILERS + BERGWERK)
        file = tmp_path / "next.yaml"
        file.write_text(RETAILERS.replace("first_scan", "processing"))
        for _ in range(2):  # the first one has changed nothing
            differs = command("retailers", "diff", str(file))
            assert differs.code == 1
            assert "~ acme version 1 -> 2" in differs.out
            assert 'return_action: "first_scan" -> "processing"' in differs.out
            assert "Returns already uploaded keep the settings they were uploaded under" in differs.out
            assert "not in the file, and left alone: bergwerk" in differs.out

        file.write_text(RETAILERS + BERGWERK)
        same = command("retailers", "diff", str(file))
        assert (same.code, same.out) == (0, "2 retailers are already as the file says\n")

        file.write_text("retailers: [")
        assert command("retailers", "diff", str(file)).code == 78

    @pytest.mark.usefixtures("installed")
    def test_all_of_one_retailer_is_shown(self, command: Command, apply: Callable[[str], Outcome]) -> None:
        apply(RETAILERS + BERGWERK)

        shown = json.loads(command("retailers", "show", "acme").out)
        assert (shown["name"], shown["return_action"], shown["version"]) == ("Acme [EU]", "first_scan", 1)
        unknown = command("retailers", "show", "acne")
        assert unknown.err == "error: no retailer 'acne' is in force; there are: acme, bergwerk; near: acme\n"

    def test_without_topics_the_remedy_is_named(self, command: Command, apply: Callable[[str], Outcome]) -> None:
        for outcome in (apply(RETAILERS), command("retailers", "show")):
            assert outcome.code == 78
            assert "returnstreams topics apply" in outcome.err

    @pytest.mark.usefixtures("installed")
    def test_no_retailers_yet(self, command: Command) -> None:
        assert "no retailers yet" in command("retailers", "show").out


class TestTail:
    @pytest.mark.usefixtures("installed")
    def test_a_record_is_a_line_of_json(self, command: Command, apply: Callable[[str], Outcome]) -> None:
        apply(RETAILERS + BERGWERK)
        outcome = command("topics", "tail", "retailers")

        assert outcome.code == 0
        lines = [json.loads(line) for line in outcome.out.splitlines()]
        assert [line["key"] for line in lines] == ["acme", "bergwerk"]
        assert [line["offset"] for line in lines] == [0, 1]
        assert lines[0]["value"]["name"] == "Acme [EU]"
        assert lines[0]["headers"]["ce_type"] == "com.returnstreams.retailer.applied.v1"

    @pytest.mark.usefixtures("installed")
    def test_an_empty_topic_has_no_lines(self, command: Command) -> None:
        assert command("topics", "tail", "orders").out == ""

    @pytest.mark.usefixtures("installed")
    def test_a_topic_that_is_not_there_is_named(self, command: Command) -> None:
        outcome = command("topics", "tail", "order")
        assert outcome.code == 78
        assert "there is no topic" in outcome.err


# --- a process of agents --------


class TestRun:
    @pytest.mark.usefixtures("installed")
    def test_it_gets_ready_and_leaves_when_told(self, environment: dict[str, str], tmp_path: Path) -> None:
        port = free_port()
        with agents({**environment, "HEALTH__PORT": str(port)}, tmp_path) as (process, log):
            wait_until(lambda: ready(port, process, log), "/readyz says 200")
            state = httpx.get(f"http://127.0.0.1:{port}/readyz").json()
            # What reads the retailers alone has their one partition.
            assert {name: agent["partitions"] for name, agent in state["agents"].items()} == {
                key: [0, 1] for key in AGENTS
            } | {"order-reconcile": [0]}
            assert httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
            assert "returnstreams_rebalances_total" in httpx.get(f"http://127.0.0.1:{port}/metrics").text

            assert ended(process) == 0
        lines = [json.loads(line) for line in log.read_text().splitlines()]
        assert {line["action"] for line in lines} >= {"agent_joined", "task_ready", "agent_left"}

    def test_without_topics_it_says_what_to_run(self, environment: dict[str, str], tmp_path: Path) -> None:
        with agents(environment, tmp_path) as (process, log):
            assert process.wait(30) == 78
        last = log.read_text().splitlines()[-1]
        assert last.startswith("error: ")
        assert "returnstreams topics apply" in last

    def test_without_a_broker_it_waits_and_can_still_be_told_to_leave(
        self, environment: dict[str, str], tmp_path: Path
    ) -> None:
        port = free_port()
        settings = {**environment, "KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:1", "HEALTH__PORT": str(port)}
        with agents(settings, tmp_path) as (process, log):
            wait_until(lambda: "broker_wait" in log.read_text() and up(port), "it waits for a broker")
            assert httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 503
            assert ended(process) == 0


@contextmanager
def agents(settings: dict[str, str], folder: Path) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """`returnstreams run all` as a process of its own, and the file that its stderr goes to."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("RETURNSTREAMS_")}
    ours = {f"RETURNSTREAMS_{name}": value for name, value in settings.items()}
    path = folder / "stderr"
    with path.open("wb") as stderr:
        process = start(plain | ours, stderr)
        try:
            yield process, path
        finally:
            process.kill()
            process.wait()


def start(environ: dict[str, str], stderr: IO[bytes]) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "streams.cli", "run", "all"], env=environ, stderr=stderr)


def ready(port: int, process: subprocess.Popen[bytes], log: Path) -> bool:
    assert process.poll() is None, log.read_text()
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200
    except httpx.TransportError:
        return False


def up(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/healthz").status_code == 200
    except httpx.TransportError:
        return False


def ended(process: subprocess.Popen[bytes]) -> int:
    """Its exit code after SIGTERM, within ten seconds."""
    began = time.monotonic()
    process.send_signal(signal.SIGTERM)
    code = process.wait(10)
    assert time.monotonic() - began < 10
    return code


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port
