"""Decisions, events and orders' facts for the ledger's tests, with ordinary values where a test does not care."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from contracts.actions import AlertKind, ReturnAction
from contracts.keys import fact_id, folded_sku
from contracts.orders import OrderLine
from contracts.retailers import CustomerChoice, FrozenSettings, Portal, ReturnActionStage
from contracts.returns import (
    DecisionState,
    EventItem,
    Meaning,
    Option,
    OrderFacts,
    ReturnDecision,
    ReturnEvent,
    ReturnUnit,
    UnitDecision,
)
from contracts.tracking import Source
from streams.domain.ledger import Alert, Effects, Ledger, take_decision, take_event
from streams.domain.ledger.units import rows

ORDER = "acme/1001"
NOON = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
HUB = Source(sender="omnirps", account="acme-hub", retailers=("acme",))


def line(sku: str | None = "TEE", quantity: int = 2, **changes: Any) -> OrderLine:
    """A line of TEEs at 10.00 each."""
    return OrderLine(**{"id": f"line-{sku}", "sku": sku, "quantity": quantity, "price": Decimal(10), **changes})


def facts(*lines: OrderLine, **changes: Any) -> OrderFacts:
    """An order with these lines, last changed an hour before noon."""
    values = {
        "id": "1",
        "updated_at": NOON - timedelta(hours=1),
        "currency": "USD",
        "taxes_included": False,
        "lines": lines or (line(),),
    }
    return OrderFacts(**{**values, **changes})


def settings(stage: str = "first_scan", *, portal: Portal = Portal.OMNIRETURNS, version: int = 1) -> FrozenSettings:
    """Settings under which a return was first uploaded."""
    return FrozenSettings(
        version=version,
        portal=portal,
        customer_choice=CustomerChoice(),
        return_action=ReturnActionStage(stage),
        hold_hours=48,
        rules=(),
    )


# What may be said of a unit, in one word: an option, or a state without one.
OPTIONS = {option.value: option for option in Option}


def units(*said: str, revision: int = 1, revisions: dict[str, int] | None = None) -> tuple[UnitDecision, ...]:
    """One unit for each `SKU` or `SKU=outcome`; outcome: an option (refund when left out) or a decision's state.

    revisions: of units decided earlier, by what was said of them.
    """
    decided: list[UnitDecision] = []
    for each in said:
        sku, _, outcome = each.partition("=")
        option = OPTIONS.get(outcome or "refund")
        same = sum(folded_sku(known.sku) == folded_sku(sku) for known in decided)
        decided.append(
            UnitDecision(
                sku=sku,
                ordinal=same + 1,
                revision=(revisions or {}).get(each, revision),
                content=each,
                state=DecisionState.DECIDED if option else DecisionState(outcome),
                option=option,
                decided_by="customer",
            )
        )
    return tuple(decided)


def decision(
    *said: str, rma: str = "R1", revision: int = 1, stage: str = "first_scan", **changes: Any
) -> ReturnDecision:
    """The decision of one upload of these units (see `units`)."""
    revisions = changes.pop("revisions", None)
    values = {
        "retailer": "acme",
        "order_key": ORDER,
        "rma": rma,
        "revision": revision,
        "uploaded_at": NOON,
        "settings": settings(stage),
        "units": units(*(said or ("TEE",)), revision=revision, revisions=revisions),
        "order": facts(),
    }
    return ReturnDecision(**{**values, **changes})


def event(meaning: str = "first_scan", *, id: str | None = None, **changes: Any) -> ReturnEvent:
    """An event of return R1; items as a mapping sku -> count."""
    counted: dict[str, int] = changes.pop("items", {})
    values = {
        "event_id": id or fact_id(meaning, changes.get("rma", "R1"), changes.get("consignment")),
        "retailer": "acme",
        "order_key": ORDER,
        "rma": "R1",
        "meaning": Meaning(meaning),
        "code": meaning,
        "at": NOON,
        "items": tuple(EventItem(sku=sku, count=count) for sku, count in counted.items()),
        "source": HUB,
    }
    return ReturnEvent(**{**values, **changes})


def hub(meaning: str = "first_scan", *, consignment: str | None = None, **changes: Any) -> ReturnEvent:
    """An event of the hub under the order: which return it means is for the ledger to find."""
    return event(meaning, **{"rma": None, "consignment": consignment, **changes})


@dataclass(slots=True)
class Book:
    """A ledger that is told things one after another; remembers all that followed. `now` moves by hand."""

    now: datetime = NOON
    ledger: Ledger = field(default_factory=lambda: Ledger(order_key=ORDER))
    actions: list[ReturnAction] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)

    def take(self, *inputs: ReturnDecision | ReturnEvent) -> Effects:
        """Tell it these, at `now`; returns what followed from the last."""
        effects = Effects()
        for each in inputs:
            if isinstance(each, ReturnDecision):
                self.ledger, effects = take_decision(self.ledger, each, self.now, self.now)
            else:
                self.ledger, effects = take_event(self.ledger, each, self.now, self.now)
            self.actions += effects.actions
            self.alerts += effects.alerts
        return effects

    def later(self, **by: float) -> Book:
        """Let time pass."""
        self.now += timedelta(**by)
        return self

    @property
    def paid(self) -> list[str]:
        """`RMA/sku/ordinal=option` of each action, in the order in which they were written."""
        return [f"{a.rma}/{a.sku}/{a.ordinal}={a.option}" for a in self.actions]

    @property
    def states(self) -> dict[str, str]:
        """State of every unit, by `RMA/sku/ordinal`."""
        return {f"{row.rma}/{row.sku}/{row.ordinal}": row.state.value for row in rows(self.ledger)}

    @property
    def claims(self) -> dict[str, str]:
        """`line/index` of every unit that holds one."""
        claimed = {f"{row.rma}/{row.sku}/{row.ordinal}": (row.line_id, row.line_index) for row in rows(self.ledger)}
        return {unit: f"{line}/{index}" for unit, (line, index) in claimed.items() if line is not None}

    def row(self, unit: str) -> ReturnUnit:
        """The row of `RMA/sku/ordinal`."""
        return next(row for row in rows(self.ledger) if f"{row.rma}/{row.sku}/{row.ordinal}" == unit)

    def alerted(self, kind: AlertKind) -> list[Alert]:
        """The alerts of a kind."""
        return [alert for alert in self.alerts if alert.kind is kind]
