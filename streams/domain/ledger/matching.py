"""Which unit that was bought a returned unit is: the lowest free index of the lines with its sku."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from contracts.keys import folded_sku
from contracts.orders import OrderLine
from contracts.returns import Option, OrderFacts, UnitState
from streams.domain.ledger.state import Claim, Ledger, LedgerUnit
from streams.domain.money import unit_amounts

Held = defaultdict[str, list[tuple[str, LedgerUnit]]]
"""By line id the claims on it: each RMA and unit that holds one, an acted unit too."""

Lines = defaultdict[str, list[OrderLine]]


@dataclass(frozen=True, slots=True)
class Occupancy:
    """Who has indices of one line: RMAs by their claims, a refund that is not ours; and the lowest free one, if any."""

    line: OrderLine
    claimed_by: tuple[str, ...]
    refunded: bool
    free: int | None


def claims_by_line(ledger: Ledger) -> Held:
    """All claims of all returns of the order."""
    held: Held = defaultdict(list)
    for known in ledger.returns.values():
        for unit in known.units:
            if unit.claim is not None:
                held[unit.claim.line_id].append((known.rma, unit))
    return held


def lines_by_sku(order: OrderFacts) -> Lines:
    """The lines of an order by their folded sku, each sku's in the order of the lines; one without a sku is in none."""
    lines: Lines = defaultdict(list)
    for line in order.lines:
        if line.sku is not None:
            lines[folded_sku(line.sku)].append(line)
    return lines


def match(sku: str, rma: str, order: OrderFacts, lines: Lines, held: Held) -> Claim | UnitState:
    """The index that a unit of this sku takes, or the state that says why there is none."""
    if not (bought := lines.get(folded_sku(sku))):
        return UnitState.ITEM_NOT_IN_ORDER
    occupied = [occupancy(line, order, held) for line in bought]
    for place in occupied:
        if place.free is not None:
            return _claim(place.line, place.free, order)
    if any(place.refunded for place in occupied):
        return UnitState.ALREADY_REFUNDED
    if any(holder != rma for place in occupied for holder in place.claimed_by):
        return UnitState.ALREADY_CLAIMED
    return UnitState.MORE_THAN_ORDERED


def occupancy(line: OrderLine, order: OrderFacts, held: Held) -> Occupancy:
    """Who takes which index of the line, as this version of the order shows it.

    Refunded quantities first use up claims that had acted as refunds before the version was made: Shopify shows our
    own refunds there. What is left was refunded by somebody else and takes the lowest free indices itself.
    """
    here = [(rma, unit, unit.claim.index) for rma, unit in held.get(line.id, ()) if unit.claim is not None]
    claimed = sorted({index for _, _, index in here})
    foreign = max(0, line.refunded - sum(_is_our_refund(unit, order) for _, unit, _ in here))
    claimed_by = tuple(rma for rma, _, index in here if index <= line.quantity)
    refunded = foreign > 0 and _unclaimed(1, claimed) <= line.quantity
    free = _unclaimed(foreign + 1, claimed)
    return Occupancy(line, claimed_by, refunded, free if free <= line.quantity else None)


def _unclaimed(nth: int, claimed: Sequence[int]) -> int:
    """The nth index (from 1) that is not among the claimed ones, which rise: without counting up a line of millions."""
    for index in claimed:
        if index > nth:
            break
        nth += 1
    return nth


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
