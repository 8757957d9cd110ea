"""Money: shares sum exactly, differ by one minor unit at most, and the lower index gets the larger."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.orders import OrderLine
from streams.domain.money import MINOR_UNIT_EXCEPTIONS, UnitAmounts, line_net, minor_unit, share, unit_amounts

CURRENCIES = st.sampled_from(["USD", "GBP", "JPY", "KWD", "CLF"])


def split(total: Decimal, parts: int, currency: str) -> tuple[Decimal, ...]:
    return tuple(share(total, parts, index, currency) for index in range(1, parts + 1))


def decimals(*texts: str) -> tuple[Decimal, ...]:
    return tuple(map(Decimal, texts))


@pytest.mark.parametrize(
    ("total", "parts", "currency", "shares"),
    [
        ("10.00", 3, "USD", ["3.34", "3.33", "3.33"]),
        ("0.02", 3, "USD", ["0.01", "0.01", "0.00"]),
        ("100", 3, "JPY", ["34", "33", "33"]),
        ("1.000", 3, "KWD", ["0.334", "0.333", "0.333"]),
        ("0", 2, "USD", ["0.00", "0.00"]),
        ("-1.00", 3, "USD", ["-0.33", "-0.33", "-0.34"]),
        ("10.005", 3, "USD", ["3.34", "3.335", "3.33"]),
        ("-0.005", 2, "USD", ["0.000", "-0.005"]),
        ("7.5", 1, "JPY", ["7.5"]),
    ],
)
def test_a_total_is_split_by_largest_remainder_lower_indices_first(
    total: str, parts: int, currency: str, shares: list[str]
) -> None:
    assert split(Decimal(total), parts, currency) == decimals(*shares)


@given(
    total=st.decimals(min_value=-(10**9), max_value=10**9, places=6, allow_nan=False),
    parts=st.integers(min_value=1, max_value=40),
    currency=CURRENCIES,
)
def test_shares_sum_exactly_never_rise_and_differ_by_one_minor_unit_at_most(
    total: Decimal, parts: int, currency: str
) -> None:
    shares = split(total, parts, currency)

    assert len(shares) == parts
    assert sum(shares) == total
    assert list(shares) == sorted(shares, reverse=True)
    assert shares[0] - shares[-1] <= Decimal(1).scaleb(-minor_unit(currency))


@given(
    minor=st.integers(min_value=-(10**12), max_value=10**12),
    parts=st.integers(min_value=1, max_value=40),
    currency=CURRENCIES,
)
def test_shares_of_whole_minor_units_are_whole_minor_units(minor: int, parts: int, currency: str) -> None:
    for part in split(Decimal(minor).scaleb(-minor_unit(currency)), parts, currency):
        assert -part.as_tuple().exponent == minor_unit(currency)  # type: ignore[operator]  # never NaN


@pytest.mark.parametrize(("parts", "index"), [(0, 1), (-1, 1), (3, 0), (3, 4)])
def test_there_is_no_share_beyond_the_parts(parts: int, index: int) -> None:
    with pytest.raises(ValueError, match=f"in {parts} parts: there is no index {index}"):
        share(Decimal("0.01"), parts, index, "USD")


def test_a_share_of_a_thousand_million_parts_costs_no_more_than_one_of_three() -> None:
    assert share(Decimal("10000000.01"), 10**9, 1, "USD") == Decimal("0.02")
    assert share(Decimal("10000000.01"), 10**9, 10**9, "USD") == Decimal("0.01")


def test_amounts_of_more_digits_than_a_float_or_the_default_context_holds_stay_exact() -> None:
    total = Decimal("123456789012345678901234567890.01")

    assert split(total, 1, "USD") == (total,)
    assert line_net(Decimal("123456789012345678901234567890.01"), 3, Decimal("0.03")) == Decimal(
        "370370367037037036703703703670.00"
    )


def test_the_minor_units_of_iso_4217() -> None:
    assert [minor_unit(c) for c in ("USD", "JPY", "krw", "BHD", "UYW", "XXX")] == [2, 0, 0, 3, 4, 2]
    assert all(len(currency) == 3 and currency.isupper() for currency in MINOR_UNIT_EXCEPTIONS)


def test_a_unit_has_its_share_of_the_net_and_apart_from_it_of_the_tax() -> None:
    line = OrderLine(id="1", quantity=3, price=Decimal("10.00"), discount=Decimal("5.00"), tax=Decimal("2.00"), sku="A")

    units = [unit_amounts(line, index, currency="USD") for index in (1, 2, 3)]

    assert [u.amount for u in units] == list(decimals("8.34", "8.33", "8.33"))
    assert [u.tax for u in units] == list(decimals("0.67", "0.67", "0.66"))
    assert units[0] == UnitAmounts(Decimal("8.34"), Decimal("0.67"), "USD")


PRESENTED = OrderLine(
    id="1",
    quantity=3,
    price=Decimal("10.00"),
    presentment_price=Decimal(1000),
    presentment_discount=Decimal(99),
    presentment_tax=Decimal(50),
)


def test_presentment_amounts_are_split_in_their_own_minor_unit() -> None:
    units = [unit_amounts(PRESENTED, index, currency="USD", presentment_currency="JPY") for index in (1, 2, 3)]

    assert [u.presentment_amount for u in units] == list(decimals("967", "967", "967"))
    assert [u.presentment_tax for u in units] == list(decimals("17", "17", "16"))
    assert {u.presentment_currency for u in units} == {"JPY"}


def test_each_index_has_its_own_presentment_share() -> None:
    line = PRESENTED.model_copy(update={"presentment_discount": Decimal(101), "presentment_tax": Decimal(52)})
    units = [unit_amounts(line, index, currency="USD", presentment_currency="JPY") for index in (1, 2, 3)]

    assert [(u.presentment_amount, u.presentment_tax) for u in units] == [
        decimals("967", "18"),
        decimals("966", "17"),
        decimals("966", "17"),
    ]


@pytest.mark.parametrize("currency", [None, "USD"])
def test_no_presentment_amount_stands_beside_one_in_the_same_currency(currency: str | None) -> None:
    unit = unit_amounts(PRESENTED, 1, currency="USD", presentment_currency=currency)

    assert (unit.presentment_amount, unit.presentment_tax, unit.presentment_currency) == (None, None, None)


def test_a_presentment_amount_of_which_a_part_is_unknown_is_unknown() -> None:
    line = OrderLine(id="1", quantity=1, price=Decimal(10), presentment_price=Decimal(9), presentment_tax=Decimal(1))

    assert unit_amounts(line, 1, currency="USD", presentment_currency="EUR").presentment_currency is None


@pytest.mark.parametrize("index", [0, 3, -1])
def test_a_line_has_no_other_indices_than_one_to_its_quantity(index: int) -> None:
    line = OrderLine(id="1", quantity=2, price=Decimal(10))

    with pytest.raises(ValueError, match="it has the indices 1 to 2"):
        unit_amounts(line, index, currency="USD")
