"""The retailers of the soak: one of each kind, all with the same rules."""

from __future__ import annotations

from dataclasses import dataclass

from contracts.retailers import (
    Condition,
    CustomerChoice,
    Dimension,
    Operator,
    Portal,
    Retailer,
    ReturnActionStage,
    Rule,
    RuleOutcome,
)
from tests.builders import retailer

# By content of a unit (tests/model/steps.py): what a rule makes of its reason, or the word that the customer wrote.
RULES = {"faulty": RuleOutcome.REFUND, "store credit": RuleOutcome.CREDIT_NOTE, "worn": RuleOutcome.NO_ACTION}
WORDS = {"other size": "EXCHANGE", "no rule": ""}
CONTENTS = (*RULES, *WORDS)


@dataclass(frozen=True, slots=True)
class Shop:
    """A retailer of the soak."""

    id: str
    stage: ReturnActionStage
    loop: bool = False
    hooked: bool = False

    def settings(self, hook: str) -> Retailer:
        """As it stands on its topic. hook: where it wants to be told, if it does."""
        rules = (Rule(name=said, conditions=(_because(said),), then=then) for said, then in RULES.items())
        return retailer(
            self.id,
            portal=Portal.LOOP if self.loop else Portal.OMNIRETURNS,
            return_action=self.stage,
            customer_choice=CustomerChoice(enabled=True, exchange=True),
            hook=hook if self.hooked else None,
            secret_ref=f"{self.id}/hook",
            rules=tuple(rules),
        )


SHOPS = (
    Shop("acme", ReturnActionStage.FIRST_SCAN, loop=True, hooked=True),
    Shop("bergwerk", ReturnActionStage.FIRST_SCAN, hooked=True),
    Shop("cordwain", ReturnActionStage.PROCESSING),
    Shop("dunes", ReturnActionStage.MANUAL),
)


def _because(reason: str) -> Condition:
    return Condition(dimension=Dimension.RETURN_REASON, operator=Operator.EQUAL_TO, operands=(reason,))
