"""From the webhook's bytes to the table: what of Shopify's bodies could mislead, in bodies of the shapes it sends."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.orders import Order
from producers.sources.shopify import split
from streams.agents.order_table import order_table
from streams.domain.orders import email_hash, postcode_hash
from streams.engine.driver import AgentTestDriver
from tests.agents.order_table_kit import table
from tests.builders import HASH_KEY
from tests.unit.producers.support import APP, body, directory, shopify

EDITED: dict[str, Any] = json.loads(body("shopify/order_edited_2026.json"))
Path = tuple[str | int, ...]


def kept(raw: bytes, topic: str = "orders/updated") -> Order:
    """The order that a webhook of this body leaves in the table; it must leave exactly one, and no dead letter."""
    taken = split(APP, shopify(raw, topic), directory())
    [message] = taken.messages
    assert message.topic.name == "order-events", dict(message.headers)
    created = datetime.fromisoformat(json.loads(raw)["created_at"])
    driver = AgentTestDriver(order_table(HASH_KEY), now=created.astimezone(UTC))
    driver.pipe_record(message.topic, (message.key or "").encode(), message.value, message.headers)
    assert driver.dead_letters == []
    [(key, order)] = table(driver).items()
    assert key == message.key
    return order


def changed(**fields: Any) -> Order:
    """The edited order with these fields; `...` leaves one out."""
    return kept(json.dumps({k: v for k, v in {**EDITED, **fields}.items() if v is not ...}).encode())


def edited() -> Order:
    return kept(body("shopify/order_edited_2026.json"))


class TestOneEditedOrder:
    """#AC-1077: four lines, of which one was refunded in part, one removed, one added by an edit; GBP shown as EUR."""

    def test_ids_beyond_what_a_double_holds_are_exact(self) -> None:
        order = edited()

        assert order.id == "9007199254740999"
        assert [line.id for line in order.lines] == [f"900719925474100{n}" for n in (1, 2, 3, 4)]
        assert [f.lines for f in order.fulfilments] == [{"9007199254741001": 2, "9007199254741004": 1}]

    def test_what_was_refunded_or_removed_can_not_be_returned_any_more(self) -> None:
        tent, sheet, pennant, stove = edited().lines

        assert [line.quantity for line in (tent, sheet, pennant, stove)] == [2, 1, 1, 1]
        assert [line.refunded for line in (tent, sheet, pennant, stove)] == [1, 1, 0, 0]

    def test_a_removal_that_is_also_among_the_refunds_counts_once_and_one_of_an_older_body_counts(self) -> None:
        refund = {"id": 1, "refund_line_items": [{"line_item_id": 9007199254741002, "quantity": 1, "subtotal": 0.0}]}
        bare = [{k: v for k, v in line.items() if k != "current_quantity"} for line in EDITED["line_items"]]

        assert changed(refunds=[refund]).lines[1].refunded == 1
        assert changed(refunds=[refund], line_items=bare).lines[1].refunded == 1
        assert changed(refunds=[], line_items=bare).lines[1].refunded == 0

    def test_lines_without_sku_or_variant_stay_and_the_others_are_trimmed(self) -> None:
        lines = edited().lines

        assert [line.sku for line in lines] == ["TENT-2", "SHEET", None, "STOVE"]
        assert lines[2].variant_id is None

    def test_times_have_offsets_and_are_kept_in_utc(self) -> None:
        order = edited()

        assert order.created_at.isoformat() == "2026-11-01T20:15:02+00:00"
        assert order.updated_at.isoformat() == "2026-11-09T05:00:41+00:00"

    def test_amounts_are_exact_in_both_currencies(self) -> None:
        order = edited()
        tent = order.lines[0]

        assert (order.currency, order.presentment_currency, order.taxes_included) == ("GBP", "EUR", True)
        assert (tent.price, tent.discount, tent.tax) == (Decimal("40.00"), Decimal("10.00"), Decimal("11.67"))
        assert tent.presentment_price == Decimal("46.00")
        assert (tent.presentment_discount, tent.presentment_tax) == (Decimal("11.50"), Decimal("13.42"))

    def test_codes_and_tags_are_sets_without_empty_ones(self) -> None:
        order = edited()

        assert order.discount_codes == ("AUTUMN10",)
        assert order.tags == ("vip", "autumn", "Final Sale")
        assert changed(tags=["vip", "autumn", "Final Sale"]).tags == order.tags

    def test_of_the_customer_there_are_two_keyed_hashes_and_nothing_else(self) -> None:
        order = edited()

        assert order.email_hash == email_hash("mira.lund@example.com", HASH_KEY)
        assert order.postcode_hash == postcode_hash("N17AA", HASH_KEY)
        text = order.model_dump_json().casefold()
        words = ("mira", "lund", "example", "mill lane", "london", "7946", "leaks", "next door", "203.0.113", "7001009")
        assert [word for word in words if word in text] == []


