"""What comes in: orders as Shopify sends them (4-8 KB), then returns of them. The same bytes for the same seed."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

import orjson

from benchmarks.engine import work
from contracts.envelope import Envelope, Headers

SEED = 7
RETAILER = "acme"
COUNTRIES = ("DE", "FR", "NL", "US", "GB", "AU", "SE", "PL")
REASONS = ("Too small", "Too big", "Damaged", "Changed my mind", "Not as described")
TAGS = ("", "vip", "vip, autumn", "final-sale, clearance", "autumn, newsletter, second order")
AT = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


class Input(NamedTuple):
    """One record of the input topic."""

    key: str
    value: bytes
    headers: Headers


def inputs(orders: int, returns: int) -> Iterator[Input]:
    """All orders, then all returns."""
    chosen = random.Random(SEED)
    skus = []
    for number in range(orders):
        body = _order(chosen, number)
        skus.append([line["sku"] for line in body["line_items"]])
        yield Input(_key(number), orjson.dumps(body), _headers(chosen, work.ORDER, number))
    for number in range(returns):
        # In another order than the orders came: rows are looked up all over the table.
        order = number * 7919 % orders
        body = _return(chosen, order, number, skus[order])
        yield Input(_key(order), orjson.dumps(body), _headers(chosen, work.RETURN, order))


def expected(given: Iterator[Input]) -> dict[str, str]:
    """Every action that must come out: its id, and its option with the amount."""
    rows: dict[str, work.Plain] = {}
    actions: dict[str, str] = {}
    for record in given:
        body = orjson.loads(record.value)
        if work.is_order(record.headers):
            rows[record.key] = work.slim(body)
        else:
            found = work.decide(record.key, rows[record.key], body)
            actions |= {action["action_id"]: outcome(action) for action in found}
    return actions


def outcome(action: work.Plain) -> str:
    """What must be right about an action beside its id."""
    return f"{action['order_key']} {action['option']} {action['amount']} {action['decided_by']}"


def _key(number: int) -> str:
    return f"{RETAILER}/{1000 + number}"


def _headers(chosen: random.Random, kind: bytes, number: int) -> Headers:
    """As the ingress writes them."""
    envelope = Envelope(
        id=str(uuid.UUID(int=chosen.getrandbits(128))),
        source="returnstreams/ingress",
        type=kind.decode(),
        time=AT,
        subject=_key(number),
        dataschema=f"urn:returnstreams:schema:{kind.decode()}",
        traceparent=f"00-{chosen.getrandbits(128):032x}-{chosen.getrandbits(64):016x}-01",
    )
    return envelope.to_headers()


def _return(chosen: random.Random, order: int, number: int, skus: list[str]) -> dict[str, Any]:
    units = [
        {
            "sku": chosen.choice(skus),
            "reason": chosen.choice(REASONS),
            "return_action": chosen.choice(("Refund", "Exchange", "")),
            "description": "Linen shirt, long sleeve",
            "commodity_code": "6205.90",
            "item_value": "40.00",
            "item_weight": "0.35",
        }
        for _ in range(chosen.choice((1, 2, 2, 3, 4, 3)))
    ]
    return {
        "retailer": RETAILER,
        "order_name": f"#{1000 + order}",
        "rma": f"RMA-{number:07d}",
        "units": units,
        "consignments": [f"SEK{number:010d}"],
    }


def _money(amount: str) -> dict[str, Any]:
    given = {"amount": amount, "currency_code": "EUR"}
    return {"shop_money": given, "presentment_money": given}


def _address(chosen: random.Random, country: str) -> dict[str, Any]:
    return {
        "first_name": "Kim",
        "last_name": f"Doe{chosen.randrange(10_000)}",
        "address1": f"{chosen.randrange(400)} Long Street",
        "address2": None,
        "phone": f"+49 30 {chosen.randrange(10**7):07d}",
        "city": "Springfield",
        "zip": f"{chosen.randrange(10**5):05d}",
        "province": None,
        "country": "Germany",
        "company": None,
        "latitude": 52.5 + chosen.random(),
        "longitude": 13.4 + chosen.random(),
        "name": "Kim Doe",
        "country_code": country,
        "province_code": None,
    }


def _line(chosen: random.Random, order_id: int, at: int) -> dict[str, Any]:
    price, quantity = f"{chosen.randrange(900, 12_000) / 100:.2f}", chosen.choice((1, 1, 1, 2))
    discount = f"{chosen.choice((0, 0, 2.5, 4.0)):.2f}"
    return {
        "id": order_id + at,
        "admin_graphql_api_id": f"gid://shopify/LineItem/{order_id + at}",
        "current_quantity": quantity,
        "fulfillable_quantity": 0,
        "fulfillment_service": "manual",
        "fulfillment_status": "fulfilled",
        "gift_card": False,
        "grams": 350,
        "name": "Linen shirt, long sleeve - M / white",
        "price": price,
        "price_set": _money(price),
        "product_exists": True,
        "product_id": 7_000_000_000 + chosen.randrange(10**6),
        "properties": [],
        "quantity": quantity,
        "requires_shipping": True,
        "sku": f"SHIRT-{chosen.randrange(5000):04d}-{at}",
        "taxable": True,
        "title": "Linen shirt, long sleeve",
        "total_discount": discount,
        "total_discount_set": _money(discount),
        "variant_id": 44_000_000_000 + chosen.randrange(10**6),
        "variant_inventory_management": "shopify",
        "variant_title": "M / white",
        "vendor": "Acme",
        "tax_lines": [{"channel_liable": False, "price": "6.39", "price_set": _money("6.39"), "rate": 0.19}],
        "duties": [],
        "discount_allocations": [
            {"amount": discount, "amount_set": _money(discount), "discount_application_index": 0},
        ],
    }


def _order(chosen: random.Random, number: int) -> dict[str, Any]:
    order_id = 9_007_199_000_000_000 + number * 10
    lines = [_line(chosen, order_id, at) for at in range(1, chosen.choice((1, 2, 2, 2, 3, 3)) + 1)]
    total = sum(float(line["price"]) * line["quantity"] for line in lines)
    discounts = total * chosen.choice((0, 0, 0.1, 0.2, 0.4))
    address = _address(chosen, chosen.choice(COUNTRIES))
    return {
        "id": order_id,
        "admin_graphql_api_id": f"gid://shopify/Order/{order_id}",
        "app_id": 580111,
        "browser_ip": "192.0.2.17",
        "buyer_accepts_marketing": False,
        "cancelled_at": None,
        "cart_token": f"{chosen.getrandbits(128):032x}",
        "checkout_id": order_id + 5,
        "client_details": {"accept_language": "de-DE", "browser_ip": "192.0.2.17", "user_agent": "Mozilla/5.0 " * 6},
        "confirmation_number": f"{chosen.getrandbits(36):09X}",
        "contact_email": "kim@example.com",
        "created_at": "2026-11-01T09:15:02+01:00",
        "currency": "EUR",
        "current_subtotal_price_set": _money(f"{total:.2f}"),
        "current_total_discounts_set": _money(f"{discounts:.2f}"),
        "current_total_price": f"{total:.2f}",
        "current_total_price_set": _money(f"{total:.2f}"),
        "customer_locale": "de",
        "discount_codes": [{"code": chosen.choice(("AUTUMN10", "GIFT-77", "WELCOME")), "amount": "5.00"}],
        "email": "kim@example.com",
        "financial_status": "paid",
        "name": f"#{1000 + number}",
        "note": None,
        "note_attributes": [],
        "number": number,
        "order_number": 1000 + number,
        "order_status_url": f"https://acme.example/{order_id}/authenticate?key={chosen.getrandbits(128):032x}",
        "payment_gateway_names": ["shopify_payments"],
        "phone": None,
        "presentment_currency": "EUR",
        "processed_at": "2026-11-01T09:15:00+01:00",
        "subtotal_price_set": _money(f"{total:.2f}"),
        "tags": chosen.choice(TAGS),
        "taxes_included": True,
        "total_discounts": f"{discounts:.2f}",
        "total_line_items_price": f"{total:.2f}",
        "total_price": f"{total - discounts:.2f}",
        "total_shipping_price_set": _money("4.90"),
        "total_tax": "11.67",
        "updated_at": "2026-11-03T18:00:41+01:00",
        "billing_address": address,
        "customer": {"id": 7001 + number, "email": "kim@example.com", "default_address": address, "tags": ""},
        "discount_applications": [],
        "fulfillments": [{"id": order_id + 7, "status": "success", "line_items": [{"id": x["id"]} for x in lines]}],
        "line_items": lines,
        "refunds": [],
        "shipping_address": address,
        "shipping_lines": [{"title": "Standard", "price": "4.90", "price_set": _money("4.90"), "tax_lines": []}],
    }
