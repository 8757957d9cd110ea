"""Orders of a simulated shop as their webhooks have them: made up by a seed, with all that real ones do to readers."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

# Ids of real shops; the largest do not fit into a double.
FIRST_ID = 9_007_199_254_740_993
CURRENCIES = ("EUR", "USD", "GBP")
COUNTRIES = ("DE", "US", "GB", "CA", "AU")
TAGS = ("vip", "gift", "wholesale", "first order")
CODES = ("SUMMER20", "WELCOME10")
# One order in so many has more lines than come on a page.
LONG_ORDERS = 40
# How many ids an order may use for its parts.
ID_STEP = 1000

Body = dict[str, Any]


def written(at: datetime) -> str:
    """As the simulator keeps times: UTC with a Z."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def made(number: int, created: datetime, rng: random.Random, currency: str = "EUR") -> Body:
    """Order `#<number>` in its first version."""
    base = FIRST_ID + number * ID_STEP
    shown = currency if rng.random() < 0.8 else rng.choice(CURRENCIES)
    rate = Decimal(1) if shown == currency else Decimal("1.25")
    count = rng.randint(6, 60) if rng.randrange(LONG_ORDERS) == 0 else rng.randint(1, 4)
    lines = [_line(base + at, rng, currency, shown, rate) for at in range(1, count + 1)]
    full = sum((Decimal(line["price"]) * line["quantity"] for line in lines), Decimal(0))
    discounts = sum((Decimal(p["amount"]) for line in lines for p in line["discount_allocations"]), Decimal(0))
    address = _address(rng)
    return {
        "id": base,
        "admin_graphql_api_id": f"gid://shopify/Order/{base}",
        "name": f"#{number}",
        "email": rng.choice((f"customer{number}@example.com", f"customer{number}@example.com", "")),
        "created_at": written(created),
        "updated_at": written(created),
        "cancelled_at": None,
        "currency": currency,
        "presentment_currency": shown,
        "taxes_included": rng.random() < 0.5,
        "total_line_items_price": f"{full:.2f}",
        "total_discounts": f"{discounts:.2f}",
        "total_price": f"{full - discounts:.2f}",
        "tags": ", ".join(rng.sample(TAGS, rng.randrange(3))),
        "discount_codes": [{"code": rng.choice(CODES) if discounts else "", "amount": "0.00", "type": "percentage"}],
        "shipping_address": address,
        "billing_address": address if rng.random() < 0.5 else _address(rng),
        "line_items": lines,
        "refunds": [],
        "fulfillments": [],
    }


def changed(body: Mapping[str, Any], at: datetime, rng: random.Random) -> Body:
    """The next version: shipped, refunded in part, tagged, cancelled or edited. Its time is after the one before."""
    known = datetime.fromisoformat(body["updated_at"])
    later = {**body, "updated_at": written(max(at, known + timedelta(seconds=1)))}
    return rng.choice((_shipped, _refunded, _tagged, _cancelled, _edited))(later, rng)


def _line(number: int, rng: random.Random, currency: str, shown: str, rate: Decimal) -> Body:
    quantity = rng.randint(1, 3)
    price = Decimal(rng.randint(0, 20_000)) / 100
    discounts = [Decimal(rng.randint(1, 500)) / 100 for _ in range(rng.choice((0, 0, 0, 1, 2))) if price > 10]
    taxes = [Decimal(rng.randint(0, 4000)) / 100 for _ in range(rng.choice((0, 1, 1, 2)))]

    def both(amount: Decimal) -> Body:
        return {
            "shop_money": {"amount": f"{amount:.2f}", "currency_code": currency},
            "presentment_money": {"amount": f"{amount * rate:.2f}", "currency_code": shown},
        }

    return {
        "id": number,
        "sku": rng.choice((f"SKU-{number % 97}", f"SKU-{number % 97}", f"SKU-{number % 97}", None, "")),
        "variant_id": rng.choice((number + 500, number + 500, None)),
        "quantity": quantity,
        "current_quantity": quantity,
        "price": f"{price:.2f}",
        "price_set": both(price),
        "discount_allocations": [{"amount": f"{d:.2f}", "amount_set": both(d)} for d in discounts],
        "tax_lines": [{"price": f"{t:.2f}", "rate": 0.2, "title": "VAT", "price_set": both(t)} for t in taxes],
    }


def _address(rng: random.Random) -> Body | None:
    if rng.random() < 0.1:
        return None
    return {"country_code": rng.choice((*COUNTRIES, None)), "zip": rng.choice(("10001", "ec1a 1bb", "", None))}


def _next_id(body: Body) -> int:
    return int(body["id"]) + 900 + len(body["refunds"]) + len(body["fulfillments"])


def _shipped(body: Body, rng: random.Random) -> Body:
    some = rng.sample(body["line_items"], rng.randint(1, len(body["line_items"])))
    shipment = {
        "id": _next_id(body),
        "status": rng.choice(("success", "cancelled")),
        "line_items": [{"id": line["id"], "quantity": rng.randint(1, line["quantity"])} for line in some],
    }
    return {**body, "fulfillments": [*body["fulfillments"], shipment]}


def _refunded(body: Body, rng: random.Random) -> Body:
    left = [line for line in body["line_items"] if line["current_quantity"]]
    taken = {line["id"]: rng.randint(1, line["current_quantity"]) for line in rng.sample(left, min(len(left), 2))}
    refund = {
        "id": _next_id(body),
        "refund_line_items": [
            {"id": _next_id(body) + at, "line_item_id": ident, "quantity": quantity, "subtotal": 1.5}
            for at, (ident, quantity) in enumerate(taken.items())
        ],
    }
    return {**body, "refunds": [*body["refunds"], refund], "line_items": _less(body, taken)}


def _tagged(body: Body, rng: random.Random) -> Body:
    return {**body, "tags": ", ".join(rng.sample(TAGS, rng.randint(1, 3)))}


def _cancelled(body: Body, rng: random.Random) -> Body:
    return {**body, "cancelled_at": body["updated_at"]}


def _edited(body: Body, rng: random.Random) -> Body:
    """A line is taken out: its quantity stays, its current one does not."""
    line = rng.choice(body["line_items"])
    return {**body, "line_items": _less(body, {line["id"]: line["current_quantity"]})}


def _less(body: Body, taken: Mapping[int, int]) -> list[Body]:
    return [
        {**line, "current_quantity": line["current_quantity"] - taken.get(line["id"], 0)} for line in body["line_items"]
    ]
