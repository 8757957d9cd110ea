"""The business step that every side does: an order becomes a slim row, a return its actions. Pure, on plain values.

The rules stand here once. Around them each side has its own reading of the wire: plain dicts here, models in `models`.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from contracts import keys

ORDER = b"com.returnstreams.bench.ordered.v1"
RETURN = b"com.returnstreams.bench.returned.v1"
ACTION = b"com.returnstreams.bench.acted.v1"

Plain = dict[str, Any]

EUROPE = frozenset(("AT", "BE", "DE", "DK", "ES", "FR", "IE", "IT", "NL", "PL", "SE"))
WRONG_SIZE = frozenset(("Too small", "Too big"))
CENT = Decimal("0.01")


def is_order(headers: Sequence[tuple[str, bytes]]) -> bool:
    """Which of the two kinds of record this is, by its `ce_type`."""
    return any(name == "ce_type" and value == ORDER for name, value in headers)


def tag_list(tags: str) -> tuple[str, ...]:
    """Shopify's tags, written "a, b"."""
    return tuple(tag.strip() for tag in tags.split(",")) if tags else ()


def choose(
    value: Decimal, discounts: Decimal, country: str, tags: Sequence[str], codes: Sequence[str], reason: str
) -> tuple[str, str | None]:
    """The first of five rules that holds: its name, and the option it gives (None: no action)."""
    if "final-sale" in tags:
        return "final sale", None
    if discounts * 2 > value:
        return "half price", "credit_note"
    if any(code.startswith("GIFT") for code in codes):
        return "gift", "credit_note"
    if country not in EUROPE and value < 50:
        return "far and cheap", "refund"
    if reason in WRONG_SIZE:
        return "wrong size", "exchange"
    return "default", "refund"


def share(price: str, quantity: int, discount: str) -> str:
    """What one unit of a line cost, its part of the line's discount taken off."""
    return str((Decimal(price) - Decimal(discount) / quantity).quantize(CENT))


def slim(order: Plain) -> Plain:
    """The row that is kept of an order: 0.46 KB of 4-8."""
    return {
        "id": str(order["id"]),
        "name": order["name"],
        "updated_at": order["updated_at"],
        "currency": order["currency"],
        "total_price": order["total_price"],
        "total_discounts": order["total_discounts"],
        "country": order["shipping_address"]["country_code"],
        "tags": tag_list(order["tags"]),
        "codes": [code["code"] for code in order["discount_codes"]],
        "lines": [
            {
                "id": str(line["id"]),
                "sku": line["sku"],
                "variant_id": str(line["variant_id"]),
                "quantity": line["quantity"],
                "price": line["price"],
                "total_discount": line["total_discount"],
            }
            for line in order["line_items"]
        ],
    }


def decide(key: str, row: Plain, upload: Plain) -> list[Plain]:
    """The actions of one return, looked up in its order's row: one for each unit that gets an option."""
    value, discounts = Decimal(row["total_price"]), Decimal(row["total_discounts"])
    lines = {line["sku"]: line for line in row["lines"]}
    actions = []
    for ordinal, unit in enumerate(upload["units"], 1):
        rule, option = choose(value, discounts, row["country"], row["tags"], row["codes"], unit["reason"])
        line = lines.get(unit["sku"])
        if option is None or line is None:
            continue
        actions.append(
            {
                "action_id": keys.action_id(key, upload["rma"], unit["sku"], ordinal, option),
                "order_key": key,
                "order_id": row["id"],
                "rma": upload["rma"],
                "sku": unit["sku"],
                "ordinal": ordinal,
                "option": option,
                "amount": share(line["price"], line["quantity"], line["total_discount"]),
                "currency": row["currency"],
                "line_id": line["id"],
                "variant_id": line["variant_id"],
                "decided_by": rule,
            }
        )
    return actions
