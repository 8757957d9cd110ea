"""A record on order-events for an order that was fetched: what the webhook would have brought, and who fetched it."""

from __future__ import annotations

from datetime import UTC, datetime

import orjson

from contracts.envelope import Envelope
from contracts.keys import fact_id, order_key, order_name
from contracts.orders import ShopifyOrder
from contracts.retailers import Retailer
from contracts.topics import ORDER_EVENTS
from producers.messages import Message, event
from streams.shopify.order_shape import id_of, webhook_body
from streams.shopify.results import Order


def record_of(order: Order, retailer: Retailer, via: str) -> Message | None:
    """The record; None for an order without a name, which has no key. via: who fetched it (`import`, `reconcile`).

    The same version has the same id however often it is fetched. It says no `triggeredat`: of two records of one
    `updated_at`, the webhook's stays.
    """
    if not order_name(order.name):
        return None
    shop = retailer.shopify.shop.lower()
    key = order_key(retailer.id, order.name)
    envelope = Envelope(
        id=fact_id("shopify-admin", shop, id_of(order.id), order.updated_at),
        source=f"shopify://{shop}",
        type=ORDER_EVENTS.event_for(ShopifyOrder).type,
        time=datetime.fromisoformat(order.updated_at).astimezone(UTC),
        subject=key,
        extensions={"shop": shop, "via": via},
    )
    return event(ORDER_EVENTS, key, orjson.dumps(webhook_body(order)), envelope)
