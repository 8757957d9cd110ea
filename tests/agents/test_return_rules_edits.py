"""return-rules: later uploads of a return, its frozen settings, and how it is forgotten."""

from __future__ import annotations

from datetime import timedelta

import pytest

from contracts import topics
from contracts.returns import DecisionState, Option, ReturnEvent
from streams.agents import return_rules
from streams.domain.kept_returns import FORGOTTEN_AFTER
from streams.engine.dead_letters import Replay
from streams.engine.driver import START, AgentTestDriver
from tests.agents.return_rules_kit import ALWAYS, FAULTY, KEY, acme, decisions, one, pipe, states, with_rules
from tests.builders import unit, upload
from tests.unit.domain.builders import order, rule


@pytest.fixture
def driver() -> AgentTestDriver:
    return with_rules(FAULTY, ALWAYS)


class TestEdits:
    @pytest.fixture
    def driver(self) -> AgentTestDriver:
        driver = with_rules(FAULTY, ALWAYS)
        pipe(driver, order())
        return driver

    def test_an_equal_upload_changes_nothing(self, driver: AgentTestDriver) -> None:
        pipe(driver, upload(unit(action="store credit"), unit("CAP"), consignments=("SEK-1", "SEK-2")))

        again = upload(
            unit(" tee-m ", reason=" too SMALL", action="GIFT_CARD", ean="123", comment="hurry"),
            unit("cap"),
            rma=" R1 ",
            consignments=("sek 2", "SEK-1"),
        )

        assert driver.pipe(topics.RETURN_UPLOADS, again, key=KEY) == []

    def test_an_upload_equal_to_any_earlier_one_changes_nothing(self, driver: AgentTestDriver) -> None:
        uploads = [upload(unit()), upload(unit(), unit("CAP")), upload(unit("CAP"))]
        for which in uploads:
            assert len(pipe(driver, which)) == 1

        for which in (*uploads, *reversed(uploads)):
            assert driver.pipe(topics.RETURN_UPLOADS, which, key=KEY) == []

    def test_all_unknown_words_are_one_content(self, driver: AgentTestDriver) -> None:
        pipe(driver, upload(unit(action="surprise me")))

        assert pipe(driver, upload(unit(action="whatever"))) == []

    def test_unchanged_units_keep_their_decision_and_changed_ones_are_decided_anew(
        self, driver: AgentTestDriver
    ) -> None:
        [first] = pipe(driver, upload(unit(), unit("CAP"), unit()))
        pipe(driver, order(updated_at=START, tags=("vip",)))

        [second] = pipe(driver, upload(unit("CAP"), unit(), unit(reason="Faulty"), unit("SOCK")))

        assert second.revision == 2
        by_identity = {(u.sku, u.ordinal): u for u in second.units}
        assert [*by_identity] == [("CAP", 1), ("TEE-M", 1), ("TEE-M", 2), ("SOCK", 1)]
        assert by_identity["CAP", 1] == first.units[1]
        assert by_identity["TEE-M", 1] == first.units[0]
        assert (by_identity["TEE-M", 2].revision, by_identity["TEE-M", 2].option) == (2, Option.REFUND)
        assert by_identity["SOCK", 1].revision == 2
        assert second.order is not None
        assert second.order.updated_at == START

    def test_units_left_out_are_gone_and_decided_anew_when_they_come_back(self, driver: AgentTestDriver) -> None:
        pipe(driver, upload(unit(), unit("CAP")))

        [without] = pipe(driver, upload(unit("CAP")))
        [back] = pipe(driver, upload(unit("CAP"), unit()))

        assert [u.sku for u in without.units] == ["CAP"]
        assert without.order is None
        assert [(u.sku, u.revision) for u in back.units] == [("CAP", 1), ("TEE-M", 3)]

    def test_another_order_of_the_units_is_another_content_and_decides_nothing_anew(
        self, driver: AgentTestDriver
    ) -> None:
        pipe(driver, upload(unit(), unit("CAP")))

        [turned] = pipe(driver, upload(unit("CAP"), unit()))

        assert [(u.sku, u.revision) for u in turned.units] == [("CAP", 1), ("TEE-M", 1)]

    def test_consignment_numbers_add_up(self, driver: AgentTestDriver) -> None:
        pipe(driver, upload(consignments=("SEK-1",)))

        [edited] = pipe(driver, upload(consignments=("SEK-2",)))

        assert edited.consignments == ("SEK1", "SEK2")
        assert [u.revision for u in edited.units] == [1]
        assert edited.order is None

    def test_a_letter_that_is_sent_again_after_an_edit_brings_nothing_back(self, driver: AgentTestDriver) -> None:
        """What was taken out of the return since must not be paid because a person replayed what had failed before."""
        failed, failed_at = upload(unit(), unit("CAP"), consignments=("SEK-1",)), driver.now
        driver.advance(timedelta(hours=1))
        [edited] = pipe(driver, upload(unit("CAP", reason="Faulty"), consignments=("SEK-2",)))
        headers = {name: value.decode() for name, value in Replay(of=1, attempt=1, agent="return-rules").headers}

        [after] = decisions(driver.pipe(topics.RETURN_UPLOADS, failed, key=KEY, at=failed_at, headers=headers))

        assert after.units == edited.units
        assert (after.consignments, after.awaited, after.revision) == (("SEK2", "SEK1"), ("SEK1",), 2)
        assert driver.pipe(topics.RETURN_UPLOADS, failed, key=KEY) == [], "it was an upload all the same"

    def test_a_letter_that_is_sent_again_is_the_newest_upload_where_nothing_came_since(
        self, driver: AgentTestDriver
    ) -> None:
        pipe(driver, upload(unit()))
        driver.advance(timedelta(hours=1))
        headers = {name: value.decode() for name, value in Replay(of=1, attempt=1, agent="return-rules").headers}

        [after] = decisions(driver.pipe(topics.RETURN_UPLOADS, upload(unit("CAP")), key=KEY, headers=headers))

        assert [u.sku for u in after.units] == ["CAP"]

    def test_the_first_spelling_of_a_sku_is_kept(self, driver: AgentTestDriver) -> None:
        pipe(driver, upload(unit("Tee-M")))

        [edited] = pipe(driver, upload(unit("TEE-m", reason="Faulty"), unit("tee-M")))

        assert [(u.sku, u.ordinal) for u in edited.units] == [("Tee-M", 1), ("Tee-M", 2)]

    @pytest.mark.parametrize("change", [{"exchange_sku": "TEE-L"}, {"exchange_variant_id": "7"}, {"action": "refund"}])
    def test_the_wanted_variant_and_the_word_are_content(self, driver: AgentTestDriver, change: dict[str, str]) -> None:
        pipe(driver, upload(unit()))

        [edited] = pipe(driver, upload(unit(**change)))

        assert edited.units[0].revision == 2

    def test_an_edit_while_waiting_leaves_one_return_to_decide(self, driver: AgentTestDriver) -> None:
        driver.pipe(topics.ORDERS, None, key=KEY)
        pipe(driver, upload(unit(), unit("CAP")))
        pipe(driver, upload(unit("CAP", reason="Faulty")))

        [decision] = pipe(driver, order())

        assert [(u.sku, u.revision, u.option) for u in decision.units] == [("CAP", 3, Option.REFUND)]

    def test_the_same_rma_under_another_order_is_another_return(self, driver: AgentTestDriver) -> None:
        pipe(driver, upload())

        [other] = pipe(driver, upload(order_name="1002"), key="acme/1002")

        assert (other.revision, states(other)) == (1, [DecisionState.WAITING_FOR_ORDER])


