"""Amounts: what an action pays is the claimed index's share of its line."""

from __future__ import annotations

from decimal import Decimal

from tests.unit.domain.ledger.builders import Book, decision, event, facts, line


def test_a_unit_is_paid_its_index_share_of_net_and_tax() -> None:
    order = facts(line(quantity=3, price="10", discount="5.00", tax="2.00"), taxes_included=True)
    book = Book()
    book.take(decision("TEE", "TEE", "TEE", order=order), event())
    assert [(a.amount, a.tax) for a in book.actions] == [
        (Decimal("8.34"), Decimal("0.67")),
        (Decimal("8.33"), Decimal("0.67")),
        (Decimal("8.33"), Decimal("0.66")),
    ]
    assert all(a.currency == "USD" and a.taxes_included for a in book.actions)


def test_presentment_money_stands_beside_shop_money_where_it_differs() -> None:
    abroad = line(quantity=1, presentment_price="15", presentment_discount="1", presentment_tax="2")
    book = Book()
    book.take(decision("TEE", order=facts(abroad, presentment_currency="CAD")), event())
    paid = book.actions[0]
    assert (paid.amount, paid.presentment_amount, paid.presentment_tax, paid.presentment_currency) == (
        Decimal(10),
        Decimal(14),
        Decimal(2),
        "CAD",
    )


def test_a_row_shows_what_its_unit_would_be_paid_in_both_currencies() -> None:
    abroad = line(quantity=1, tax="3", presentment_price="15", presentment_discount="1", presentment_tax="2")
    book = Book()
    book.take(decision("TEE", "HAT", order=facts(abroad, presentment_currency="CAD")))
    row, without = book.row("R1/TEE/1"), book.row("R1/HAT/1")
    assert (row.retailer, row.order_key, row.decided_by) == ("acme", "acme/1001", "customer")
    assert (row.amount, row.tax, row.currency) == (Decimal(10), Decimal(3), "USD")
    assert (row.presentment_amount, row.presentment_tax, row.presentment_currency) == (Decimal(14), Decimal(2), "CAD")
    assert (without.tax, without.presentment_amount, without.presentment_tax, without.presentment_currency) == (
        None,
    ) * 4


def test_the_amount_is_fixed_when_the_unit_is_matched() -> None:
    book = Book()
    book.take(decision("TEE"), decision("TEE", revision=2, revisions={"TEE": 1}, order=facts(line(price="99"))))
    book.take(event())
    assert book.actions[0].amount == 10


def test_a_unit_shows_its_amount_before_it_acts_and_none_without_an_index() -> None:
    book = Book()
    book.take(decision("TEE", "HAT"))
    assert (book.row("R1/TEE/1").amount, book.row("R1/TEE/1").currency) == (Decimal(10), "USD")
    assert book.row("R1/HAT/1").amount is None
