"""Shopify's Admin API: documents, a client that keeps to a shop's pace, typed results. What is listed here is meant to
be used from outside; `Shops(secrets, options).of(retailer.shopify)` is where to begin."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

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
from streams.shopify.options import API_VERSION, OWN_HOST, Retries, ShopifyOptions, Timeouts
from streams.shopify.throttle import Priority

if TYPE_CHECKING:
    from streams.shopify.client import AdminClient
    from streams.shopify.shops import Shops

# Imported when they are asked for: every command's settings need the options, few commands the clients and aiohttp.
_LATER = {"AdminClient": "streams.shopify.client", "Shops": "streams.shopify.shops"}

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


def __getattr__(name: str) -> Any:
    if name in _LATER:
        return getattr(import_module(_LATER[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
