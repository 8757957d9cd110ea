"""return-rules: uploads and their edits, waiting for orders, customer's choice and rules, each unit decided once."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts import topics
from contracts.actions import AlertKind, ReturnAlert
from contracts.model import Model
from contracts.orders import Order
from contracts.retailers import CustomerChoice, Retailer, Rule
from contracts.returns import DecisionState, Meaning, Option, ReturnDecision, ReturnEvent, ReturnUpload, UnitDecision
from contracts.tracking import Consignment
from streams.agents import return_rules
from streams.agents.return_rules import AGENT
from streams.domain.kept_returns import FORGOTTEN_AFTER
from streams.engine.driver import START, AgentTestDriver, Written
from tests.builders import retailer, source, unit, upload
from tests.unit.domain.builders import order, rule, when

KEY = "acme/1001"
HOLD = timedelta(hours=48)
FAULTY = rule(when("return_reason", "equal_to", "Faulty"), then="refund", name="faulty goods")
ALWAYS = rule(then="credit_note", name="always")


@pytest.fixture
def driver() -> AgentTestDriver:
    return with_rules(FAULTY, ALWAYS)


def with_rules(*rules: Rule, choice: CustomerChoice | None = None, **changes: Any) -> AgentTestDriver:
    return AgentTestDriver(AGENT, {"acme": acme(*rules, choice=choice, **changes)})


def acme(*rules: Rule, choice: CustomerChoice | None = None, **changes: Any) -> Retailer:
    return retailer("acme", rules=rules, customer_choice=choice or CustomerChoice(), **changes)


def pipe(driver: AgentTestDriver, value: ReturnUpload | Order, key: str = KEY) -> list[ReturnDecision]:
    topic = topics.ORDERS if isinstance(value, Order) else topics.RETURN_UPLOADS
    return decisions(driver.pipe(topic, value, key=key))


def decisions(written: list[Written]) -> list[ReturnDecision]:
    return [w.read(ReturnDecision) for w in written if w.topic == topics.RETURN_DECISIONS.name]


def states(decision: ReturnDecision) -> list[DecisionState]:
    return [known.state for known in decision.units]


def one(decided: list[ReturnDecision]) -> UnitDecision:
    [decision] = decided
    [known] = decision.units
    return known


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


class TestCustomersChoice:
    @pytest.mark.parametrize(
        ("choice", "word", "state", "option", "decided_by"),
        [
            ({"enabled": True}, "REFUND", "decided", "refund", "customer"),
            ({"enabled": True}, "CREDIT NOTE PLUS", "decided", "credit_note", "customer"),
            ({"enabled": True}, "exchange", "choice_not_offered", None, "customer"),
            ({"enabled": True, "exchange": True}, "Exchange", "decided", "exchange", "customer"),
            ({"enabled": True}, "a hug", "choice_unknown", None, "customer"),
            ({"enabled": True}, " ", "decided", "credit_note", "rule:always"),
            ({"enabled": False}, "REFUND", "decided", "credit_note", "rule:always"),
            ({"enabled": False}, "a hug", "decided", "credit_note", "rule:always"),
        ],
    )
    def test_wins_over_every_rule_when_it_is_on(
        self, choice: dict[str, bool], word: str, state: str, option: str | None, decided_by: str
    ) -> None:
        driver = with_rules(ALWAYS, choice=CustomerChoice(**choice))
        pipe(driver, order())

        decided = one(pipe(driver, upload(unit(action=word))))

        assert (decided.state, decided.option, decided.decided_by) == (state, option, decided_by)
        assert decided.return_action == word


class TestTheExamplesOfTheSeed:
    """Seed 002, word for word."""

    @pytest.mark.parametrize(
        ("reason", "option", "state"),
        [("Faulty", Option.REFUND, "decided"), ("Too small", None, "none")],
    )
    def test_if_return_reason_equal_to_faulty_then_refund(self, reason: str, option: Option | None, state: str) -> None:
        driver = with_rules(rule(when("return_reason", "equal_to", "Faulty"), then="refund"))
        pipe(driver, order())

        decided = one(pipe(driver, upload(unit(reason=reason))))

        assert (decided.option, decided.state) == (option, state)

    @pytest.mark.parametrize(
        ("discount", "option", "state"),
        [("50.01", Option.CREDIT_NOTE, "decided"), ("50.00", None, "none")],
    )
    def test_if_order_discount_percent_greater_than_50_then_store_credit(
        self, discount: str, option: Option | None, state: str
    ) -> None:
        driver = with_rules(rule(when("order_discount_percent", "greater_than", "50"), then="credit_note"))
        pipe(driver, order(total_discounts=Decimal(discount)))

        decided = one(pipe(driver, upload()))

        assert (decided.option, decided.state) == (option, state)

    @pytest.mark.parametrize(("country", "state"), [("CA", "no_action"), ("US", "none")])
    def test_if_order_country_equal_to_canada_then_no_action(self, country: str, state: str) -> None:
        driver = with_rules(rule(when("order_country", "equal_to", "Canada"), then="no_action"))
        pipe(driver, order(country=country))

        decided = one(pipe(driver, upload()))

        assert (decided.option, decided.state) == (None, state)

    def test_a_damaged_item_from_australia_gets_store_credit(self) -> None:
        australia = rule(when("order_country", "equal_to", "Australia"), then="credit_note", name="Australia")
        damaged = rule(when("return_reason", "equal_to", "Damaged"), then="refund", name="damaged")
        driver = with_rules(australia, damaged)
        pipe(driver, order(country="AU"))

        decided = one(pipe(driver, upload(unit(reason="Damaged"))))

        assert (decided.option, decided.decided_by) == (Option.CREDIT_NOTE, "rule:Australia")
        assert [trace.name for trace in decided.rules] == ["Australia"]
        assert decided.rules[0].conditions[0].seen == "AU"


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


UPLOADS = (
    upload(unit(reason="Faulty"), unit("CAP"), rma="R1"),
    upload(unit(action="refund"), rma="R2"),
    upload(unit("CAP", reason="Faulty"), unit("CAP"), rma="R3", consignments=("SEK-3",)),
)
ORDER = order(tags=("vip",), country="AU")


@st.composite
def histories(draw: st.DrawFn) -> list[Model | timedelta]:
    """Three uploads in their sequence, repeats behind their originals, the order anywhere, time passing between."""
    history: list[Model | timedelta] = list(UPLOADS)
    for which in draw(st.lists(st.sampled_from(UPLOADS), max_size=3)):
        history.insert(draw(st.integers(history.index(which) + 1, len(history))), which)
    for _ in range(draw(st.integers(1, 3))):
        history.insert(draw(st.integers(0, len(history))), ORDER)
    for _ in range(draw(st.integers(0, 3))):
        hours = draw(st.sampled_from([1, 30, 50]))
        history.insert(draw(st.integers(0, len(history))), timedelta(hours=hours))
    return history


def outcome(history: list[Model | timedelta]) -> dict[str, Any]:
    """What the newest decision of each return says, apart from how many revisions it took."""
    driver = with_rules(FAULTY, ALWAYS)
    for step in history:
        if isinstance(step, timedelta):
            driver.advance(step)
        elif isinstance(step, ReturnUpload | Order):
            pipe(driver, step)
    told = driver.of(topics.RETURN_DECISIONS, ReturnDecision)
    check_revisions(told)
    assert driver.dead_letters == []
    return {d.rma: [u.model_copy(update={"revision": 0}) for u in d.units] for d in told}


def check_revisions(told: list[ReturnDecision]) -> None:
    """Each return's revisions rise by one, and each unit is decided with the order's facts, exactly once."""
    decided: list[tuple[str, str, int]] = []
    for rma in {d.rma for d in told}:
        mine = [d for d in told if d.rma == rma]
        assert [d.revision for d in mine] == list(range(1, len(mine) + 1))
        for decision in mine:
            fresh = [u for u in decision.units if u.revision == decision.revision and u.option is not None]
            assert not fresh or decision.order is not None
            decided += [(rma, u.sku, u.ordinal) for u in fresh]
    assert len(decided) == len(set(decided)) == sum(len(u.units) for u in UPLOADS)


@settings(max_examples=60)
@given(histories())
def test_any_interleaving_of_orders_and_uploads_gives_the_same_decisions(history: list[Model | timedelta]) -> None:
    assert outcome(history) == outcome([ORDER, *UPLOADS])


@settings(max_examples=40)
@given(histories())
def test_returns_of_one_order_are_decided_in_the_sequence_of_their_first_uploads(
    history: list[Model | timedelta],
) -> None:
    driver = with_rules(FAULTY, ALWAYS)
    sequence: list[str] = []
    for step in history:
        if isinstance(step, timedelta):
            driver.advance(step)
        elif isinstance(step, ReturnUpload | Order):
            told = pipe(driver, step)
            assert [d.more for d in told] == list(reversed(range(len(told))))
            sequence += [d.rma for d in told if d.order is not None]

    assert sequence == ["R1", "R2", "R3"]
