"""order-table: what is erased stays erased, one order or a whole shop, before or after its webhooks."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest

from contracts import topics
from streams.agents import order_table as module
from streams.agents.order_table import order_table
from streams.domain.erasure import MARKED_FOR
from streams.engine.dead_letters import Replay
from streams.engine.driver import AgentTestDriver, Written
from tests.agents.order_table_kit import KEY, TEN, erase, left_over, pipe, table
from tests.builders import HASH_KEY, erasure, shopify_order


@pytest.fixture
def driver() -> AgentTestDriver:
    return AgentTestDriver(order_table(HASH_KEY))


class TestErasure:
    def test_an_order_gets_its_tombstone(self, driver: AgentTestDriver) -> None:
        pipe(driver)
        pipe(driver, id="12", name="#1012")

        [tombstone] = erase(driver, erasure("1"))

        assert (tombstone.key, tombstone.value) == (KEY, None)
        assert list(table(driver)) == ["acme/1012"]

    def test_it_comes_to_partitions_that_never_saw_the_order(self, driver: AgentTestDriver) -> None:
        assert erase(driver, erasure("7", "8")) == []

    @pytest.mark.parametrize("seen_before", [True, False])
    def test_what_is_erased_stays_erased(self, driver: AgentTestDriver, seen_before: bool) -> None:
        if seen_before:
            pipe(driver)
        erase(driver, erasure("1"))

        for days in (0, 1, 58):
            driver.advance(timedelta(days=days))
            pipe(driver, updated_at=driver.now.isoformat())

        assert table(driver) == {}

    def test_a_replay_of_a_dead_letter_does_not_bring_it_back(self, driver: AgentTestDriver) -> None:
        erase(driver, erasure("1"))
        headers = (("ce_shop", b"acme.myshopify.com"), *Replay(7, 1, driver.agent.name).headers)

        assert driver.pipe_record(topics.ORDER_EVENTS, KEY.encode(), shopify_order().to_json(), headers) == []

        assert driver.dead_letters == []
        assert table(driver) == {}

    def test_the_mark_names_nobody_and_goes_after_sixty_days(self, driver: AgentTestDriver) -> None:
        erase(driver, erasure("4711"))
        [mark] = driver.store(driver.agent.stores["erasure-marks"])
        assert "4711" not in mark

        driver.advance(MARKED_FOR)

        assert left_over(driver) == {}

    def test_an_order_of_another_retailer_with_the_same_id_stays(self, driver: AgentTestDriver) -> None:
        pipe(driver)
        pipe(driver, retailer="other")

        erase(driver, erasure("1"))

        assert list(table(driver)) == ["other/1001"]

    def test_all_orders_of_one_customer(self, driver: AgentTestDriver) -> None:
        for number in ("1", "2", "3"):
            pipe(driver, id=number, name=f"#{number}")

        erase(driver, erasure("1", "3"))

        assert list(table(driver)) == ["acme/2"]


class TestErasureOfManyOrders:
    """More orders named at once than one batch may take: the rest goes on by itself."""

    @pytest.fixture(autouse=True)
    def _three_at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "ERASED_AT_ONCE", 3)

    @pytest.fixture
    def driver(self) -> AgentTestDriver:
        driver = AgentTestDriver(order_table(HASH_KEY))
        for number in range(20):
            pipe(driver, id=str(number), name=f"#{number}")
        return driver

    def test_goes_on_by_itself_in_small_batches(self, driver: AgentTestDriver) -> None:
        first = erase(driver, erasure(*map(str, range(17))))
        rest = driver.advance(timedelta(0))

        assert (len(first), len(rest)) == (3, 14)
        assert sorted(table(driver)) == ["acme/17", "acme/18", "acme/19"]

    def test_each_batch_is_bounded(self, driver: AgentTestDriver, monkeypatch: pytest.MonkeyPatch) -> None:
        batches: list[list[Written]] = []
        settle = AgentTestDriver._settle

        def counted(driver: AgentTestDriver) -> list[Written]:
            batches.append(settle(driver))
            return batches[-1]

        monkeypatch.setattr(AgentTestDriver, "_settle", counted)

        erase(driver, erasure(*map(str, range(17))))
        driver.advance(timedelta(0))

        assert [len(batch) for batch in batches if batch] == [3, 3, 3, 3, 2]

    def test_an_order_that_changes_meanwhile_is_erased_with_the_rest(self, driver: AgentTestDriver) -> None:
        erase(driver, erasure(*map(str, range(17))))
        pipe(driver, id="16", name="#16", updated_at=(driver.now + timedelta(seconds=1)).isoformat())
        driver.advance(timedelta(0))

        assert "acme/16" not in table(driver)

    def test_two_erasures_at_once_both_end_and_leave_nothing_but_their_marks(self, driver: AgentTestDriver) -> None:
        erase(driver, erasure(*map(str, range(10))))
        erase(driver, erasure(*map(str, range(10, 20))))
        driver.advance(timedelta(0))

        assert left_over(driver) == {"erasure-marks": 20}
        driver.advance(MARKED_FOR)
        assert left_over(driver) == {}

    def test_what_it_still_has_to_do_is_in_its_rows(self, driver: AgentTestDriver) -> None:
        """So a restart goes on with it."""
        erase(driver, erasure(*map(str, range(17))))
        restarted = AgentTestDriver(order_table(HASH_KEY), now=driver.now)
        restarted._core.stored = driver._core.stored
        restarted.advance(timedelta(0))

        assert sorted(restarted.store(restarted.agent.stores["orders"])) == ["acme/17", "acme/18", "acme/19"]


class TestErasureOfAShop:
    @pytest.fixture(params=[1, 3, 10, 500])
    def at_once(self, request: pytest.FixtureRequest) -> int:
        return int(request.param)

    @pytest.fixture
    def driver(self, at_once: int, monkeypatch: pytest.MonkeyPatch) -> AgentTestDriver:
        monkeypatch.setattr(module, "ERASED_AT_ONCE", at_once)
        driver = AgentTestDriver(order_table(HASH_KEY))
        for retailer in ("acm", "acme", "acme-uk"):
            self.fill(driver, retailer, range(10))
        return driver

    def fill(self, driver: AgentTestDriver, retailer: str, numbers: Iterable[int], **changes: Any) -> None:
        for number in numbers:
            pipe(driver, retailer=retailer, id=str(number), name=f"#{number}", **changes)

    def test_goes_on_by_itself_in_small_batches(self, driver: AgentTestDriver, at_once: int) -> None:
        first = erase(driver, erasure(whole_shop=True))
        rest = driver.advance(timedelta(0))

        assert (len(first), len(rest)) == (min(at_once, 10), 10 - min(at_once, 10))
        assert not any(key.startswith("acme/") for key in table(driver))

    def test_leaves_other_retailers_alone(self, driver: AgentTestDriver) -> None:
        erase(driver, erasure(whole_shop=True))
        driver.advance(timedelta(0))

        assert {key.split("/")[0] for key in table(driver)} == {"acm", "acme-uk"}
        assert len(table(driver)) == 20

    def test_what_was_created_or_changed_before_it_stays_out(self, driver: AgentTestDriver) -> None:
        erase(driver, erasure(whole_shop=True))
        driver.advance(timedelta(days=30))

        self.fill(driver, "acme", range(10))
        pipe(driver, created_at=TEN, updated_at=driver.now.isoformat())

        assert not any(key.startswith("acme/") for key in table(driver))

    def test_orders_of_a_shop_that_comes_back_are_kept(self, driver: AgentTestDriver) -> None:
        erase(driver, erasure(whole_shop=True))
        new = driver.now + timedelta(minutes=1)
        self.fill(driver, "acme", range(900, 908), created_at=new.isoformat(), updated_at=new.isoformat())

        driver.advance(timedelta(hours=1))
        erase(driver, erasure(whole_shop=True, retailer="acm"))
        driver.advance(timedelta(hours=1))

        assert sorted(k for k in table(driver) if not k.startswith("acme-uk")) == [f"acme/{n}" for n in range(900, 908)]

    def test_a_record_dated_in_the_future_keeps_no_order_out_until_then(self, driver: AgentTestDriver) -> None:
        future = driver.now + timedelta(days=30)
        driver.pipe(topics.ORDER_EVENTS, erasure(whole_shop=True), key="acme/?*", at=future)
        driver.advance(timedelta(days=1))

        self.fill(driver, "acme", [77], created_at=driver.now.isoformat(), updated_at=driver.now.isoformat())

        assert "acme/77" in table(driver)

    def test_both_of_two_orders_under_one_name_go(self, driver: AgentTestDriver) -> None:
        pipe(driver, id="77", name="#5")
        assert table(driver)["acme/5"].other_ids == ("77",)

        erase(driver, erasure(whole_shop=True))
        driver.advance(timedelta(0))

        assert "acme/5" not in table(driver)
        assert left_over(driver) == {"orders": 20, "whereabouts": 20, "erasure-marks": 1}
