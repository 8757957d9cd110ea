"""Logs: JSON for machines, ours and the libraries' alike, on stderr alone."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from producers.logs import REPEATED_EVERY_S, configure


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", list(root.handlers))
    level = root.level
    yield
    root.setLevel(level)
    structlog.reset_defaults()


def test_ours_and_the_clients_lines_are_json_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    configure("json")
    structlog.get_logger().info("task runs", action="task_ready", partition=3)
    logging.getLogger("aiokafka.conn").warning("connection %s lost", "a:1")
    logging.getLogger("aiokafka.conn").info("not heard")
    out, err = capsys.readouterr()

    assert out == ""
    ours, theirs = map(json.loads, err.splitlines())
    assert (ours["event"], ours["action"], ours["partition"], ours["level"]) == ("task runs", "task_ready", 3, "info")
    assert (theirs["event"], theirs["action"], theirs["logger"]) == ("connection a:1 lost", "library", "aiokafka.conn")
    assert theirs["level"] == "warning"
    assert theirs["timestamp"].endswith("Z")


def test_an_exception_is_one_line_of_json(capsys: pytest.CaptureFixture[str]) -> None:
    configure("json")
    for logger in (structlog.get_logger(), logging.getLogger("library")):
        try:
            raise ValueError("broken")
        except ValueError:
            logger.exception("it broke")
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert len(lines) == 2
    assert all("ValueError: broken" in line["exception"] for line in lines)


def test_a_library_that_says_the_same_over_and_over_is_heard_seldom(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    configure("json")
    client, now = logging.getLogger("aiokafka.conn"), 1000.0
    monkeypatch.setattr("logging.time.time", lambda: now)
    monkeypatch.setattr("logging.time.time_ns", lambda: int(now * 1e9), raising=False)
    for number in range(500):
        client.warning("node %s is away", number)
    client.warning("something else")
    now += REPEATED_EVERY_S
    client.warning("node %s is away", 500)

    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert [line["event"] for line in lines] == ["node 0 is away", "something else", "node 500 is away"]
    assert [line.get("silenced") for line in lines] == [None, None, 499]


def test_what_we_try_again_each_second_is_heard_seldom(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    configure("json")
    log, now = structlog.get_logger(), 1000.0
    monkeypatch.setattr("producers.logs.time.time", lambda: now)
    for _ in range(3):
        log.warning("no broker yet", action="broker_wait", agent="a")
    log.warning("no broker yet", action="broker_wait", agent="b")
    log.info("said each time", action="hello")
    log.info("said each time", action="hello")
    now += REPEATED_EVERY_S
    log.warning("no broker yet", action="broker_wait", agent="a")

    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    told = [(line["action"], line.get("agent"), line.get("silenced")) for line in lines]
    assert told == [
        ("broker_wait", "a", None),
        ("broker_wait", "b", None),
        ("hello", None, None),
        ("hello", None, None),
        ("broker_wait", "a", 2),
    ]


def test_setting_up_twice_says_nothing_twice(capsys: pytest.CaptureFixture[str]) -> None:
    configure("json", libraries=logging.CRITICAL)
    configure("json")
    logging.getLogger("aiokafka").warning("once")
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_what_is_no_terminal_gets_json(capsys: pytest.CaptureFixture[str]) -> None:
    configure()
    structlog.get_logger().info("hello", action="hello")
    assert json.loads(capsys.readouterr().err)["action"] == "hello"


def test_people_get_text(capsys: pytest.CaptureFixture[str]) -> None:
    configure("console")
    structlog.get_logger().info("hello", action="hello")
    assert "hello" in capsys.readouterr().err


def test_a_traceback_for_people_shows_no_variables(capsys: pytest.CaptureFixture[str]) -> None:
    configure("console")
    address = "".join(("1 Hu", "sh Street"))
    try:
        raise ValueError(len(address))
    except ValueError:
        structlog.get_logger().exception("it broke", action="broken")
    told = capsys.readouterr().err
    assert "ValueError: 13" in told
    assert "locals" not in told
    assert "Hush" not in told


def test_a_command_writes_no_log_of_what_goes_well(capsys: pytest.CaptureFixture[str]) -> None:
    configure("json", ours=logging.WARNING, libraries=logging.CRITICAL)
    structlog.get_logger().info("producer started", action="producer_started")
    structlog.get_logger().warning("subscriptions could not be audited", action="subscription_audit_failed")

    assert [json.loads(line)["action"] for line in capsys.readouterr().err.splitlines()] == [
        "subscription_audit_failed"
    ]
