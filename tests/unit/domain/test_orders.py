"""Orders: what is kept of ten years' shapes, which version is newer, and when it goes."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.orders import Order, ShopifyOrder
from streams.domain.orders import email_hash, expires_at, facts, newer, postcode_hash, slim
from tests.unit.domain.builders import MORNING, order

KEY = b"a secret of the installation"

BODY: dict[str, Any] = {
    "id": 9007199254740993,
    "name": "#1001",
    "created_at": "2026-11-01T11:00:00+01:00",
    "updated_at": "2026-11-02T08:00:00-05:00",
    "currency": "USD",
    "presentment_currency": "USD",
    "taxes_included": False,
    "total_price": "108.00",
    "total_discounts": "10.00",
    "total_line_items_price": "110.00",
    "tags": "VIP, Final Sale,, VIP ",
    "discount_codes": [{"code": "TENOFF", "amount": "10.00"}, {"code": ""}],
    "email": " Bob@Example.COM ",
    "shipping_address": {"country_code": "CA", "zip": "k4n 4n9"},
    "billing_address": {"country_code": "US", "zip": "90810"},
    "line_items": [
        {
            "id": 11,
            "sku": " TEE-M ",
            "variant_id": 77,
            "quantity": 2,
            "price": "50.00",
            "discount_allocations": [{"amount": "6.00"}, {"amount": "4.00"}],
            "tax_lines": [{"price": "5.00"}, {"price": "3.00"}],
        },
        {"id": 12, "sku": None, "variant_id": None, "quantity": 1, "price": "10.00"},
    ],
    "refunds": [
        {"id": 1, "refund_line_items": [{"line_item_id": 11, "quantity": 1, "subtotal": 45.0}]},
        {"id": 2, "refund_line_items": [{"line_item_id": 11, "quantity": 1}]},
    ],
    "fulfillments": [{"id": 5, "line_items": [{"id": 11, "quantity": 2}, {"id": 12, "quantity": 1}]}],
    "customer": {"first_name": "Bob", "phone": "+1 555"},
}


def kept(**changes: Any) -> Order:
    body = {name: value for name, value in {**BODY, **changes}.items() if value is not ...}
    shopify = ShopifyOrder.model_validate(body)
    return slim(shopify, retailer="acme", shop="acme.myshopify.com", triggered_at=None, hash_key=KEY)


def test_what_a_return_needs_is_kept() -> None:
    slimmed = kept()

    assert (slimmed.id, slimmed.name, slimmed.retailer) == ("9007199254740993", "#1001", "acme")
    assert (slimmed.total_price, slimmed.total_discounts) == (Decimal("108.00"), Decimal("10.00"))
    assert slimmed.tags == ("VIP", "Final Sale")
    assert slimmed.discount_codes == ("TENOFF",)
    assert slimmed.country == "CA"
    shirt, gift = slimmed.lines
    assert (shirt.id, shirt.sku, shirt.variant_id, shirt.quantity) == ("11", "TEE-M", "77", 2)
    assert (shirt.discount, shirt.tax, shirt.refunded) == (Decimal("10.00"), Decimal("8.00"), 2)
    assert (gift.sku, gift.variant_id, gift.refunded) == (None, None, 0)
    assert (gift.discount, gift.tax) == (Decimal(0), Decimal(0))
    assert [(f.id, f.lines) for f in slimmed.fulfilments] == [("5", {"11": 2, "12": 1})]


def test_times_are_normalised_to_utc() -> None:
    slimmed = kept(cancelled_at="2026-11-03T00:00:00+09:00")

    times = (slimmed.created_at, slimmed.updated_at, slimmed.cancelled_at)
    assert [t and t.isoformat() for t in times] == [
        "2026-11-01T10:00:00+00:00",
        "2026-11-02T13:00:00+00:00",
        "2026-11-02T15:00:00+00:00",
    ]


def test_nothing_personal_is_kept_but_two_keyed_hashes() -> None:
    slimmed = kept()

    assert slimmed.email_hash == hmac.new(KEY, b"bob@example.com", hashlib.sha256).hexdigest()
    assert slimmed.postcode_hash == hmac.new(KEY, b"K4N4N9", hashlib.sha256).hexdigest()
    text = slimmed.model_dump_json().casefold()
    assert not [word for word in ("bob", "example", "4n9", "555") if word in text]


def test_hashes_need_a_key_and_differ_by_it() -> None:
    assert email_hash("a@b", b"x") != email_hash("a@b", b"y")
    assert postcode_hash(" tw20\t8ey ", b"x") == postcode_hash("TW20 8EY", b"x")
    assert email_hash("  ", b"x") is None
    with pytest.raises(ValueError, match="hash key is empty"):
        email_hash("a@b", b"")


@pytest.mark.parametrize(
    ("tags", "expected"),
    [(None, ()), (..., ()), ("", ()), (["b", " a "], ("b", "a")), ([], ()), ("one", ("one",)), ("a,b", ("a", "b"))],
)
def test_tags_are_a_string_or_a_list_or_missing(tags: Any, expected: tuple[str, ...]) -> None:
    assert kept(tags=tags).tags == expected


@pytest.mark.parametrize("codes", [[], [{"code": ""}], [{"code": None}], [{"code": "  "}], ...])
def test_empty_discount_codes_are_none(codes: Any) -> None:
    assert kept(discount_codes=codes).discount_codes == ()


@pytest.mark.parametrize(
    ("shipping", "billing", "country"),
    [
        ({"country_code": "CA"}, {"country_code": "US"}, "CA"),
        (None, {"country_code": "us"}, "US"),
        ({"country_code": None}, {"country_code": "US"}, "US"),
        ({"country_code": " "}, {}, None),
        (..., ..., None),
    ],
)
def test_the_country_is_where_it_was_shipped_else_billed(shipping: Any, billing: Any, country: str | None) -> None:
    assert kept(shipping_address=shipping, billing_address=billing).country == country


def test_an_order_without_customer_and_addresses_has_no_hashes() -> None:
    slimmed = kept(email="", shipping_address=..., billing_address=None, customer=...)

    assert (slimmed.email_hash, slimmed.postcode_hash) == (None, None)


def test_a_missing_line_total_is_summed_from_the_lines() -> None:
    assert kept(total_line_items_price=...).total_line_items_price == Decimal("110.00")
    assert kept(total_line_items_price="109.00").total_line_items_price == Decimal("109.00")


def test_a_line_that_a_fulfilment_names_twice_counts_twice() -> None:
    named = [{"id": 11, "quantity": 1}, {"id": 12, "quantity": 1}, {"id": 11, "quantity": 1}]

    assert [f.lines for f in kept(fulfillments=[{"id": 5, "line_items": named}]).fulfilments] == [{"11": 2, "12": 1}]


def test_a_tax_without_price_is_read_from_its_set() -> None:
    line = {**BODY["line_items"][0], "tax_lines": [{"price_set": money("4.00", "USD", "3.00", "EUR")}, {}]}

    assert kept(line_items=[line]).lines[0].tax == Decimal("4.00")


def money(shop: str, currency: str, presented: str, presentment: str) -> dict[str, Any]:
    return {
        "shop_money": {"amount": shop, "currency_code": currency},
        "presentment_money": {"amount": presented, "currency_code": presentment},
    }


PRESENTED_LINE: dict[str, Any] = {
    "id": 11,
    "sku": "TEE-M",
    "quantity": 1,
    "price": "50.00",
    "price_set": money("50.00", "USD", "45.00", "EUR"),
    "discount_allocations": [{"amount": "10.00", "amount_set": money("10.00", "USD", "9.00", "EUR")}],
    "tax_lines": [{"price": "8.00", "price_set": money("8.00", "USD", "7.20", "EUR")}],
}


class TestPresentment:
    def test_amounts_stand_beside_the_shops_where_the_currency_differs(self) -> None:
        slimmed = kept(presentment_currency="EUR", line_items=[PRESENTED_LINE])
        line = slimmed.lines[0]

        assert slimmed.presentment_currency == "EUR"
        assert (line.presentment_price, line.presentment_discount, line.presentment_tax) == (
            Decimal("45.00"),
            Decimal("9.00"),
            Decimal("7.20"),
        )

    def test_several_discounts_and_taxes_of_a_line_add_up(self) -> None:
        (discount,), (tax,) = PRESENTED_LINE["discount_allocations"], PRESENTED_LINE["tax_lines"]
        line = {**PRESENTED_LINE, "discount_allocations": [discount, discount], "tax_lines": [tax, tax, tax]}
        kept_line = kept(presentment_currency="EUR", line_items=[line]).lines[0]

        assert (kept_line.discount, kept_line.presentment_discount) == (Decimal("20.00"), Decimal("18.00"))
        assert (kept_line.tax, kept_line.presentment_tax) == (Decimal("24.00"), Decimal("21.60"))

    @pytest.mark.parametrize("presentment", ["USD", None, ""])
    def test_nothing_stands_there_where_it_does_not(self, presentment: str | None) -> None:
        slimmed = kept(presentment_currency=presentment, line_items=[PRESENTED_LINE])

        assert slimmed.presentment_currency is None
        assert slimmed.lines[0].presentment_price is None

    def test_half_a_sum_is_unknown_and_no_discount_is_none(self) -> None:
        half = {**PRESENTED_LINE, "tax_lines": [*PRESENTED_LINE["tax_lines"], {"price": "1.00"}]}
        line = kept(presentment_currency="EUR", line_items=[{**half, "discount_allocations": []}]).lines[0]

        assert (line.presentment_discount, line.presentment_tax) == (Decimal(0), None)


class TestNewer:
    LATER = MORNING + timedelta(seconds=1)

    @pytest.mark.parametrize(
        ("candidate", "known", "wins"),
        [
            ((LATER, None), (MORNING, MORNING), True),
            ((MORNING, LATER), (LATER, None), False),
            ((MORNING, LATER), (MORNING, MORNING), True),
            ((MORNING, MORNING), (MORNING, LATER), False),
            ((MORNING, MORNING), (MORNING, None), True),
            ((MORNING, None), (MORNING, MORNING), False),
            ((MORNING, MORNING), (MORNING, MORNING), False),
            ((MORNING, None), (MORNING, None), False),
        ],
    )
    def test_updated_at_decides_then_triggered_at_then_who_came_first(
        self, candidate: tuple[datetime, datetime], known: tuple[datetime, datetime], wins: bool
    ) -> None:
        first = order(updated_at=known[0], triggered_at=known[1])

        assert newer(order(updated_at=candidate[0], triggered_at=candidate[1]), first) is wins


@pytest.mark.parametrize(
    ("created", "gone"),
    [
        ("2026-08-15T10:30:00Z", "2026-11-15T10:30:00+00:00"),
        ("2026-11-30T23:59:59Z", "2027-02-28T23:59:59+00:00"),
        ("2027-11-30T00:00:00Z", "2028-02-29T00:00:00+00:00"),
        ("2026-12-31T00:00:00Z", "2027-03-31T00:00:00+00:00"),
        ("2026-10-01T00:30:00+02:00", "2026-12-30T22:30:00+00:00"),
        ("2026-03-31T12:00:00Z", "2026-06-30T12:00:00+00:00"),
    ],
)
def test_an_order_is_kept_three_calendar_months(created: str, gone: str) -> None:
    assert expires_at(datetime.fromisoformat(created)).isoformat() == gone


@given(st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)), st.timedeltas(timedelta(0)))
def test_a_later_order_never_goes_earlier(created: datetime, more: timedelta) -> None:
    later = created + min(more, timedelta(days=3650))

    assert expires_at(created) <= expires_at(later)
    assert timedelta(days=89) <= expires_at(created) - created <= timedelta(days=92)


@pytest.mark.parametrize("included", [True, False])
def test_whether_prices_contain_the_tax_and_in_what_they_are_shown_is_kept_and_told(included: bool) -> None:
    told = facts(kept(taxes_included=included, presentment_currency="EUR", line_items=[PRESENTED_LINE]))

    assert (told.taxes_included, told.currency, told.presentment_currency) == (included, "USD", "EUR")


@pytest.mark.parametrize("blank", [None, "", " "])
def test_the_postcode_is_the_billing_addresss_where_there_is_none_to_ship_to(blank: str | None) -> None:
    slimmed = kept(shipping_address={"country_code": "CA", "zip": blank}, billing_address={"zip": "90810"})

    assert slimmed.postcode_hash == postcode_hash("90810", KEY)
    assert kept(shipping_address={"zip": blank}, billing_address={"zip": blank}).postcode_hash is None


def test_the_facts_are_what_matching_and_pricing_need() -> None:
    slimmed = kept()

    told = facts(slimmed)

    assert (told.id, told.updated_at, told.lines) == (slimmed.id, slimmed.updated_at, slimmed.lines)
    assert (told.currency, told.presentment_currency, told.taxes_included) == ("USD", None, False)
