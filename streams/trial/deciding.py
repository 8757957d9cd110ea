"""A trial of the real thing: the functions of return-rules and of the ledger, with nothing stored and nothing sent."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from contracts.keys import folded_sku, order_key
from contracts.orders import Order
from contracts.retailers import Retailer, freeze
from contracts.returns import ReturnDecision, ReturnUnit, ReturnUpload, UnitDecision
from streams.domain.kept_returns import OrderReturns
from streams.domain.ledger import Ledger, take_decision


@dataclass(frozen=True, slots=True)
class TriedUnit:
    """One unit: what would be decided and why, and what it would be matched to and worth."""

    decision: UnitDecision
    row: ReturnUnit


@dataclass(frozen=True, slots=True)
class Trial:
    """One return as it would be decided, were it uploaded now."""

    decision: ReturnDecision
    units: tuple[TriedUnit, ...]


def try_uploads(retailer: Retailer, order: Order, uploads: Iterable[ReturnUpload], at: datetime) -> tuple[Trial, ...]:
    """These uploads in their sequence, the later ones beside the claims of the earlier.

    ValueError where one is for another order.
    """
    key = order_key(retailer.id, order.name)
    ledger = Ledger(order_key=key)
    trials: list[Trial] = []
    for upload in uploads:
        if order_key(retailer.id, upload.order_name) != key:
            raise ValueError(f"return {upload.rma} is for order {upload.order_name!r}, the order is {order.name!r}")
        first = OrderReturns().first(upload.rma.strip(), freeze(retailer), at)
        decision = first.taking(upload, at, order).told(key, order, more=0, parcels_before=())
        ledger, effects = take_decision(ledger, decision, at, at)
        rows = {(folded_sku(row.sku), row.ordinal): row for row in effects.units if row.rma == decision.rma}
        units = tuple(TriedUnit(unit, rows[folded_sku(unit.sku), unit.ordinal]) for unit in decision.units)
        trials.append(Trial(decision, units))
    return tuple(trials)
