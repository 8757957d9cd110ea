"""An order as the simulated Admin API holds it: its webhook's body (REST), seen as nodes of the GraphQL schema.

One truth, two shapes. A connection is the list of its nodes; the execution makes pages of it. What is large is a
function that makes it when it is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Body = Mapping[str, Any]


def gid(kind: str, number: object) -> str:
    """`gid://shopify/<kind>/<number>`."""
    return f"gid://shopify/{kind}/{number}"


def order_node(body: Body) -> dict[str, Any]:
    """The order with everything below it."""
    currency, shown = body["currency"], body.get("presentment_currency") or body["currency"]
    node: dict[str, Any] = {
        "__typename": "Order",
        "id": gid("Order", body["id"]),
        "name": body["name"],
        "email": body.get("email") or None,
        "createdAt": body["created_at"],
        "updatedAt": body["updated_at"],
        "cancelledAt": body.get("cancelled_at"),
        "currencyCode": currency,
        "presentmentCurrencyCode": shown,
        "taxesIncluded": body["taxes_included"],
        "tags": [tag.strip() for tag in (body.get("tags") or "").split(",") if tag.strip()],
        "discountCodes": [code["code"] for code in body.get("discount_codes") or () if code["code"]],
        "totalPriceSet": _bag(body["total_price"], body["total_price"], currency, currency),
        "totalDiscountsSet": _bag(body["total_discounts"], body["total_discounts"], currency, currency),
        "shippingAddress": _address(body.get("shipping_address")),
        "billingAddress": _address(body.get("billing_address")),
        "lineItems": lambda: [_line(line, currency, shown) for line in body["line_items"]],
        "refunds": lambda: [_refund(refund, node) for refund in body.get("refunds") or ()],
        "fulfillments": lambda: [_fulfilment(shipment, node) for shipment in body.get("fulfillments") or ()],
    }
    return node


def _line(line: Body, currency: str, shown: str) -> dict[str, Any]:
    return {
        "__typename": "LineItem",
        "id": gid("LineItem", line["id"]),
        "sku": line.get("sku"),
        "quantity": line["quantity"],
        "currentQuantity": line.get("current_quantity", line["quantity"]),
        "variant": None if line.get("variant_id") is None else _named("ProductVariant", line["variant_id"]),
        "originalUnitPriceSet": _both(line.get("price_set"), line["price"], currency, shown),
        "discountAllocations": [
            {"allocatedAmountSet": _both(part.get("amount_set"), part["amount"], currency, shown)}
            for part in line.get("discount_allocations") or ()
        ],
        "taxLines": [
            {"priceSet": _both(tax.get("price_set"), tax["price"], currency, shown)}
            for tax in line.get("tax_lines") or ()
        ],
    }


def _refund(refund: Body, order: Body) -> dict[str, Any]:
    return {
        "__typename": "Refund",
        "id": gid("Refund", refund["id"]),
        "order": order,
        "refundLineItems": [
            {"quantity": moved["quantity"], "lineItem": _named("LineItem", moved["line_item_id"])}
            for moved in refund["refund_line_items"]
        ],
    }


def _fulfilment(shipment: Body, order: Body) -> dict[str, Any]:
    return {
        "__typename": "Fulfillment",
        "id": gid("Fulfillment", shipment["id"]),
        "status": str(shipment.get("status") or "success").upper(),
        "order": order,
        "fulfillmentLineItems": _moved(shipment["line_items"]),
    }


def _moved(moved: Sequence[Body]) -> list[dict[str, Any]]:
    return [
        {
            "id": gid("FulfillmentLineItem", part["id"]),
            "quantity": part["quantity"],
            "lineItem": _named("LineItem", part["id"]),
        }
        for part in moved
    ]


def _named(kind: str, number: object) -> dict[str, Any]:
    return {"__typename": kind, "id": gid(kind, number)}


def _address(address: Body | None) -> dict[str, Any] | None:
    if not address:
        return None
    return {"countryCodeV2": address.get("country_code") or None, "zip": address.get("zip")}


def _both(figure: Body | None, amount: str, currency: str, shown: str) -> dict[str, Any]:
    if figure is None:
        return _bag(amount, amount, currency, shown)
    return _bag(figure["shop_money"]["amount"], figure["presentment_money"]["amount"], currency, shown)


def _bag(amount: str, shown_amount: str, currency: str, shown: str) -> dict[str, Any]:
    return {
        "shopMoney": {"amount": str(amount), "currencyCode": currency},
        "presentmentMoney": {"amount": str(shown_amount), "currencyCode": shown},
    }
