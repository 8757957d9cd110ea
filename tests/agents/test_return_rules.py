"""return-rules: the first upload of a return, and waiting for its order."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from contracts import topics
from contracts.actions import AlertKind, ReturnAlert
from contracts.returns import DecisionState, Meaning, Option, ReturnDecision, ReturnEvent, ReturnUpload
from contracts.tracking import Consignment
from streams.agents.return_rules import AGENT
from streams.engine.driver import START, AgentTestDriver
from tests.agents.return_rules_kit import ALWAYS, FAULTY, KEY, acme, decisions, pipe, states, with_rules
from tests.builders import source, unit, upload
from tests.unit.domain.builders import order

HOLD = timedelta(hours=48)


@pytest.fixture
def driver() -> AgentTestDriver:
    return with_rules(FAULTY, ALWAYS)


class TestTheFirstUpload:
    def test_is_decided_at_once_when_its_order_is_there(self, driver: AgentTestDriver) -> None:
        pipe(driver, order())

        [decision] = pipe(driver, upload(unit(reason="Faulty"), unit("CAP"), unit()))

        assert (decision.retailer, decision.order_key, decision.rma) == ("acme", KEY, "R1")
        assert (decision.revision, decision.more, decision.uploaded_at) == (1, 0, START)
        assert decision.consignments == ("SEK1",)
        assert decision.order is not None
        assert decision.order.lines == order().lines
        assert [(u.sku, u.ordinal, u.revision, u.option, u.decided_by) for u in decision.units] == [
            ("TEE-M", 1, 1, Option.REFUND, "rule:faulty goods"),
            ("CAP", 1, 1, Option.CREDIT_NOTE, "rule:always"),
            ("TEE-M", 2, 1, Option.CREDIT_NOTE, "rule:always"),
        ]

    def test_tells_once_that_the_return_was_created(self, driver: AgentTestDriver) -> None:
        pipe(driver, upload(unit(reason="Faulty", action="REFUND"), unit("CAP"), consignments=("sek-1", "SEK 2")))
        pipe(driver, upload(unit("CAP")))

        [created] = driver.of(topics.RETURN_EVENTS, ReturnEvent)
        assert (created.rma, created.meaning, created.code, created.at) == ("R1", Meaning.CREATED, "RC", START)
        assert (created.consignment, created.consignment_no, created.source) == ("SEK1", "sek-1", source("acme"))
        assert [(i.sku, i.count, i.reason, i.action) for i in created.items] == [
            ("TEE-M", 1, "Faulty", "REFUND"),
            ("CAP", 1, "Too small", ""),
        ]

    def test_links_every_parcel_to_the_return(self, driver: AgentTestDriver) -> None:
        pipe(driver, upload(unit(consignment_no="SEK 2"), consignments=("sek-1", "SEK1")))
        pipe(driver, upload(unit("CAP"), consignments=("SEK-2", "SEK-3")))

        links = [w for w in driver.written if w.topic == topics.CONSIGNMENTS.name]
        assert [w.key for w in links] == ["SEK1|acme/1001|R1", "SEK2|acme/1001|R1", "SEK3|acme/1001|R1"]
        assert [w.record.partition_key for w in links] == [b"SEK1", b"SEK2", b"SEK3"]
        first = links[0].read(Consignment)
        assert (first.tracking_number, first.order_key, first.rma, first.linked_at) == ("sek-1", KEY, "R1", START)

    def test_its_time_is_the_records_not_the_clocks(self, driver: AgentTestDriver) -> None:
        at = START - timedelta(hours=5)

        [first] = decisions(driver.pipe(topics.RETURN_UPLOADS, upload(), key=KEY, at=at))
        [later] = driver.advance(HOLD - timedelta(hours=5))

        assert first.uploaded_at == at
        assert states(later.read(ReturnDecision)) == [DecisionState.ORDER_NOT_FOUND]


class TestWhatFitsNothing:
    @pytest.mark.parametrize(
        ("value", "key"),
        [
            (upload(), "acme/1002"),
            (upload(), "other/1001"),
            (upload(order_name=" # "), "acme/"),
            (upload(retailer="a/b"), "a/b/1001"),
            (upload(rma="  "), KEY),
            (upload(unit(" ")), KEY),
        ],
    )
    def test_is_poison(self, driver: AgentTestDriver, value: ReturnUpload, key: str) -> None:
        assert pipe(driver, value, key) == []

        [letter] = driver.dead_letters
        assert dict(letter.record.headers)["dl_kind"] == b"poison"

    def test_somebody_who_may_not_speak_for_the_retailer_is_not_heard(self, driver: AgentTestDriver) -> None:
        pipe(driver, upload(source=source("other")))

        [alert] = driver.of(topics.RETURN_ALERTS, ReturnAlert)
        assert (alert.kind, alert.rma) == (AlertKind.FOREIGN_EVIDENCE, "R1")
        assert {w.topic for w in driver.written} == {topics.RETURN_ALERTS.name}


class TestUnknownRetailer:
    def test_its_uploads_wait_and_are_then_taken_in_their_order(self) -> None:
        driver = AgentTestDriver(AGENT)
        pipe(driver, order())
        for which in (upload(unit(), rma="R1"), upload(unit("CAP"), rma="R2"), upload(unit("CAP"), rma="R1")):
            assert pipe(driver, which) == []

        driver.retailers["acme"] = acme(ALWAYS)
        taken = decisions(driver.advance(timedelta(minutes=1)))

        assert [(d.rma, d.revision, [u.sku for u in d.units]) for d in taken] == [
            ("R1", 1, ["TEE-M"]),
            ("R2", 1, ["CAP"]),
            ("R1", 2, ["CAP"]),
        ]
        assert {d.uploaded_at for d in taken} == {START}


class TestWaitingForTheOrder:
    def test_the_return_waits_and_says_so(self, driver: AgentTestDriver) -> None:
        [decision] = pipe(driver, upload())

        assert states(decision) == [DecisionState.WAITING_FOR_ORDER]
        assert decision.order is None

    def test_it_is_decided_when_the_order_comes_in_time(self, driver: AgentTestDriver) -> None:
        pipe(driver, upload())
        driver.advance(HOLD - timedelta(seconds=1))

        [decision] = pipe(driver, order())

        assert (decision.revision, states(decision)) == (2, [DecisionState.DECIDED])
        assert decision.order is not None
        assert driver.advance(HOLD) == []

    def test_when_the_hold_is_over_that_is_a_state_and_still_decided_when_the_order_comes(
        self, driver: AgentTestDriver
    ) -> None:
        pipe(driver, upload())

        [gave_up] = decisions(driver.advance(HOLD))
        assert (gave_up.revision, states(gave_up), gave_up.order) == (2, [DecisionState.ORDER_NOT_FOUND], None)
        assert gave_up.units[0].revision == 2
        [decided] = pipe(driver, order())

        assert (decided.revision, states(decided)) == (3, [DecisionState.DECIDED])

    def test_the_ledger_calls_a_person_not_we(self, driver: AgentTestDriver) -> None:
        pipe(driver, upload())
        driver.advance(HOLD)

        assert driver.of(topics.RETURN_ALERTS, ReturnAlert) == []

    def test_the_hold_is_the_retailers_own(self) -> None:
        driver = with_rules(ALWAYS, hold_hours=1.5)
        pipe(driver, upload())

        assert driver.advance(timedelta(minutes=89)) == []
        assert len(driver.advance(timedelta(minutes=1))) == 1

    def test_an_edit_does_not_restart_the_hold(self, driver: AgentTestDriver) -> None:
        pipe(driver, upload())
        driver.advance(HOLD - timedelta(hours=1))
        pipe(driver, upload(unit("CAP"), unit()))

        [gave_up] = decisions(driver.advance(timedelta(hours=1)))

        assert states(gave_up) == [DecisionState.ORDER_NOT_FOUND] * 2

    def test_an_edit_after_the_hold_does_not_wait_again(self, driver: AgentTestDriver) -> None:
        pipe(driver, upload())
        driver.advance(HOLD)

        [edited] = pipe(driver, upload(unit(), unit("CAP")))

        assert states(edited) == [DecisionState.ORDER_NOT_FOUND] * 2
        assert [u.revision for u in edited.units] == [2, 3]
        assert driver.advance(timedelta(days=10)) == []

    def test_several_returns_are_decided_in_the_order_of_their_first_uploads(self, driver: AgentTestDriver) -> None:
        for rma in ("R3", "R1", "R2"):
            pipe(driver, upload(rma=rma))
            driver.advance(timedelta(hours=20))
        pipe(driver, upload(unit("CAP"), rma="R3"))

        decided = pipe(driver, order())

        assert [(d.rma, d.more) for d in decided] == [("R3", 2), ("R1", 1), ("R2", 0)]
        assert all(d.order is not None and d.units[0].state is DecisionState.DECIDED for d in decided)

    def test_returns_that_are_decided_are_not_told_again(self, driver: AgentTestDriver) -> None:
        pipe(driver, upload(rma="R1"))
        pipe(driver, order())
        assert pipe(driver, order(updated_at=START, total_price=Decimal(1))) == []

        [decision] = pipe(driver, upload(rma="R2"))

        assert (decision.rma, decision.more) == ("R2", 0)

    def test_of_two_returns_each_has_its_own_hold(self, driver: AgentTestDriver) -> None:
        pipe(driver, upload(rma="R1"))
        driver.advance(timedelta(hours=10))
        pipe(driver, upload(rma="R2"))

        assert [d.rma for d in decisions(driver.advance(timedelta(hours=38)))] == ["R1"]
        assert [d.rma for d in decisions(driver.advance(timedelta(hours=10)))] == ["R2"]

    def test_a_deleted_order_is_not_there(self, driver: AgentTestDriver) -> None:
        pipe(driver, order())
        pipe(driver, upload(rma="R1"))

        assert driver.pipe(topics.ORDERS, None, key=KEY) == []
        [decision] = pipe(driver, upload(rma="R2"))

        assert states(decision) == [DecisionState.WAITING_FOR_ORDER]

    @pytest.mark.parametrize(
        ("changes", "state"),
        [
            ({"other_ids": ("2",)}, DecisionState.ORDER_AMBIGUOUS),
            ({"cancelled_at": START}, DecisionState.ORDER_CANCELLED),
        ],
    )
    def test_an_order_that_needs_a_person_decides_too_and_only_once(
        self, driver: AgentTestDriver, changes: dict[str, Any], state: DecisionState
    ) -> None:
        pipe(driver, upload())

        [decision] = pipe(driver, order(**changes))

        assert states(decision) == [state]
        assert pipe(driver, order(updated_at=START)) == []

    def test_an_order_known_before_its_record_is_handled_breaks_no_sequence(self, driver: AgentTestDriver) -> None:
        for rma in ("R1", "R2"):
            pipe(driver, upload(rma=rma))
        # An engine may follow a mirrored topic faster than it hands out the records.
        driver._core.stored.apply({"orders": {KEY: order().model_dump_json().encode()}}, {})

        decided = pipe(driver, upload(unit(), unit("CAP"), rma="R2"))

        assert [(d.rma, d.revision, d.more) for d in decided] == [("R1", 2, 1), ("R2", 2, 0)]
        assert [states(d) for d in decided] == [[DecisionState.DECIDED], [DecisionState.DECIDED] * 2]
        assert pipe(driver, order()) == []
