"""return-rules: the customer's choice, and the worked examples of the seed."""

from __future__ import annotations

from decimal import Decimal

import pytest

from contracts.retailers import CustomerChoice
from contracts.returns import Option
from tests.agents.return_rules_kit import ALWAYS, one, pipe, with_rules
from tests.builders import unit, upload
from tests.unit.domain.builders import order, rule, when


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
