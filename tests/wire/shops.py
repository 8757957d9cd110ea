"""Random retailers and orders: what `retailers apply` takes, and what Shopify's order webhooks say."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random

from tests.wire.orders import DECIMALS
from tests.wire.rules import NUMBERS
from tests.wire.words import Body

CURRENCIES = ("USD", "EUR", "JPY", "KWD")
OPERANDS: dict[str, tuple[str, ...]] = {
    "tag": ("VIP", "vip ", "ip", "wholesale"),
    "order_discount_code": ("SALE10", "sale", "10"),
    "return_reason": ("faulty", " Too Big", "dam", "big"),
    "order_country": ("Canada", "CA", "Great Britain", "gb", "Germany"),
}
_ON_TEXTS = ("equal_to", "not_equal_to", "in", "not_in", "is_empty", "contains", "starts_with")
_ON_NUMBERS = ("equal_to", "not_equal_to", "greater_than", "greater_or_equal", "less_than", "less_or_equal")


def timestamp(now: datetime, days: int = 0, seconds: int = 0) -> str:
    """As Shopify writes an instant, so far from now."""
    return (now + timedelta(days=days, seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")


def spelt(draw: Random, text: str) -> str:
    """The same text as somebody else types it."""
    return draw.choice((text, text, text.lower(), text.upper(), f"  {text} "))


def named(draw: Random) -> str:
    """The one order's name, as one system or the other writes it."""
    return draw.choice(("1001", "#1001", " #1001 "))


def retailer(draw: Random) -> Body:
    """The retailer as its file has it."""
    rules: list[Body] = [
        {"when": dict([_condition(draw) for _ in range(draw.choice((1, 1, 2)))]), "then": _then(draw)}
        for _ in range(draw.randint(0, 3))
    ]
    if draw.random() < 0.8:
        rules.append({"when": "always", "then": _then(draw)})
    return {
        "id": "acme",
        "name": "Acme",
        "portal": draw.choice(("omnireturns",) * 12 + ("loop",)),
        "shopify": {"shop": "acme.myshopify.com"},
        "customer_choice": {"enabled": draw.random() < 0.5, "exchange": draw.random() < 0.5},
        "return_action": draw.choice(("first_scan", "first_scan", "processing", "processing", "manual")),
        "hold_hours": draw.choice((48, 48, 1, 300)),
        "rules": rules,
    }


def _then(draw: Random) -> str:
    return draw.choice(("refund", "refund", "store_credit", "no_action"))


def _condition(draw: Random) -> tuple[str, Body]:
    dimension = draw.choice((*NUMBERS, *OPERANDS))
    if dimension in NUMBERS:
        said = _of_numbers(draw)
    else:
        operator = draw.choice(_ON_TEXTS[:5] if dimension == "order_country" else _ON_TEXTS)
        one, two = draw.sample(OPERANDS[dimension], 2)
        said = {operator: True if operator == "is_empty" else [one, two] if operator in ("in", "not_in") else one}
    if draw.random() < 0.15:
        said["currency"] = draw.choice(CURRENCIES)
    return dimension, said


def _of_numbers(draw: Random) -> Body:
    low, high = sorted(draw.sample(("0", "10", "33.33", "50", "100"), 2), key=Decimal)
    between: Body = {"between": [low, high]}
    return draw.choice([between, *({operator: low} for operator in _ON_NUMBERS)])


def order(draw: Random, now: datetime, number: int, skus: Sequence[str]) -> Body:
    """A new order."""
    currency = draw.choice(CURRENCIES)
    other = draw.choice((currency, *CURRENCIES))
    country = draw.choice((None, {"country_code": "CA"}, {"country_code": "GB"}, {"country_code": ""}))
    return {
        "id": 10**16 + number,
        "name": named(draw),
        "created_at": timestamp(now, days=-draw.choice((1, 1, 1, 1, 2, 61, 90, 93))),
        "updated_at": timestamp(now, seconds=-draw.randint(0, 86_400)),
        "cancelled_at": draw.choice((None,) * 24 + (timestamp(now),)),
        "currency": currency,
        "presentment_currency": other,
        "total_price": draw.choice(("0", "10", "49.99", "50.00", "100")),
        "total_discounts": draw.choice(("0", "33.33", "50", "50.01")),
        "total_line_items_price": draw.choice(("0.00", "100", "99.99")),
        "tags": draw.choice(("", "VIP", "vip, wholesale", " , strip")),
        "discount_codes": draw.choice(([], [{"code": ""}], [{"code": " sale10 "}, {"code": "x"}], [{"code": None}])),
        "shipping_address": country,
        "billing_address": draw.choice((None, {"country_code": "DE"})),
        "line_items": [
            _line(draw, 10 * number + n, (currency, other), skus[n % len(skus)]) for n in range(draw.randint(1, 4))
        ],
        "refunds": [],
    }


def _line(draw: Random, number: int, currencies: tuple[str, str], sku: str) -> Body:
    return {
        "id": number,
        "sku": draw.choice((sku, sku, sku, spelt(draw, sku), spelt(draw, sku), None, "")),
        "quantity": draw.choice((0, 1, 2, 3, 4, 5)),
        **_money(draw, "price", currencies, 5000),
        "discount_allocations": [_money(draw, "amount", currencies, 3000) for _ in range(draw.randint(0, 2))],
        "tax_lines": [_money(draw, "price", currencies, 900) for _ in range(draw.randint(0, 2))],
    }


def _money(draw: Random, name: str, currencies: tuple[str, str], most: int) -> Body:
    ours, theirs = (
        {"amount": str(Decimal(draw.randint(0, most)).scaleb(-DECIMALS.get(each, 2))), "currency_code": each}
        for each in currencies
    )
    return {name: ours["amount"], f"{name}_set": {"shop_money": ours, "presentment_money": theirs}}


def change(draw: Random, order: Body, now: datetime) -> None:
    """Make a later version of this one."""
    line, kind = draw.choice(order["line_items"]), draw.random()
    order["updated_at"] = draw.choice((*(timestamp(now, seconds=late) for late in (0, 0, 1, -1)), order["updated_at"]))
    if kind < 0.7:
        of_line = {"line_item_id": line["id"], "quantity": draw.choice((1, 1, 2))}
        order["refunds"].append({"id": draw.randint(1, 10**9), "refund_line_items": [of_line]})
    elif kind < 0.8:
        line["quantity"] = draw.randint(0, 3)
    elif kind < 0.9:
        draw.shuffle(order["line_items"])
    else:
        order["cancelled_at"] = draw.choice((None, None, timestamp(now)))
