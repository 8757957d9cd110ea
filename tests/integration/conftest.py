"""A small installation on the shared broker for each test, and its commands."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from streams.engine.kafka import Cluster
from tests.command_line import Outcome, returnstreams

Command = Callable[..., Outcome]


@pytest.fixture
def environment(kafka: str, topic_prefix: str) -> dict[str, str]:
    """The settings of a small installation of its own on the shared broker."""
    return {
        "KAFKA__BOOTSTRAP_SERVERS": kafka,
        "KAFKA__TOPIC_PREFIX": topic_prefix,
        "TOPICS__PARTITIONS": "2",
        "TOPICS__REPLICATION": "1",
        "TOPICS__MIN_INSYNC": "1",
        "HASH_KEY": "a key for the tests",
        "LOG__FORMAT": "json",
    }


@pytest.fixture
def cluster(environment: dict[str, str]) -> Cluster:
    """Where it is."""
    return Cluster({"bootstrap_servers": environment["KAFKA__BOOTSTRAP_SERVERS"]}, environment["KAFKA__TOPIC_PREFIX"])


@pytest.fixture
def command(environment: dict[str, str]) -> Command:
    """Runs a command in this installation."""

    def run(*arguments: str, answer: str = "", **settings: str) -> Outcome:
        return returnstreams(*arguments, answer=answer, **{**environment, **settings})

    return run


@pytest.fixture
def installed(command: Command) -> None:
    """The topics are there."""
    assert command("topics", "apply", "--yes").code == 0
