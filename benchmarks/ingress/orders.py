"""Signed orders as they go over the wire, each with an id of its own: 4-8 KB, made once, sent by all."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Iterator
from pathlib import Path

from benchmarks.engine import traffic
from benchmarks.latency.client import Request, on_the_wire
from demo.senders import Post

SHOP = f"{traffic.RETAILER}.myshopify.com"
RETAILERS = f"""
retailers:
  - id: {traffic.RETAILER}
    name: "Bench"
    portal: omnireturns
    shopify: {{shop: {SHOP}}}
    return_action: first_scan
"""


def orders(count: int, secret: str) -> Iterator[Request]:
    """By order key. The same count gives the same bodies."""
    for number, record in enumerate(traffic.inputs(count, 0)):
        mac = hmac.digest(secret.encode(), record.value, hashlib.sha256)
        headers = {
            "content-type": "application/json",
            "user-agent": "Shopify-Captain-Hook",
            "x-shopify-topic": "orders/create",
            "x-shopify-shop-domain": SHOP,
            "x-shopify-api-version": "2026-10",
            "x-shopify-webhook-id": f"webhook-{number}",
            "x-shopify-event-id": f"event-{number}",
            "x-shopify-triggered-at": "2026-11-14T06:20:39.000+00:00",
            "x-shopify-hmac-sha256": base64.b64encode(mac).decode(),
        }
        yield on_the_wire(record.key, Post("/webhooks/shopify", record.value, headers))


def write(requests: list[Request], file: Path) -> None:
    """As load.lua reads them."""
    with file.open("wb") as out:
        for _, raw in requests:
            out.write(b"%08d" % len(raw) + raw)
