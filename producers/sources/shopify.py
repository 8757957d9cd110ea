"""Shopify: order webhooks as they came, hints, erasures, requests; whatever else it says is kept for a person.

Shopify deletes a subscription after eight failures, so what it signed is answered 200 whenever it is JSON. It signs the
body alone: topic and shop are headers that anybody could change, so the body's shape must fit the topic, and the
retailer's own path (or, on the plain path, what the body says of its shop) must fit the shop.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import orjson
from pydantic import ValidationError

from contracts.envelope import Envelope
from contracts.keys import fact_id, order_key, order_name
from contracts.orders import AppUninstalled, DataRequest, ErasureReason, OrderErasure, OrderHint, ShopifyOrder
from contracts.retailers import Retailer
from contracts.topics import ORDER_EVENTS
from producers.accounts import SigningAccount
from producers.messages import Message, event
from producers.problems import Unauthenticated, Unknown, pointer
from producers.retailers import Directory
from producers.sources.base import (
    Collector,
    Misfit,
    Received,
    Sender,
    Split,
    digest,
    dump,
    instant,
    parse_or_keep,
    signer,
)
from producers.sources.shopify_order import OrderFacts, read

NAME = "shopify"
# What may stand beside a kept body: who, what and when, but no signature.
_ABOUT = (
    "x-shopify-topic",
    "x-shopify-shop-domain",
    "x-shopify-api-version",
    "x-shopify-webhook-id",
    "x-shopify-event-id",
    "x-shopify-triggered-at",
)
_PLAIN_HOST = re.compile(r"https://([a-z0-9.-]+)/").match


@dataclass(frozen=True, slots=True)
class Webhook:
    """One verified delivery, with the retailer found."""

    retailer: Retailer
    topic: str
    received: Received
    body: dict[str, Any]

    @property
    def shop(self) -> str:
        """The shop's permanent domain."""
        return self.retailer.shopify.shop.lower()

    def envelope(self, model: type[Any], ident: str, subject: str, at: object) -> Envelope:
        """The envelope of a record made from this delivery."""
        extensions = {"shop": self.shop, "topic": self.topic}
        if triggered := self.received.header("x-shopify-triggered-at"):
            extensions["triggeredat"] = triggered
        return Envelope(
            id=ident,
            source=f"shopify://{self.shop}",
            type=ORDER_EVENTS.event_for(model).type,
            time=instant(at),
            subject=subject,
            extensions=extensions,
        )

    def delivery_id(self) -> str:
        """What a repeat of this delivery has too: Shopify's id of it, else its content."""
        return self.received.header("x-shopify-webhook-id") or digest(self.received.raw)


def verify(received: Received, accounts: Sequence[SigningAccount]) -> SigningAccount | None:
    """`X-Shopify-Hmac-Sha256`: base64 of the HMAC over the raw body."""
    given = received.header("x-shopify-hmac-sha256")
    return signer(given, received.raw, accounts, lambda mac: base64.b64encode(mac).decode())


def split(account: SigningAccount, received: Received, directory: Directory) -> Split:
    """One record for an order, a hint or an erasure; what fits nothing is kept."""
    retailer = _retailer(account, received, directory)
    topic = received.header("x-shopify-topic")
    gathered = Collector(NAME, account)
    try:
        if _TOPICS.get(topic) is _order and (order := read(received.raw)) is not None:
            facts, told = order
            _same_shop(told, retailer, received, directory)
            return Split((_record(Webhook(retailer, topic, received, {}), facts),))
        body = parse_or_keep(received.raw)
        if topic not in _TOPICS:
            raise Misfit("unknown_topic", "this webhook topic is not handled: remove the subscription, or replay later")
        if not isinstance(body, dict):
            raise Misfit("wrong_shape", "the body must be an object")
        _same_shop(body, retailer, received, directory)
        gathered.messages.extend(_TOPICS[topic](Webhook(retailer, topic, received, body)))
    except Misfit as misfit:
        about = {name: received.header(name) for name in _ABOUT if received.header(name)}
        gathered.keep(misfit, received.raw, retailer.id, about)
    return gathered.split()


