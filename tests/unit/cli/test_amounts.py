"""Money as people read it."""

from __future__ import annotations

from decimal import Decimal

import pytest

from streams.cli.amounts import money


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        ("50", "USD", "50.00 USD"),
        ("5E+1", "USD", "50.00 USD"),
        ("50.000", "USD", "50.00 USD"),
        ("3.335", "USD", "3.335 USD"),
        ("0", "USD", "0.00 USD"),
        ("1200", "JPY", "1200 JPY"),
        ("1200.00", "JPY", "1200 JPY"),
        ("1.5", "KWD", "1.500 KWD"),
        ("-0.5", "EUR", "-0.50 EUR"),
        ("7", None, "7.00"),
    ],
)
def test_it_has_its_currencys_decimals_and_loses_none(amount: str, currency: str | None, text: str) -> None:
    assert money(Decimal(amount), currency) == text