@pytest.mark.parametrize("nothing", [..., None, ""])
def test_an_order_without_e_mail_customer_and_addresses_is_kept(nothing: Any) -> None:
    none = ... if nothing is ... else None
    order = changed(email=nothing, customer=none, shipping_address=none, billing_address=none, contact_email=nothing)

    assert (order.email_hash, order.postcode_hash, order.country) == (None, None, None)


class TestOlderYears:
    def test_2016_no_discount_allocations_no_presentment_a_time_at_minus_zero_and_an_empty_sku(self) -> None:
        order = kept(body("shopify/order_2016.json"))

        assert order.updated_at.isoformat() == "2016-01-10T16:00:00+00:00"
        assert [(line.sku, line.variant_id) for line in order.lines] == [("MUG-E", "44100"), (None, None)]
        assert [(line.discount, line.refunded) for line in order.lines] == [(Decimal(0), 0), (Decimal(0), 0)]
        assert (order.email_hash, order.postcode_hash, order.discount_codes) == (None, None, ())

    def test_2019_an_empty_discount_code_a_cancelled_order_and_no_shipping_address(self) -> None:
        order = kept(body("shopify/order_2019.json"), "orders/cancelled")

        assert order.cancelled_at is not None
        assert order.discount_codes == ()
        assert (order.country, order.presentment_currency) == ("CA", None)
        assert order.lines[0].discount == Decimal("5.00")


# What an order cannot be read without: who and when it is, and what of which line was sold for how much.
_NEEDED: tuple[tuple[str, ...], ...] = (
    ("id",),
    ("name",),
    ("created_at",),
    ("updated_at",),
    ("currency",),
    ("total_price",),
    ("line_items",),
    ("line_items", "id"),
    ("line_items", "quantity"),
    ("line_items", "price"),
    ("line_items", "discount_allocations", "amount"),
    ("refunds", "refund_line_items", "line_item_id"),
    ("refunds", "refund_line_items", "quantity"),
    ("fulfillments", "id"),
    ("fulfillments", "line_items", "id"),
)


def optional_places(value: Any, at: Path = ()) -> list[Path]:
    """Every named field inside that an order may come without."""
    if isinstance(value, list):
        return [place for n, inner in enumerate(value) for place in optional_places(inner, (*at, n))]
    if not isinstance(value, dict):
        return []
    here = [(*at, name) for name in value if tuple(p for p in (*at, name) if isinstance(p, str)) not in _NEEDED]
    return here + [place for name, inner in value.items() for place in optional_places(inner, (*at, name))]


def without(value: Any, gone: dict[Path, bool], at: Path = ()) -> Any:
    """The value without these places: True leaves one out, False makes it null."""
    if isinstance(value, list):
        return [without(inner, gone, (*at, n)) for n, inner in enumerate(value)]
    if not isinstance(value, dict):
        return value
    left = {name: inner for name, inner in value.items() if not gone.get((*at, name), False)}
    return {n: None if (*at, n) in gone else without(inner, gone, (*at, n)) for n, inner in left.items()}


PLACES = optional_places(EDITED)


@settings(deadline=None, max_examples=80)
@given(st.dictionaries(st.sampled_from(PLACES), st.booleans(), max_size=len(PLACES) // 2))
def test_whatever_optional_fields_are_missing_or_null_the_order_is_kept(gone: dict[Path, bool]) -> None:
    order = kept(json.dumps(without(EDITED, gone)).encode())

    assert (order.id, len(order.lines)) == ("9007199254740999", 4)


@pytest.mark.parametrize("missing", [True, False], ids=["missing", "null"])
def test_an_order_of_needed_fields_alone_is_kept(missing: bool) -> None:
    order = kept(json.dumps(without(EDITED, dict.fromkeys(PLACES, missing))).encode())

    assert [line.quantity for line in order.lines] == [2, 1, 1, 1]
