"""A Kafka in memory and rows on disk for the tests of the engine."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from streams.engine.rocks import RocksStorage
from streams.engine.runner import AgentRunner
from tests.unit.engine.fake_kafka import FakeKafka


@pytest.fixture
def kafka(monkeypatch: pytest.MonkeyPatch) -> FakeKafka:
    """In the place of the engine's consumers and producers."""
    return FakeKafka().install(monkeypatch)


@pytest.fixture
def topics_are_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a runner looks for."""

    async def all_there(self: AgentRunner) -> None:
        await asyncio.sleep(0)

    monkeypatch.setattr(AgentRunner, "_check_topics", all_there)


@pytest.fixture
def storage(tmp_path: Path) -> RocksStorage:
    """Rows on disk."""
    return RocksStorage(tmp_path, "live.")


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Where that keeps those of partition 3 of the agent `toy`."""
    return tmp_path / "live.toy" / "3"
