"""order-table: newest version, two orders under one name, three months."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import topics
from contracts.actions import AlertKind, ReturnAlert
from contracts.orders import Order, OrderHint
from streams.agents.order_table import order_table
from streams.engine.driver import AgentTestDriver
from tests.agents.order_table_kit import KEY, TEN, erase, left_over, pipe, table
from tests.builders import HASH_KEY, erasure, shopify_order

BEFORE = "2026-11-01T09:00:00Z"
AFTER = "2026-11-01T11:00:00Z"


@pytest.fixture
def driver() -> AgentTestDriver:
    return AgentTestDriver(order_table(HASH_KEY))


class TestNewestVersion:
    def test_an_order_is_kept_slim_and_nothing_personal_stands_in_it(self, driver: AgentTestDriver) -> None:
        [written] = pipe(driver)

        assert written.topic == topics.ORDERS.name
        kept = written.read(Order)
        assert (kept.retailer, kept.shop, kept.id) == ("acme", "acme.myshopify.com", "1")
        assert b"kim@example.com" not in (written.value or b"")
        assert b"10001" not in (written.value or b"")
        assert kept.email_hash

    def test_a_late_older_version_never_overwrites_a_newer_one(self, driver: AgentTestDriver) -> None:
        pipe(driver, updated_at=TEN, total_price="90.00")

        assert pipe(driver, updated_at=BEFORE, total_price="100.00") == []

        assert str(table(driver)[KEY].total_price) == "90.00"

    def test_a_newer_version_replaces_an_older_one(self, driver: AgentTestDriver) -> None:
        pipe(driver, updated_at=TEN)
        pipe(driver, updated_at="2026-11-01T13:00:00+02:00", total_price="90.00")

        assert str(table(driver)[KEY].total_price) == "90.00"

    @pytest.mark.parametrize(
        ("first", "second", "wins"),
        [
            (TEN, AFTER, "second"),
            (AFTER, TEN, "first"),
            (TEN, TEN, "first"),
            (None, TEN, "second"),
            (TEN, None, "first"),
            (None, None, "first"),
            (TEN, "yesterday", "first"),
        ],
    )
    def test_of_equally_new_versions_the_one_triggered_later_wins_then_the_first_come(
        self, driver: AgentTestDriver, first: str | None, second: str | None, wins: str
    ) -> None:
        pipe(driver, triggered=first, tags="first")
        pipe(driver, triggered=second, tags="second")

        assert table(driver)[KEY].tags == (wins,)

    def test_a_repeat_writes_nothing(self, driver: AgentTestDriver) -> None:
        pipe(driver)

        assert pipe(driver) == []

    def test_without_the_extension_the_shop_is_the_source(self, driver: AgentTestDriver) -> None:
        headers = {"ce_source": "shopify://acme.myshopify.com"}

        driver.pipe(topics.ORDER_EVENTS, shopify_order(), key=KEY, headers=headers)

        assert table(driver)[KEY].shop == "acme.myshopify.com"

    @given(st.permutations([BEFORE, TEN, AFTER, AFTER, TEN]))
    def test_whatever_the_order_of_arrival(self, arrival: list[str]) -> None:
        driver = AgentTestDriver(order_table(HASH_KEY))

        for updated_at in arrival:
            pipe(driver, updated_at=updated_at, tags=updated_at)

        assert table(driver)[KEY].tags == (AFTER,)


class TestWhatFitsNothing:
    @pytest.mark.parametrize("key", ["acme/1002", "acme/#1001", "1001", "acme/", "/1001"])
    def test_a_key_that_does_not_fit_the_body_is_poison(self, driver: AgentTestDriver, key: str) -> None:
        driver.pipe(topics.ORDER_EVENTS, shopify_order(), key=key)

        assert len(driver.dead_letters) == 1
        assert left_over(driver) == {}

    @pytest.mark.parametrize(
        "created", ["9999-12-31T23:59:59-10:00", "9999-12-01T00:00:00Z", "0001-01-01T00:00:00+10:00"]
    )
    def test_a_time_at_the_end_of_the_calendar_is_poison_and_no_bug(
        self, driver: AgentTestDriver, created: str
    ) -> None:
        # Past the model's own check, as bytes on the wire are.
        order = shopify_order().model_copy(update={"created_at": datetime.fromisoformat(created)})
        driver.pipe(topics.ORDER_EVENTS, order, key=KEY, headers={"ce_shop": "acme.myshopify.com"})

        [letter] = driver.dead_letters
        assert dict(letter.record.headers)["dl_kind"] == b"poison"

    def test_a_hint_changes_nothing(self, driver: AgentTestDriver) -> None:
        hint = OrderHint(retailer="acme", order_id="1", topic="refunds/create")

        assert driver.pipe(topics.ORDER_EVENTS, hint, key="acme/?1") == []

    def test_a_key_is_needed_to_hash_with(self) -> None:
        with pytest.raises(ValueError, match="hash key is empty"):
            order_table(b"")


class TestTwoOrdersUnderOneName:
    def test_the_first_ones_content_stays_and_the_other_is_named(self, driver: AgentTestDriver) -> None:
        pipe(driver, id="1", tags="first")
        pipe(driver, id="2", tags="second", updated_at=AFTER)

        kept = table(driver)[KEY]
        assert (kept.id, kept.tags, kept.other_ids) == ("1", ("first",), ("2",))

    def test_a_person_is_called_once(self, driver: AgentTestDriver) -> None:
        for order_id in ("1", "2", "2", "1", "3"):
            pipe(driver, id=order_id)
        pipe(driver, id="2", updated_at=AFTER)

        [alert] = driver.of(topics.RETURN_ALERTS, ReturnAlert)
        assert (alert.kind, alert.retailer, alert.order_key) == (AlertKind.ORDER_AMBIGUOUS, "acme", KEY)
        assert "1 and 2" in alert.message

    def test_newer_versions_of_the_first_one_keep_it_ambiguous(self, driver: AgentTestDriver) -> None:
        pipe(driver, id="1")
        pipe(driver, id="2")
        pipe(driver, id="1", updated_at=AFTER, tags="newer")

        kept = table(driver)[KEY]
        assert (kept.tags, kept.other_ids) == (("newer",), ("2",))

    @pytest.mark.parametrize(("gone", "stays"), [("1", "2"), ("2", "1")])
    def test_once_one_is_erased_the_newest_version_of_the_other_stands_alone(
        self, driver: AgentTestDriver, gone: str, stays: str
    ) -> None:
        for order_id in ("1", "2"):
            pipe(driver, id=order_id)
        pipe(driver, id=stays, updated_at=AFTER, tags="newest")
        pipe(driver, id=stays, updated_at=TEN, tags="late")

        erase(driver, erasure(gone))
        pipe(driver, id=gone, updated_at=AFTER)

        kept = table(driver)[KEY]
        assert (kept.id, kept.tags, kept.other_ids) == (stays, ("newest",), ())
        assert left_over(driver) == {"orders": 1, "whereabouts": 1, "erasure-marks": 1}

    def test_a_name_used_again_after_its_order_was_deleted_is_not_ambiguous(self, driver: AgentTestDriver) -> None:
        pipe(driver, id="1")
        erase(driver, erasure("1"))
        pipe(driver, id="2")

        kept = table(driver)[KEY]
        assert (kept.id, kept.other_ids) == ("2", ())

    def test_once_the_first_one_is_too_old_the_other_stands_alone(self, driver: AgentTestDriver) -> None:
        pipe(driver, id="1", created_at="2026-10-01T10:00:00Z")
        pipe(driver, id="2", created_at="2026-10-15T10:00:00Z")

        driver.advance(datetime(2027, 1, 1, 10, tzinfo=UTC) - driver.now)
        assert (table(driver)[KEY].id, table(driver)[KEY].other_ids) == ("2", ())
        driver.advance(datetime(2027, 1, 15, 10, tzinfo=UTC) - driver.now)

        assert left_over(driver) == {}


class TestThreeMonths:
    @pytest.mark.parametrize(
        ("created", "gone"),
        [
            ("2026-10-15T10:00:00Z", datetime(2027, 1, 15, 10, tzinfo=UTC)),
            ("2026-10-31T23:59:59Z", datetime(2027, 1, 31, 23, 59, 59, tzinfo=UTC)),
            ("2026-08-31T23:00:00Z", datetime(2026, 11, 30, 23, tzinfo=UTC)),
            ("2026-11-30T10:00:00Z", datetime(2027, 2, 28, 10, tzinfo=UTC)),
        ],
    )
    def test_an_order_is_deleted_at_that_instant(self, driver: AgentTestDriver, created: str, gone: datetime) -> None:
        pipe(driver, created_at=created, updated_at=created)

        driver.advance(gone - driver.now - timedelta(milliseconds=1))
        assert KEY in table(driver)
        [tombstone] = driver.advance(timedelta(milliseconds=1))

        assert (tombstone.topic, tombstone.key, tombstone.value) == (topics.ORDERS.name, KEY, None)
        assert left_over(driver) == {}

    def test_one_that_comes_later_is_not_stored(self, driver: AgentTestDriver) -> None:
        assert pipe(driver, created_at="2026-08-01T12:00:00Z", updated_at=TEN) == []  # the driver's now, to the instant
        assert len(pipe(driver, created_at="2026-08-01T12:00:01Z", updated_at=TEN)) == 1

    def test_changes_do_not_prolong_it(self, driver: AgentTestDriver) -> None:
        pipe(driver, created_at="2026-10-01T10:00:00Z")
        driver.advance(timedelta(days=40))
        pipe(driver, created_at="2026-10-01T10:00:00Z", updated_at="2026-12-11T10:00:00Z")

        driver.advance(datetime(2027, 1, 1, 10, tzinfo=UTC) - driver.now)

        assert table(driver) == {}

    def test_a_timer_that_fires_within_the_millisecond_deletes_it_all_the_same(self, driver: AgentTestDriver) -> None:
        pipe(driver, created_at="2026-10-15T10:00:00.000500Z")

        driver.advance(datetime(2027, 1, 15, 10, 0, 0, 1000, tzinfo=UTC) - driver.now)

        assert table(driver) == {}
