"""The first requests of the corpus: every sender's sample bodies, signed each way, under every topic of Shopify's."""

from __future__ import annotations

from collections.abc import Iterator

from producers.sources import SENDERS, shopify
from tests.fuzz.request import OTHER, PREVIOUS, RIGHT, encode
from tests.unit.producers.support import body

JSON = {"content-type": "application/json"}
_SHOPIFY = {
    "orders/create": "order_2026",
    "orders/updated": "order_2019",
    "refunds/create": "refund",
    "orders/edited": "order_edited",
    "orders/delete": "order_deleted",
    "customers/redact": "customers_redact",
    "shop/redact": "shop_redact",
    "customers/data_request": "customers_data_request",
    "app/uninstalled": "app_uninstalled",
    "themes/publish": "shop_redact",
}
_OTHERS = {
    "easypost": ("easypost/tracker_updated.json", "easypost/batch_updated.json"),
    "aftership": ("aftership/tracking.json",),
    "shippo": ("shippo/track_updated.json",),
    "omniparcel": ("omniparcel/status.json",),
    "omnirps_returns": ("omnirps/returns.json",),
    "omnirps_events": ("omnirps/events.json",),
    "omnirps_return_status": ("omnirps/return_status.json",),
}


def shopify_headers(topic: str) -> dict[str, str]:
    """What Shopify says beside the body."""
    return JSON | {
        "x-shopify-topic": topic,
        "x-shopify-shop-domain": "acme.myshopify.com",
        "x-shopify-webhook-id": "wh-1",
        "x-shopify-triggered-at": "2026-11-03T18:00:42.5Z",
    }


def seeds() -> Iterator[tuple[str, bytes]]:
    """Name and bytes of each."""
    for topic, name in _SHOPIFY.items():
        for sender in (shopify.PLAIN, shopify.OWN_PATH):
            word = f"shopify-{'own' if sender is shopify.OWN_PATH else 'plain'}-{topic.replace('/', '-')}"
            yield word, encode(sender, PREVIOUS, shopify_headers(topic), body(f"shopify/{name}.json"))
    for sender in SENDERS:
        for at, name in enumerate(_OTHERS.get(sender.name, ())):
            for how in (RIGHT, OTHER):
                retailer = "Bölt - Loop" if how == OTHER else "Acme Outdoors"
                headers = JSON | ({"retailer": retailer} if sender.accounts == "omnirps" else {})
                yield f"{sender.name}-{at}-{how}", encode(sender, how, headers, body(name))
