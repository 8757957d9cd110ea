"""The ledger as it runs, and what came out of it, in words that compare with the reference's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal

from contracts import topics
from contracts.actions import AlertKind, ReturnAction, ReturnAlert
from contracts.keys import folded_sku
from contracts.returns import ReturnDecision, ReturnEvent, ReturnUnit
from streams.agents.return_actions import return_actions
from streams.engine.driver import AgentTestDriver
from tests.model.reference import UnitKey
from tests.model.rules_double import ORDER

Paid = dict[UnitKey, tuple[str, Decimal, Decimal, str]]


@dataclass
class Subject:
    """The agent in its driver, told the same as the reference. What it says of other orders is left out."""

    driver: AgentTestDriver = field(default_factory=lambda: AgentTestDriver(return_actions))

    def pipe(self, records: Iterable[ReturnDecision | ReturnEvent]) -> None:
        for record in records:
            topic = topics.RETURN_DECISIONS if isinstance(record, ReturnDecision) else topics.RETURN_EVENTS
            self.driver.pipe(topic, record, key=ORDER)

    @property
    def actions(self) -> list[ReturnAction]:
        written = [action for topic in topics.ACTIONS.values() for action in self.driver.of(topic, ReturnAction)]
        return [action for action in written if action.order_key == ORDER]

    @property
    def paid(self) -> Paid:
        return {(a.rma, folded_sku(a.sku), a.ordinal): (a.option, a.amount, a.tax, a.currency) for a in self.actions}

    @property
    def rows(self) -> list[ReturnUnit]:
        return [row for row in self.driver.of(topics.RETURN_UNITS, ReturnUnit) if row.order_key == ORDER]

    @property
    def alerts(self) -> set[str]:
        # The same matter may be raised again, under the same id: whoever reads alerts shows it once.
        return {alert.alert_id for alert in self.driver.of(topics.RETURN_ALERTS, ReturnAlert)}

    @property
    def states(self) -> dict[UnitKey, str]:
        return {(row.rma, folded_sku(row.sku), row.ordinal): row.state.value for row in self.rows}

    @property
    def ambiguous(self) -> set[str]:
        return ambiguous(self.driver)


def ambiguous(driver: AgentTestDriver) -> set[str]:
    """Ids of an agent's calls about events of our order that nobody could attribute."""
    alerts = driver.of(topics.RETURN_ALERTS, ReturnAlert)
    return {a.alert_id for a in alerts if a.kind is AlertKind.AMBIGUOUS_EVENT and a.order_key == ORDER}


def as_money(paid: dict[UnitKey, tuple[str, int, int]]) -> Paid:
    return {key: (option, Decimal(net) / 100, Decimal(tax) / 100, "USD") for key, (option, net, tax) in paid.items()}
