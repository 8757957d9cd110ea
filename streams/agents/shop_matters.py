"""What a shop says that is no order: a customer asks for their data, the app was removed. A person must act on it."""

from __future__ import annotations

from datetime import timedelta

from contracts.actions import AlertKind
from contracts.keys import split_order_key
from contracts.orders import AppUninstalled, DataRequest, ShopifyOrder
from contracts.retailers import Retailer
from streams.agents.alerts import raise_alert
from streams.engine.context import Context
from streams.engine.errors import ContractViolation
from streams.engine.records import Event

# Shopify's bound for its compliance webhooks; the GDPR's is a month.
ANSWERED_WITHIN = timedelta(days=30)


def data_requested(event: Event[DataRequest], ctx: Context) -> None:
    """Calls a person, with the orders asked about and the day by which the customer must have an answer."""
    request = event.value
    check_retailer(event.key, request.retailer)
    # A publisher whose clock is ahead must not win time.
    due = min(request.requested_at, ctx.now) + ANSWERED_WITHIN
    asked = f"{len(request.order_ids)} orders" if request.order_ids else "no order"
    message = (
        f"a customer asks what is known of them (Shopify's request {request.request_id}, {asked}): "
        f"answer by {due.date().isoformat()}, docs/retailers.md says how"
    )
    raise_alert(
        ctx,
        AlertKind.DATA_REQUEST,
        retailer=request.retailer,
        order_key=event.key,
        message=message,
        about=request.request_id,
        order_ids=request.order_ids,
        due_at=due,
    )


def app_uninstalled(event: Event[AppUninstalled], ctx: Context) -> None:
    """Calls a person: from now on this shop's orders are missing."""
    check_retailer(event.key, event.value.retailer)
    raise_alert(
        ctx,
        AlertKind.APP_UNINSTALLED,
        retailer=event.value.retailer,
        order_key=event.key,
        message="the shop removed the app: its orders come no more until it is installed again",
        about=event.value.delivery_id,
    )


def check_retailer(key: str, retailer: str) -> None:
    """ContractViolation where the key belongs to another retailer than the value."""
    try:
        named, _ = split_order_key(key)
    except ValueError as error:
        raise ContractViolation(str(error)) from error
    if named != retailer:
        raise ContractViolation(f"key {key!r} does not fit retailer {retailer!r}: it must begin with '{retailer}/'")


def check_shop(event: Event[ShopifyOrder], retailer: Retailer | None) -> None:
    """ContractViolation where the record says that it comes from another shop than the retailer's of its key."""
    source = event.envelope.source
    shop = event.envelope.extensions.get("shop", source.removeprefix("shopify://") if "shopify://" in source else "")
    if shop and retailer is not None and shop.lower() != retailer.shopify.shop.lower():
        raise ContractViolation(
            f"order {event.value.id} is of shop {shop!r}, but retailer {retailer.id!r} has {retailer.shopify.shop!r}"
        )