def _retailer(account: SigningAccount, received: Received, directory: Directory) -> Retailer:
    shop = received.header("x-shopify-shop-domain").strip().lower()
    if received.path_token is not None:
        retailer = directory.of_path(received.path_token)
        if retailer is None or shop != retailer.shopify.shop.lower():
            raise Unauthenticated
    else:
        retailer = directory.of_shop(shop)
    if retailer is None:
        near = directory.near_shop(shop, account.speaks_for)
        hint = f"; {near!r} is: which one is meant?" if near else ""
        raise Unknown(f"shop {shop!r} is not known{hint}")
    if not account.speaks_for(retailer.id):
        raise Unauthenticated
    return retailer


def _same_shop(body: Mapping[str, Any], retailer: Retailer, received: Received, directory: Directory) -> None:
    """A body that names another shop than the header was signed for that one: somebody sends it again as this one's."""
    own = retailer.shopify.shop.lower()
    named = body.get("shop_domain", body.get("myshopify_domain"))
    if isinstance(named, str) and named.lower() != own:
        raise Unauthenticated
    if received.path_token is not None or not isinstance(url := body.get("order_status_url"), str):
        return
    if url.startswith(f"https://{own}/"):
        return
    host = _host(url)
    # The status page may live under any domain of the shop; only another retailer's shop tells of a swap.
    other = directory.of_shop(host)
    if other is not None and other.id != retailer.id:
        raise Unauthenticated


def _host(url: str) -> str:
    if plain := _PLAIN_HOST(url):  # what urlsplit would find, for a fifth of its time
        return plain[1]
    try:
        return (urlsplit(url).hostname or "").lower()
    except ValueError:
        return ""


def _order(hook: Webhook) -> list[Message]:
    if "line_items" not in hook.body or "order_id" in hook.body:
        raise Misfit("wrong_shape", f"the body is no order, as {hook.topic} should have", "/line_items")
    try:
        order = ShopifyOrder.model_validate(hook.body)
    except ValidationError as error:
        # Without `input`: the value may be personal.
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        message = f"{error.error_count()} needed fields are missing or wrong, the first: {first['msg']}"
        raise Misfit("wrong_fields", message, pointer(*first["loc"])) from None
    return [_record(hook, OrderFacts(order.id, order.name, order.updated_at, hook.body["updated_at"]))]


def _record(hook: Webhook, order: OrderFacts) -> Message:
    if not order_name(order.name):
        raise Misfit("wrong_fields", "the order's name is blank", "/name")
    key = order_key(hook.retailer.id, order.name)
    ident = fact_id(NAME, hook.shop, order.id, order.updated_at.isoformat(), digest(hook.received.raw))
    envelope = hook.envelope(ShopifyOrder, ident, key, order.said_updated_at)
    return event(ORDER_EVENTS, key, hook.received.raw, envelope)


def _hint(hook: Webhook) -> list[Message]:
    edited = hook.topic == "orders/edited"
    inner = hook.body.get("order_edit") if edited else hook.body
    if not isinstance(inner, dict) or not (edited or "refund_line_items" in inner):
        raise Misfit("wrong_shape", f"the body is not that of {hook.topic}")
    order_id = _id(inner.get("order_id"), "/order_edit/order_id" if edited else "/order_id")
    key = order_key(hook.retailer.id, f"?{order_id}")
    hint = OrderHint(retailer=hook.retailer.id, order_id=order_id, topic=hook.topic, body={})
    value = dump({**hint.model_dump(mode="json"), "body": orjson.Fragment(hook.received.raw)})
    ident = fact_id(NAME, hook.shop, hook.topic, order_id, inner.get("id"), digest(hook.received.raw))
    return [event(ORDER_EVENTS, key, value, hook.envelope(OrderHint, ident, key, inner.get("created_at")))]


def _order_deleted(hook: Webhook) -> list[Message]:
    # Exactly `{"id": …}`: an order's body under this topic would otherwise wipe that order.
    if set(hook.body) != {"id"}:
        raise Misfit("wrong_shape", "the body must hold 'id' alone")
    return [_erasure(hook, ErasureReason.ORDER_DELETED, (_id(hook.body["id"], "/id"),))]


def _customer_redacted(hook: Webhook) -> list[Message]:
    ids = hook.body.get("orders_to_redact")
    if not isinstance(ids, list) or not isinstance(hook.body.get("customer"), dict) or "shop_domain" not in hook.body:
        raise Misfit("wrong_shape", "the body must hold 'shop_domain', 'customer' and 'orders_to_redact'")
    orders = tuple(_id(value, pointer("orders_to_redact", at)) for at, value in enumerate(ids))
    # A customer without orders has left nothing here that could be erased.
    return [_erasure(hook, ErasureReason.CUSTOMER_REDACTED, orders)] if orders else []


