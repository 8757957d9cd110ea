"""What the tests of return-rules share: a retailer with rules, records in, decisions out."""

from __future__ import annotations

from typing import Any

from contracts import topics
from contracts.orders import Order
from contracts.retailers import CustomerChoice, Retailer, Rule
from contracts.returns import DecisionState, ReturnDecision, ReturnUpload, UnitDecision
from streams.agents.return_rules import AGENT
from streams.engine.driver import AgentTestDriver, Written
from tests.builders import retailer
from tests.unit.domain.builders import rule, when

KEY = "acme/1001"
FAULTY = rule(when("return_reason", "equal_to", "Faulty"), then="refund", name="faulty goods")
ALWAYS = rule(then="credit_note", name="always")


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
