"""Decisions: what the order says, then the customer, then the rules; and what counts as content."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.returns import DecisionState, Option, ReturnUpload, UnitDecision
from streams.domain.decisions import (
    consignments_of,
    content_of_unit,
    content_of_upload,
    decide_unit,
    order_state,
    ordinals,
)
from tests.unit.domain.builders import MORNING, order, rule, settings, unit, when

ALWAYS_REFUND = rule(then="refund", name="always")


def decide(word: str = "", **given_: Any) -> UnitDecision:
    known = given_.pop("known", order())
    chosen = given_.pop("frozen", settings(ALWAYS_REFUND, choice=True))
    return decide_unit(unit(return_action=word, **given_), known, chosen, ordinal=1, revision=1)


class TestTheOrderComesFirst:
    @pytest.mark.parametrize(
        ("known", "state"),
        [
            (None, DecisionState.ORDER_NOT_FOUND),
            (order(other_ids=("2",)), DecisionState.ORDER_AMBIGUOUS),
            (order(cancelled_at=MORNING), DecisionState.ORDER_CANCELLED),
            (order(other_ids=("2",), cancelled_at=MORNING), DecisionState.ORDER_AMBIGUOUS),
        ],
    )
    def test_whatever_the_customer_and_the_rules_say(self, known: Any, state: DecisionState) -> None:
        decision = decide("refund", known=known)

        assert (decision.state, decision.option, decision.decided_by) == (state, None, "order")

    def test_an_order_that_is_still_waited_for_is_not_missing(self) -> None:
        decision = decide_unit(unit(), None, settings(), ordinal=1, revision=1, holding=True)

        assert decision.state is DecisionState.WAITING_FOR_ORDER

    def test_nothing_is_waited_for_unless_somebody_says_so(self) -> None:
        assert order_state(None) is DecisionState.ORDER_NOT_FOUND
        assert order_state(None, holding=True) is DecisionState.WAITING_FOR_ORDER
        assert order_state(order(), holding=True) is None


class TestTheCustomersChoice:
    @pytest.mark.parametrize(
        ("word", "option"),
        [
            ("REFUND", Option.REFUND),
            ("CREDIT NOTE", Option.CREDIT_NOTE),
            ("store_credit", Option.CREDIT_NOTE),
            ("exchange", Option.EXCHANGE),
        ],
    )
    def test_wins_over_every_rule(self, word: str, option: Option) -> None:
        no_action = rule(then="no_action")

        decision = decide(word, frozen=settings(no_action, choice=True, exchange=True))

        assert (decision.state, decision.option) == (DecisionState.DECIDED, option)
        assert (decision.decided_by, decision.rules) == ("customer", ())

    def test_an_exchange_that_is_not_offered_goes_to_a_person_and_not_to_the_rules(self) -> None:
        decision = decide("exchange")

        assert (decision.state, decision.option) == (DecisionState.CHOICE_NOT_OFFERED, None)

    def test_an_unknown_word_goes_to_a_person_and_not_to_the_rules(self) -> None:
        decision = decide("money please")

        assert (decision.state, decision.option) == (DecisionState.CHOICE_UNKNOWN, None)
        assert decision.return_action == "money please"

    def test_a_blank_word_is_no_choice(self) -> None:
        assert decide(" - ").decided_by == "rule:always"

    @pytest.mark.parametrize("word", ["exchange", "money please", "credit note"])
    def test_counts_only_where_it_is_enabled(self, word: str) -> None:
        decision = decide(word, frozen=settings(ALWAYS_REFUND))

        assert (decision.option, decision.decided_by) == (Option.REFUND, "rule:always")


class TestTheRules:
    def test_the_first_that_holds_decides_and_all_looked_at_are_told(self) -> None:
        rules = (
            rule(when("return_reason", "equal_to", "Faulty"), then="refund", name="faulty"),
            rule(then="credit_note", name="rest"),
        )

        decision = decide(frozen=settings(*rules), reason="Too small")

        assert (decision.state, decision.option) == (DecisionState.DECIDED, Option.CREDIT_NOTE)
        assert decision.decided_by == "rule:rest"
        assert [(trace.name, trace.matched) for trace in decision.rules] == [("faulty", False), ("rest", True)]

    def test_no_action_is_an_outcome_and_not_a_lack_of_one(self) -> None:
        decision = decide(frozen=settings(rule(then="no_action", name="Canada")))

        assert (decision.state, decision.option) == (DecisionState.NO_ACTION, None)
        assert decision.decided_by == "rule:Canada"

    def test_none_holds_and_nobody_decides(self) -> None:
        rules = (rule(when("tag", "equal_to", "vip"), then="refund", name="vip"),)

        decision = decide(frozen=settings(*rules))

        assert (decision.state, decision.option, decision.decided_by) == (DecisionState.NONE, None, "nobody")
        assert [trace.name for trace in decision.rules] == ["vip"]


def test_a_decision_names_the_unit_its_revision_and_the_wanted_variant() -> None:
    sent = unit(sku=" tee-m ", return_action="Exchange", exchange_variant_id="77", exchange_sku="TEE-L", reason="Big")

    decision = decide_unit(sent, order(), settings(choice=True, exchange=True), ordinal=2, revision=4)

    assert (decision.sku, decision.ordinal, decision.revision) == ("tee-m", 2, 4)
    assert (decision.exchange_variant_id, decision.exchange_sku, decision.reason) == ("77", "TEE-L", "Big")
    assert decision.content == content_of_unit(sent)


def test_ordinals_count_each_sku_from_one_whatever_its_spelling() -> None:
    units = [unit(sku=sku) for sku in ("A", "B", " a ", "A", "b")]

    assert ordinals(units) == (1, 1, 2, 3, 2)


class TestContent:
    SENT = unit(sku="TEE-M", reason="Faulty", return_action="CREDIT NOTE", exchange_sku="TEE-L")

    @pytest.mark.parametrize(
        "change",
        [
            {"sku": " tee-m"},
            {"reason": " FAULTY "},
            {"return_action": "store credit"},
            {"return_action": "Credit_Note-Plus"},
            {"exchange_sku": "tee-l "},
            {"exchange_variant_id": " "},
            {"exchange_variant_id": None},
            {"comment": "please hurry", "item_value": "9.99", "description": "a shirt", "consignment_no": "C1"},
        ],
    )
    def test_what_cannot_decide_otherwise_is_the_same_content(self, change: dict[str, str]) -> None:
        assert content_of_unit(self.SENT.model_copy(update=change)) == content_of_unit(self.SENT)

    @pytest.mark.parametrize(
        "change",
        [
            {"sku": "TEE-L"},
            {"reason": "Faulty zip"},
            {"reason": ""},
            {"return_action": "refund"},
            {"return_action": ""},
            {"return_action": "whatever"},
            {"exchange_sku": "TEE-S"},
            {"exchange_sku": None},
            {"exchange_sku": None, "exchange_variant_id": "TEE-L"},
        ],
    )
    def test_what_decides_is_another_content(self, change: dict[str, str]) -> None:
        assert content_of_unit(self.SENT.model_copy(update=change)) != content_of_unit(self.SENT)

    @pytest.mark.parametrize("name", ["exchange_sku", "exchange_variant_id"])
    def test_a_blank_variant_is_none(self, name: str) -> None:
        contents = {content_of_unit(unit(**{name: blank})) for blank in (None, "", "  ")}

        assert len(contents) == 1

    def test_all_unknown_words_are_one_content_and_none_is_another(self) -> None:
        contents = [content_of_unit(unit(return_action=word)) for word in ("cash", "bananas", "")]

        assert contents[0] == contents[1] != contents[2]

    def test_texts_cannot_run_into_each_other(self) -> None:
        assert content_of_unit(unit(sku='A","', reason="B")) != content_of_unit(unit(sku="A", reason='","B'))


def upload(*skus: str, consignments: tuple[str, ...] = ()) -> ReturnUpload:
    units = tuple(unit(sku=sku) for sku in skus)
    return ReturnUpload(retailer="acme", order_name="1001", rma="R1", units=units, consignments=consignments)


class TestContentOfAnUpload:
    @given(st.lists(st.sampled_from(["SK 1", "sk-1", "SK2", " ", "-"])))
    def test_consignments_are_a_set_of_tracking_keys(self, numbers: list[str]) -> None:
        named = upload("A", consignments=tuple(numbers))
        again = upload("A", consignments=(*reversed(numbers), *numbers))

        assert content_of_upload(named) == content_of_upload(again)
        assert consignments_of(named) <= {"SK1", "SK2"}

    def test_a_new_consignment_is_another_content(self) -> None:
        assert content_of_upload(upload("A", consignments=("S1",))) != content_of_upload(upload("A"))

    def test_units_count_in_their_order_and_number(self) -> None:
        contents = {content_of_upload(upload(*skus)) for skus in (("A", "B"), ("B", "A"), ("A", "A", "B"))}

        assert len(contents) == 3

    def test_a_consignment_named_only_by_a_unit_counts(self) -> None:
        by_unit = ReturnUpload(
            retailer="acme", order_name="1001", rma="R1", units=(unit(sku="A", consignment_no="s-1"),)
        )

        assert content_of_upload(by_unit) == content_of_upload(upload("A", consignments=("S1",)))


def test_a_content_has_the_same_digest_for_ever() -> None:
    # They are stored: with others, after an update every repeat of an upload would be an edit.
    sent = unit(reason="Abîmé", return_action="exchange", exchange_sku="TEE-L", exchange_variant_id="77")
    whole = ReturnUpload(retailer="acme", order_name="1001", rma="R1", units=(sent,), consignments=("SEK-1",))

    assert content_of_unit(sent) == "e8cb81f8889a4682ce4b86d950e2f6a21a7d92c39e4692069b0d84778a0d5f79"
    assert content_of_upload(whole) == "388c52c44c678a98083f06728034f0ccbc73a29290f957cb57cbe4d4764a9f13"
