"""Which unit that was bought a returned unit is: the lowest free index of the lines with its sku."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from contracts.keys import folded_sku
from contracts.orders import OrderLine
from contracts.returns import Option, OrderFacts, UnitState
from streams.domain.ledger.state import Claim, Ledger, LedgerUnit
from streams.domain.money import unit_amounts


@dataclass(frozen=True, slots=True)
class Held:
    """One claim and the unit that holds it."""

    rma: str
    unit: LedgerUnit
    claim: Claim


@dataclass(frozen=True, slots=True)
class Occupancy:
    """One line's indices: which are claimed, which a refund that is not ours takes, which are free."""

    line: OrderLine
    claimed_by: tuple[str, ...]
    refunded: tuple[int, ...]
    free: tuple[int, ...]


def held_claims(ledger: Ledger) -> tuple[Held, ...]:
    """All claims of all returns of the order, those of acted units too."""
    return tuple(
        Held(known.rma, unit, unit.claim)
        for known in ledger.returns.values()
        for unit in known.units
        if unit.claim is not None
    )


def match(sku: str, rma: str, order: OrderFacts, held: Sequence[Held]) -> Claim | UnitState:
    """The index that a unit of this sku takes, or the state that says why there is none."""
    wanted = folded_sku(sku)
    lines = [line for line in order.lines if line.sku is not None and folded_sku(line.sku) == wanted]
    if not lines:
        return UnitState.ITEM_NOT_IN_ORDER
    occupied = [occupancy(line, order, held) for line in lines]
    for place in occupied:
        if place.free:
            return _claim(place.line, place.free[0], order)
    if any(place.refunded for place in occupied):
        return UnitState.ALREADY_REFUNDED
    if any(holder != rma for place in occupied for holder in place.claimed_by):
        return UnitState.ALREADY_CLAIMED
    return UnitState.MORE_THAN_ORDERED


def occupancy(line: OrderLine, order: OrderFacts, held: Iterable[Held]) -> Occupancy:
    """Who takes which index of the line, as this version of the order shows it.

    Refunded quantities first use up claims that had acted as refunds before the version was made: Shopify shows our
    own refunds there. What is left was refunded by somebody else and takes the lowest free indices itself.
    """
    here = [each for each in held if each.claim.line_id == line.id]
    claimed = {each.claim.index for each in here}
    unclaimed = [index for index in range(1, line.quantity + 1) if index not in claimed]
    foreign = max(0, line.refunded - sum(_is_our_refund(each.unit, order) for each in here))
    claimed_by = tuple(each.rma for each in here if each.claim.index <= line.quantity)
    return Occupancy(line, claimed_by, tuple(unclaimed[:foreign]), tuple(unclaimed[foreign:]))


def _is_our_refund(unit: LedgerUnit, order: OrderFacts) -> bool:
    return unit.option is Option.REFUND and unit.acted_at is not None and unit.acted_at < order.updated_at


def _claim(line: OrderLine, index: int, order: OrderFacts) -> Claim:
    amounts = unit_amounts(line, index, currency=order.currency, presentment_currency=order.presentment_currency)
    return Claim(
        order_id=order.id,
        line_id=line.id,
        index=index,
        variant_id=line.variant_id,
        amount=amounts.amount,
        tax=amounts.tax,
        currency=amounts.currency,
        taxes_included=order.taxes_included,
        presentment_amount=amounts.presentment_amount,
        presentment_tax=amounts.presentment_tax,
        presentment_currency=amounts.presentment_currency,
    )
