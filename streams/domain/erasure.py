"""What is left of an erased order: a mark that tells it from others without naming it, so that it stays away."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime, timedelta

from contracts.model import Instant, Model
from contracts.orders import Order

# Shopify lets an app read 60 days of orders, and order-events keeps 7: nothing older can be imported or replayed.
MARKED_FOR = timedelta(days=60)


class ErasureMark(Model):
    """An order, or all of a shop's, was erased. at: UTC."""

    at: Instant


def order_mark(retailer: str, order_id: str, hash_key: bytes) -> str:
    """The key of an erased order's mark: a keyed hash, for the id itself is part of what was to be forgotten."""
    return f"order|{hmac.new(hash_key, f'{retailer}|{order_id}'.encode(), hashlib.sha256).hexdigest()}"


def shop_mark(retailer: str) -> str:
    """The key of the mark for all orders of a retailer, who is no secret."""
    return f"shop|{retailer}"


def covered(order: Order, erased_at: datetime) -> bool:
    """Whether an erasure of the whole shop means this order: it was created or changed no later than that.

    An older order that the shop changes afterwards stays out too: it was part of what was to be forgotten.
    """
    return min(order.created_at, order.updated_at) <= erased_at
