"""What a process makes of its settings before anything runs."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from producers.settings import KafkaSettings
from streams.engine.errors import ConfigError
from streams.engine.keyvalue import MemoryKeyValue
from streams.process import storage, until_one_fails_or_all_end
from streams.settings import Settings


def test_rows_are_in_memory_unless_there_is_a_directory_for_them() -> None:
    assert isinstance(storage(Settings())("order-table", 0), MemoryKeyValue)


def test_rows_on_disk_lie_under_prefix_agent_and_partition(tmp_path: Path) -> None:
    rows = storage(Settings(state_dir=tmp_path, kafka=KafkaSettings(topic_prefix="live.")))("order-table", 7)
    rows.apply({"orders": {"acme/1": b"{}"}}, {})
    rows.close()

    assert (tmp_path / "live.order-table" / "7" / "task.json").is_file()


async def test_who_leaves_because_of_one_part_says_of_which_and_why() -> None:
    stop = asyncio.Event()

    async def works() -> None:
        await stop.wait()

    async def fails() -> None:
        raise ConfigError("there is no topic 'orders'")

    with capture_logs() as log, pytest.raises(ConfigError):
        await until_one_fails_or_all_end(
            [asyncio.create_task(works(), name="order-table"), asyncio.create_task(fails(), name="return-rules")],
            [asyncio.create_task(works(), name="retailers")],
            stop,
        )

    [line] = log
    assert (line["action"], line["part"]) == ("process_leaving", "return-rules")
    assert line["error"] == "ConfigError: there is no topic 'orders'"
