"""Orders, units and rules for the tests of the domain, with ordinary values where a test does not care."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from contracts.orders import Order, OrderLine
from contracts.retailers import (
    Condition,
    CustomerChoice,
    Dimension,
    FrozenSettings,
    Operator,
    Portal,
    ReturnActionStage,
    Rule,
    RuleOutcome,
)
from contracts.returns import UploadedUnit

MORNING = datetime(2026, 11, 1, 10, 0, tzinfo=UTC)


def order(**changes: Any) -> Order:
    """An order of 100 USD with one line of two units of TEE-M."""
    values: dict[str, Any] = {
        "retailer": "acme",
        "shop": "acme.myshopify.com",
        "id": "1",
        "name": "#1001",
        "created_at": MORNING,
        "updated_at": MORNING,
        "currency": "USD",
        "total_price": Decimal("100.00"),
        "total_line_items_price": Decimal("100.00"),
        "lines": (OrderLine(id="11", sku="TEE-M", quantity=2, price=Decimal("50.00")),),
    }
    return Order(**{**values, **changes})


def unit(**changes: Any) -> UploadedUnit:
    """One returned TEE-M."""
    return UploadedUnit(**{"sku": "TEE-M", **changes})


def when(dimension: str, operator: str, *operands: str, currency: str | None = None) -> Condition:
    """One condition, in the words of the retailers file."""
    return Condition(dimension=Dimension(dimension), operator=Operator(operator), operands=operands, currency=currency)


def rule(*conditions: Condition, then: str, name: str = "a rule") -> Rule:
    """A rule, in the words of the contract."""
    return Rule(name=name, conditions=conditions, then=RuleOutcome(then))


def settings(*rules: Rule, choice: bool = False, exchange: bool = False) -> FrozenSettings:
    """Settings of a retailer on OmniReturns."""
    return FrozenSettings(
        version=3,
        portal=Portal.OMNIRETURNS,
        customer_choice=CustomerChoice(enabled=choice, exchange=exchange),
        return_action=ReturnActionStage.FIRST_SCAN,
        hold_hours=48,
        rules=rules,
    )
