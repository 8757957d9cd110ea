"""Shopify's Admin API: documents, a client that keeps to a shop's pace, typed results. What is listed here is meant to
be used from outside; `Shops(secrets, options).of(retailer.shopify)` is where to begin."""

from streams.shopify.client import AdminClient, Retries
from streams.shopify.documents import Document, document
from streams.shopify.errors import (
    AccessDenied,
    BadDocument,
    NotConfigured,
    Refused,
    ShopifyError,
    Throttled,
    TooCostly,
    Unreachable,
    UserError,
    UserErrors,
)
from streams.shopify.shops import API_VERSION, OWN_HOST, ShopifyOptions, Shops
from streams.shopify.throttle import Priority
from streams.shopify.transport import Timeouts

__all__ = [
    "API_VERSION",
    "OWN_HOST",
    "AccessDenied",
    "AdminClient",
    "BadDocument",
    "Document",
    "NotConfigured",
    "Priority",
    "Refused",
    "Retries",
    "ShopifyError",
    "ShopifyOptions",
    "Shops",
    "Throttled",
    "Timeouts",
    "TooCostly",
    "Unreachable",
    "UserError",
    "UserErrors",
    "document",
]