class TestSettings:
    def test_those_applied_later_concern_later_returns_only(self, driver: AgentTestDriver) -> None:
        pipe(driver, upload(rma="R1"))
        driver.retailers["acme"] = acme(rule(then="no_action"), version=4, hold_hours=1)
        pipe(driver, upload(unit("CAP"), unit(), rma="R1"))
        pipe(driver, upload(rma="R2"))

        first, second = pipe(driver, order())

        assert (first.rma, first.settings.version, states(first)) == ("R1", 1, [DecisionState.DECIDED] * 2)
        assert (second.rma, second.settings.version, states(second)) == ("R2", 4, [DecisionState.NO_ACTION])

    def test_a_return_goes_on_when_its_retailer_has_been_removed(self, driver: AgentTestDriver) -> None:
        pipe(driver, upload())
        driver.retailers.clear()

        assert len(pipe(driver, upload(unit("CAP")))) == 1

    def test_a_retailer_on_loop_gets_decisions(self) -> None:
        driver = with_rules(ALWAYS, portal="loop")
        pipe(driver, order())

        assert one(pipe(driver, upload())).option is Option.CREDIT_NOTE


class TestForgetting:
    def test_a_return_goes_long_after_its_last_upload_and_its_parcels_with_it(self, driver: AgentTestDriver) -> None:
        pipe(driver, order())
        pipe(driver, upload(rma="R1"))
        driver.advance(timedelta(days=10))
        pipe(driver, upload(unit("CAP"), rma="R1"))
        pipe(driver, upload(rma="R2"))
        driver.advance(timedelta(days=10))
        pipe(driver, upload(unit("CAP"), rma="R2", consignments=("SEK-2",)))

        gone = driver.advance(FORGOTTEN_AFTER - timedelta(days=10))

        assert [(w.key, w.value, w.record.partition_key) for w in gone] == [("SEK1|acme/1001|R1", None, b"SEK1")]
        assert [known.rma for known in driver.store(return_rules.returns)[KEY].returns] == ["R2"]

    def test_a_repeat_stays_a_repeat(self, driver: AgentTestDriver) -> None:
        pipe(driver, upload())
        driver.advance(FORGOTTEN_AFTER)

        assert driver.pipe(topics.RETURN_UPLOADS, upload(), key=KEY) == []

    def test_a_new_upload_takes_new_settings_and_its_revisions_go_on(self, driver: AgentTestDriver) -> None:
        pipe(driver, upload())
        driver.advance(FORGOTTEN_AFTER)
        driver.retailers["acme"] = acme(ALWAYS, version=9)

        [late] = pipe(driver, upload(unit("CAP")))

        assert (late.revision, late.settings.version, states(late)) == (3, 9, [DecisionState.WAITING_FOR_ORDER])
        assert len(driver.of(topics.RETURN_EVENTS, ReturnEvent)) == 1
