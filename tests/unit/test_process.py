"""What a process makes of its settings before anything runs."""

from __future__ import annotations

from pathlib import Path

from producers.settings import KafkaSettings
from streams.engine.keyvalue import MemoryKeyValue
from streams.process import storage
from streams.settings import Settings


def test_rows_are_in_memory_unless_there_is_a_directory_for_them() -> None:
    assert isinstance(storage(Settings())("order-table", 0), MemoryKeyValue)


def test_rows_on_disk_lie_under_prefix_agent_and_partition(tmp_path: Path) -> None:
    rows = storage(Settings(state_dir=tmp_path, kafka=KafkaSettings(topic_prefix="live.")))("order-table", 7)
    rows.apply({"orders": {"acme/1": b"{}"}}, {})
    rows.close()

    assert (tmp_path / "live.order-table" / "7" / "task.json").is_file()
