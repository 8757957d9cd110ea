"""After a deletion order-table writes for nine days, so that the brokers come to compact what was deleted."""

from __future__ import annotations

from datetime import timedelta

import pytest

from contracts import topics
from streams.agents.disk_sweep import EVERY, NOBODY, TIMES
from streams.agents.order_table import order_table
from streams.engine.driver import AgentTestDriver
from tests.agents.order_table_kit import erase, pipe, table
from tests.builders import HASH_KEY, erasure


@pytest.fixture
def driver() -> AgentTestDriver:
    return AgentTestDriver(order_table(HASH_KEY))


def sweeps(driver: AgentTestDriver, by: timedelta) -> int:
    """How many records of nothing are written in this time."""
    written = driver.advance(by)
    return sum(w.topic == topics.ORDERS.name and (w.key, w.value) == (NOBODY, None) for w in written)


def test_each_time_a_segment_may_close_something_is_written_until_the_tombstone_itself_may_go(
    driver: AgentTestDriver,
) -> None:
    pipe(driver)
    erase(driver, erasure("1"))

    assert sweeps(driver, EVERY - timedelta(seconds=1)) == 0
    assert sweeps(driver, timedelta(seconds=1)) == 1
    assert sweeps(driver, EVERY * (TIMES - 1)) == TIMES - 1
    assert sweeps(driver, timedelta(days=40)) == 0
    assert table(driver) == {}


def test_it_takes_long_enough_for_a_segment_a_compaction_and_a_tombstone_and_less_than_ten_days() -> None:
    config = {
        name: timedelta(milliseconds=int(topics.COMPACTED[name])) for name in ("segment.ms", "delete.retention.ms")
    }

    assert config["segment.ms"] < EVERY
    # The first one has the row dropped; the first after its tombstone may go has that dropped.
    assert EVERY + config["delete.retention.ms"] < EVERY * TIMES < timedelta(days=10)


def test_many_deletions_of_a_day_are_swept_together(driver: AgentTestDriver) -> None:
    for number in range(20):
        pipe(driver, id=str(number), name=f"#{number}")
    erase(driver, erasure(*map(str, range(20))))

    assert sweeps(driver, timedelta(days=12)) == TIMES


def test_where_nothing_was_deleted_nothing_is_written(driver: AgentTestDriver) -> None:
    pipe(driver)
    pipe(driver, updated_at="2026-11-01T12:00:00Z")
    erase(driver, erasure("77"))

    assert sweeps(driver, timedelta(days=12)) == 0
