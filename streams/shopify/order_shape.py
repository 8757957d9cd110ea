"""An order of the Admin GraphQL API in the shape that the order webhooks have (REST), as far as anybody here reads it.

Pure. `slim` of the result is `slim` of the webhook's body of the same version, field by field. Ids are text.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from streams.shopify.results import Address, Fulfillment, Line, Money, MoneyBag, MovedLine, Order, Refund


def id_of(gid: str) -> str:
    """The number at the end of `gid://shopify/Order/123` (a query may follow it). ValueError where there is none."""
    number = gid.rsplit("/", 1)[-1].split("?", 1)[0]
    if not number.isdecimal():
        raise ValueError(f"{gid!r} is no id of Shopify's: gid://shopify/<kind>/<number>")
    return number


def order_gid(order_id: str) -> str:
    """The id of an order as GraphQL has it."""
    return f"gid://shopify/Order/{order_id}"


def webhook_body(order: Order) -> dict[str, Any]:
    """The order as a webhook would bring it. It must be complete: all inner pages in their first ones."""
    body: dict[str, Any] = {
        "id": id_of(order.id),
        "admin_graphql_api_id": order.id,
        "name": order.name,
        "email": order.email or "",
        "created_at": order.created_at,
        "updated_at": order.updated_at,
        "cancelled_at": order.cancelled_at,
        "currency": order.currency_code,
        "presentment_currency": order.presentment_currency_code,
        "taxes_included": order.taxes_included,
        "total_price": _amount(order.total_price_set.shop_money),
        "tags": ", ".join(order.tags),
        "discount_codes": [{"code": code} for code in order.discount_codes],
        "shipping_address": _address(order.shipping_address),
        "billing_address": _address(order.billing_address),
        "line_items": [_line(line) for line in order.line_items.nodes],
        "refunds": [_refund(refund) for refund in order.refunds],
        "fulfillments": [_fulfilment(fulfilment) for fulfilment in order.fulfillments],
    }
    if order.total_discounts_set is not None:
        body["total_discounts"] = _amount(order.total_discounts_set.shop_money)
    return body


def _line(line: Line) -> dict[str, Any]:
    price = line.original_unit_price_set
    return {
        "id": id_of(line.id),
        "sku": line.sku,
        "variant_id": id_of(line.variant.id) if line.variant else None,
        "quantity": line.quantity,
        "current_quantity": line.current_quantity,
        "price": _amount(price.shop_money),
        "price_set": _set(price),
        "discount_allocations": [
            {"amount": _amount(a.allocated_amount_set.shop_money), "amount_set": _set(a.allocated_amount_set)}
            for a in line.discount_allocations
        ],
        "tax_lines": [
            {"price": _amount(tax.price_set.shop_money), "price_set": _set(tax.price_set)} for tax in line.tax_lines
        ],
    }


def _refund(refund: Refund) -> dict[str, Any]:
    lines = [
        {"line_item_id": number, "quantity": quantity} for number, quantity in _moved(refund.refund_line_items.nodes)
    ]
    return {"id": id_of(refund.id), "refund_line_items": lines}


def _fulfilment(fulfilment: Fulfillment) -> dict[str, Any]:
    lines = [
        {"id": number, "quantity": quantity} for number, quantity in _moved(fulfilment.fulfillment_line_items.nodes)
    ]
    return {"id": id_of(fulfilment.id), "status": fulfilment.status.lower(), "line_items": lines}


def _moved(lines: Iterable[MovedLine]) -> Iterable[tuple[str, int]]:
    return ((id_of(line.line_item.id), line.quantity or 0) for line in lines)


def _address(address: Address | None) -> dict[str, Any] | None:
    return None if address is None else {"country_code": address.country_code, "zip": address.zip}


def _set(bag: MoneyBag) -> dict[str, Any]:
    sides = {"shop_money": bag.shop_money, "presentment_money": bag.presentment_money}
    return {
        name: {"amount": _amount(money), "currency_code": money.currency_code}
        for name, money in sides.items()
        if money is not None
    }


def _amount(money: Money) -> str:
    return format(money.amount, "f")
