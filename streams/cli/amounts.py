"""Money as people read it."""

from __future__ import annotations

from decimal import Decimal

from streams.domain.money import minor_unit


def money(amount: Decimal, currency: str | None) -> str:
    """`50.00 USD`, `1200 JPY`: the currency's decimals, or as many more as the amount has."""
    exponent = amount.normalize().as_tuple().exponent
    digits = -exponent if isinstance(exponent, int) else 0
    number = f"{amount:.{max(minor_unit(currency or ''), digits)}f}"
    return f"{number} {currency}" if currency else number