def _shop_redacted(hook: Webhook) -> list[Message]:
    if set(hook.body) != {"shop_id", "shop_domain"}:
        raise Misfit("wrong_shape", "the body must hold 'shop_id' and 'shop_domain' alone")
    return [_erasure(hook, ErasureReason.SHOP_REDACTED, whole_shop=True)]


def _erasure(
    hook: Webhook, reason: ErasureReason, order_ids: tuple[str, ...] = (), *, whole_shop: bool = False
) -> Message:
    erasure = OrderErasure(retailer=hook.retailer.id, order_ids=order_ids, whole_shop=whole_shop, reason=reason)
    key = order_key(hook.retailer.id, "?*" if whole_shop else f"?{order_ids[0]}")
    ident = fact_id(NAME, hook.shop, hook.topic, *order_ids, hook.delivery_id())
    envelope = hook.envelope(OrderErasure, ident, key, hook.received.header("x-shopify-triggered-at"))
    return event(ORDER_EVENTS, key, erasure.model_dump_json().encode(), envelope, everywhere=True)


def _data_requested(hook: Webhook) -> list[Message]:
    asked, ids = hook.body.get("data_request"), hook.body.get("orders_requested")
    if not isinstance(asked, dict) or not isinstance(ids, list) or "shop_domain" not in hook.body:
        raise Misfit("wrong_shape", "the body must hold 'shop_domain', 'data_request' and 'orders_requested'")
    # Not the customer: who asks stands in the shop, and the orders lead there.
    request = DataRequest(
        retailer=hook.retailer.id,
        request_id=_id(asked.get("id"), "/data_request/id"),
        order_ids=tuple(_id(value, pointer("orders_requested", at)) for at, value in enumerate(ids)),
        requested_at=datetime.fromtimestamp(hook.received.at, UTC),
    )
    key = order_key(hook.retailer.id, f"?{request.order_ids[0]}" if request.order_ids else "?*")
    ident = fact_id(NAME, hook.shop, hook.topic, request.request_id)
    envelope = hook.envelope(DataRequest, ident, key, hook.received.header("x-shopify-triggered-at"))
    return [event(ORDER_EVENTS, key, request.model_dump_json().encode(), envelope)]


def _uninstalled(hook: Webhook) -> list[Message]:
    if "myshopify_domain" not in hook.body:
        raise Misfit("wrong_shape", "the body must be a shop, with 'myshopify_domain'")
    key = order_key(hook.retailer.id, "?*")
    removed = AppUninstalled(retailer=hook.retailer.id, delivery_id=hook.delivery_id())
    ident = fact_id(NAME, hook.shop, hook.topic, removed.delivery_id)
    envelope = hook.envelope(AppUninstalled, ident, key, hook.received.header("x-shopify-triggered-at"))
    return [event(ORDER_EVENTS, key, removed.model_dump_json().encode(), envelope)]


def _nothing_to_do(hook: Webhook) -> list[Message]:
    """About an order, without one: what a return needs of it comes with orders/updated."""
    return []


def _id(value: object, path: str) -> str:
    if isinstance(value, bool) or not (isinstance(value, int) or (isinstance(value, str) and value.isdecimal())):
        raise Misfit("wrong_fields", "an id must be an integer", path)
    return str(value)


_TOPICS: dict[str, Callable[[Webhook], list[Message]]] = {
    "orders/create": _order,
    "orders/updated": _order,
    "orders/cancelled": _order,
    "orders/paid": _order,
    "orders/fulfilled": _order,
    "orders/partially_fulfilled": _order,
    "orders/risk_assessment_changed": _nothing_to_do,
    "orders/shopify_protect_eligibility_changed": _nothing_to_do,
    "orders/link_requested": _nothing_to_do,
    "refunds/create": _hint,
    "orders/edited": _hint,
    "orders/delete": _order_deleted,
    "customers/redact": _customer_redacted,
    "shop/redact": _shop_redacted,
    "customers/data_request": _data_requested,
    "app/uninstalled": _uninstalled,
}

PLAIN = Sender("/webhooks/shopify", NAME, NAME, verify, split, keeps=True)
OWN_PATH = Sender("/webhooks/shopify/{path_token}", NAME, NAME, verify, split, keeps=True)
