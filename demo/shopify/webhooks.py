"""The webhooks that Shopify sends: orders in the shape of the Admin REST API of 2026-10, signed over their bytes."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

API_VERSION = "2026-10"


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """What has happened to an order in its shop: the webhook's topic, and the order's body from then on.

    sure: its webhook comes at once, whatever the seed says. lost: it never comes.
    """

    shop: str
    topic: str
    body: Mapping[str, Any]
    sure: bool = False
    lost: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    """One line item. discounts, taxes: amounts for the whole line, one for each allocation and tax line.

    presentment: price, discounts and taxes in the customer's currency, where it is another one.
    """

    sku: str
    quantity: int
    price: str
    discounts: Sequence[str] = ()
    taxes: Sequence[str] = ()
    presentment: tuple[str, Sequence[str], Sequence[str]] | None = None


@dataclass(frozen=True, slots=True)
class Sale:
    """An order as a shop knows it. id: of the order; those of its lines follow it."""

    shop: str
    id: int
    name: str
    lines: Sequence[Line]
    currency: str = "EUR"
    presentment_currency: str | None = None
    taxes_included: bool = True
    country: str = "DE"
    tags: str = ""
    codes: Sequence[str] = ()
    created_at: datetime = datetime.min

    def body(self, *, updated_after: timedelta = timedelta(0), **changes: Any) -> dict[str, Any]:
        """The webhook's body of one version. changes: fields of this version that differ."""
        discounts = sum((Decimal(amount) for line in self.lines for amount in line.discounts), Decimal(0))
        full = sum((Decimal(line.price) * line.quantity for line in self.lines), Decimal(0))
        tax = sum((Decimal(amount) for line in self.lines for amount in line.taxes), Decimal(0))
        total = full - discounts + (0 if self.taxes_included else tax)
        body: dict[str, Any] = {
            "id": self.id,
            "admin_graphql_api_id": f"gid://shopify/Order/{self.id}",
            "name": self.name,
            "created_at": _written(self.created_at),
            "updated_at": _written(self.created_at + updated_after),
            "cancelled_at": None,
            "currency": self.currency,
            "presentment_currency": self.presentment_currency or self.currency,
            "taxes_included": self.taxes_included,
            "total_line_items_price": f"{full:.2f}",
            "total_discounts": f"{discounts:.2f}",
            "total_tax": f"{tax:.2f}",
            "total_price": f"{total:.2f}",
            "current_total_price": f"{total:.2f}",
            "tags": self.tags,
            "discount_codes": self._codes(),
            "email": "kim@example.com",
            "customer": {"id": self.id + 90_000, "email": "kim@example.com", "first_name": "Kim", "last_name": "Doe"},
            "order_status_url": f"https://{self.shop}/{self.id}/authenticate?key=demo",
            "shipping_address": {
                "first_name": "Kim",
                "city": "Springfield",
                "country_code": self.country,
                "zip": "12345",
            },
            "billing_address": None,
            "line_items": [self._line(at, line) for at, line in enumerate(self.lines, 1)],
            "refunds": [],
            "fulfillments": [self._fulfilment()],
        }
        return {**body, **changes}

    def change(
        self,
        topic: str = "orders/create",
        *,
        after: timedelta = timedelta(0),
        sure: bool = False,
        lost: bool = False,
        **changes: Any,
    ) -> Change:
        """The shop has a version of the order, `after` its creation."""
        return Change(self.shop, topic, self.body(updated_after=after, **changes), sure, lost)

    def line_id(self, at: int) -> int:
        """The id of the line at this place, from 1."""
        return self.id + at

    def _codes(self) -> list[dict[str, str]]:
        # An order without a code may carry one empty code.
        return [{"code": code, "amount": "0.00", "type": "percentage"} for code in self.codes or ("",)]

    def _line(self, at: int, line: Line) -> dict[str, Any]:
        price, discounts, taxes = line.presentment or (line.price, line.discounts, line.taxes)
        return {
            "id": self.line_id(at),
            "sku": line.sku,
            "variant_id": self.id + 5_000 + at,
            "title": line.sku.title(),
            "quantity": line.quantity,
            "price": line.price,
            "price_set": self._money(line.price, price),
            "total_discount": "0.00",
            "discount_allocations": [
                {"amount": shop, "amount_set": self._money(shop, shown), "discount_application_index": 0}
                for shop, shown in zip(line.discounts, discounts, strict=True)
            ],
            "tax_lines": [
                {"title": "VAT", "rate": 0.19, "price": shop, "price_set": self._money(shop, shown)}
                for shop, shown in zip(line.taxes, taxes, strict=True)
            ],
            "properties": [],
        }

    def _money(self, shop: str, shown: str) -> dict[str, Any]:
        return {
            "shop_money": {"amount": shop, "currency_code": self.currency},
            "presentment_money": {"amount": shown, "currency_code": self.presentment_currency or self.currency},
        }

    def _fulfilment(self) -> dict[str, Any]:
        lines = [{"id": self.line_id(at), "quantity": line.quantity} for at, line in enumerate(self.lines, 1)]
        return {"id": self.id + 70_000, "status": "success", "line_items": lines}


def _written(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")


def signature(raw: bytes, secret: str) -> str:
    """`X-Shopify-Hmac-Sha256`: base64 of HMAC-SHA256 over the raw body with the app's client secret."""
    return base64.b64encode(hmac.digest(secret.encode(), raw, hashlib.sha256)).decode()


def headers(raw: bytes, *, secret: str, shop: str, topic: str, webhook_id: str, at: datetime) -> Mapping[str, str]:
    """The headers of one delivery."""
    return {
        "content-type": "application/json",
        "x-shopify-topic": topic,
        "x-shopify-shop-domain": shop,
        "x-shopify-api-version": API_VERSION,
        "x-shopify-webhook-id": webhook_id,
        "x-shopify-event-id": f"event-of-{webhook_id}",
        "x-shopify-triggered-at": at.isoformat(timespec="milliseconds"),
        "x-shopify-hmac-sha256": signature(raw, secret),
    }
