"""Money of a line and of one unit of it: exact sums, in the minor unit of the currency."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Context, Decimal, Inexact, InvalidOperation, Overflow, localcontext

from contracts.orders import OrderLine

# ISO 4217:2015 with its amendments up to 2025, list one, column "minor unit": every other currency has two decimals.
_DECIMALS: Mapping[int, tuple[str, ...]] = {
    0: (
        *("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG"),
        *("RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF"),
    ),
    3: ("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"),
    4: ("CLF", "UYW"),
}
MINOR_UNIT_EXCEPTIONS: Mapping[str, int] = {
    currency: decimals for decimals, currencies in _DECIMALS.items() for currency in currencies
}
DEFAULT_MINOR_UNIT = 2

# An amount has 60 digits, before the point or behind it, and a quantity ten: so wide that no sum is ever rounded.
_EXACT = Context(prec=150, traps=[Inexact, InvalidOperation, Overflow])


@dataclass(frozen=True, slots=True)
class UnitAmounts:
    """What one unit of a line was sold for.

    amount: its share of the line's net, as the shop prices it (tax contained exactly when the order says
    `taxes_included`); tax: its share of the tax. Presentment amounts are None where they do not differ or are unknown.
    """

    amount: Decimal
    tax: Decimal
    currency: str
    presentment_amount: Decimal | None = None
    presentment_tax: Decimal | None = None
    presentment_currency: str | None = None


def minor_unit(currency: str) -> int:
    """How many decimals the currency has; two for one that the table does not name."""
    return MINOR_UNIT_EXCEPTIONS.get(currency.upper(), DEFAULT_MINOR_UNIT)


def share(total: Decimal, parts: int, index: int, currency: str) -> Decimal:
    """The share of a total at `index` (from 1) of so many parts, by largest remainder, lower indices first.

    In the currency's minor unit. The shares sum exactly to the total, never rise from one index to the next and differ
    by one minor unit at most, for negative totals too (-1.00 in three: -0.33, -0.33, -0.34). Where the total is finer
    than the minor unit, the fraction of one minor unit goes, undivided, to the first index that got no whole one
    (10.005 in three: 3.34, 3.335, 3.33). ValueError where there is no such index.
    """
    if not 1 <= index <= parts:
        raise ValueError(f"{total} {currency} in {parts} parts: there is no index {index}")
    exponent = minor_unit(currency)
    with localcontext(_EXACT):
        minor = total.scaleb(exponent)
        whole = int(minor // 1) - (1 if minor % 1 < 0 else 0)  # floor: // cuts towards zero
        base, extra = divmod(whole, parts)
        part = Decimal(base + 1 if index <= extra else base)
        if index == extra + 1:
            part += minor - whole
        return part.scaleb(-exponent)


def line_net(price: Decimal, quantity: int, discount: Decimal) -> Decimal:
    """Price times quantity, less the line's discount allocations. Exact."""
    with localcontext(_EXACT):
        return price * quantity - discount


def unit_amounts(line: OrderLine, index: int, *, currency: str, presentment_currency: str | None = None) -> UnitAmounts:
    """What the unit at `index` (from 1) of this line was sold for. ValueError where the line has no such index."""
    if not 1 <= index <= line.quantity:
        raise ValueError(f"line {line.id} has no index {index}: it has the indices 1 to {line.quantity}")
    net = line_net(line.price, line.quantity, line.discount)
    amounts = UnitAmounts(
        amount=share(net, line.quantity, index, currency),
        tax=share(line.tax, line.quantity, index, currency),
        currency=currency,
    )
    price, discount, tax = line.presentment_price, line.presentment_discount, line.presentment_tax
    if (
        presentment_currency is None
        or presentment_currency == currency
        or price is None
        or discount is None
        or tax is None
    ):
        return amounts
    net = line_net(price, line.quantity, discount)
    return replace(
        amounts,
        presentment_amount=share(net, line.quantity, index, presentment_currency),
        presentment_tax=share(tax, line.quantity, index, presentment_currency),
        presentment_currency=presentment_currency,
    )
