"""order-table: for how many months orders are kept is a setting, and a change of it holds for stored orders too."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from streams.agents import order_table as module
from streams.agents.order_table import order_table
from streams.engine.driver import AgentTestDriver
from tests.agents.order_table_kit import left_over, pipe, table
from tests.builders import HASH_KEY

OCTOBER = "2026-10-15T10:00:00Z"


def keeping(months: int, before: AgentTestDriver | None = None) -> AgentTestDriver:
    """The agent with this setting; with `before`, restarted on the rows and at the time of that one."""
    driver = AgentTestDriver(order_table(HASH_KEY, months))
    if before is not None:
        driver.now = before.now
        driver.written = list(before.written)
        driver._core.stored = before._core.stored
    return driver


def until(driver: AgentTestDriver, when: datetime) -> None:
    driver.advance(when - driver.now)


@pytest.mark.parametrize(
    ("months", "gone"),
    [
        (1, datetime(2026, 11, 15, 10, tzinfo=UTC)),
        (6, datetime(2027, 4, 15, 10, tzinfo=UTC)),
        (14, datetime(2027, 12, 15, 10, tzinfo=UTC)),
    ],
)
def test_an_order_is_kept_as_many_months_as_the_setting_says(months: int, gone: datetime) -> None:
    driver = keeping(months)
    pipe(driver, created_at=OCTOBER)

    until(driver, gone - timedelta(milliseconds=1))
    assert list(table(driver)) == ["acme/1001"]
    until(driver, gone)

    assert table(driver) == {}
    assert pipe(driver, created_at=OCTOBER, updated_at=driver.now.isoformat()) == []


def test_a_restart_forgets_no_expiry() -> None:
    driver = keeping(3)
    pipe(driver, created_at=OCTOBER)

    restarted = keeping(3, driver)
    until(restarted, datetime(2027, 1, 15, 10, tzinfo=UTC))

    assert table(restarted) == {}
    assert left_over(restarted) == {}


class TestAChangeOfTheSetting:
    """It is seen with the next order or expiry, and then goes through the stored orders in small batches."""

    @pytest.fixture(autouse=True)
    def _three_at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "ERASED_AT_ONCE", 3)

    @pytest.fixture
    def driver(self) -> AgentTestDriver:
        driver = keeping(3)
        for number in range(10):
            pipe(driver, id=str(number), name=f"#{number}", created_at=OCTOBER)
        return driver

    def test_shorter_deletes_what_is_too_old_now(self, driver: AgentTestDriver) -> None:
        until(driver, datetime(2026, 11, 20, tzinfo=UTC))
        shorter = keeping(1, driver)

        pipe(shorter, id="77", name="#77", created_at="2026-11-19T10:00:00Z")
        shorter.advance(timedelta(0))

        assert list(table(shorter)) == ["acme/77"]

    def test_longer_keeps_what_had_a_timer_already_and_deletes_it_in_the_end(self, driver: AgentTestDriver) -> None:
        longer = keeping(6, driver)
        until(longer, datetime(2027, 4, 15, 9, tzinfo=UTC))
        assert len(table(longer)) == 10

        until(longer, datetime(2027, 4, 15, 10, tzinfo=UTC))

        assert left_over(longer) == {"retention": 1}

    def test_back_to_the_default_leaves_nothing_behind(self, driver: AgentTestDriver) -> None:
        longer = keeping(6, driver)
        pipe(longer, id="77", name="#77")
        longer.advance(timedelta(0))
        default = keeping(3, longer)
        until(default, datetime(2027, 4, 15, 10, tzinfo=UTC))

        assert left_over(default) == {}
