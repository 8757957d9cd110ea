"""Values for tests, ordinary where a test does not care: each builder takes by name what it does care about."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from contracts.keys import consignment_key, tracking_key
from contracts.model import Model
from contracts.orders import ErasureReason, OrderErasure, ShopifyOrder
from contracts.retailers import Hook, Portal, Retailer, ReturnActionStage, Schedule, ShopifyAccess
from contracts.returns import Meaning, ReturnEvent, ReturnUpload, UploadedUnit
from contracts.tracking import CarrierFormat, CarrierReport, Consignment, Source
from streams.engine.outbox import Call

PARCEL = "SEK-1"


async def uncalled(call: Call[Any]) -> Model:
    """The caller of order-table's outbox where no retailer has its orders fetched."""
    raise AssertionError(f"a call was made: {call}")


HASH_KEY = b"a key for tests"


def retailer(
    id: str = "acme",
    *,
    hook: str | None = None,
    secret_ref: str | None = None,
    schedule: Schedule | None = None,
    **changes: Any,
) -> Retailer:
    """A retailer on OmniReturns; with a URL for `hook`, one that wants to be told."""
    values: dict[str, Any] = {
        "id": id,
        "name": id.title(),
        "portal": Portal.OMNIRETURNS,
        "shopify": ShopifyAccess(shop=f"{id}.myshopify.com"),
        "return_action": ReturnActionStage.FIRST_SCAN,
        # Receivers of tests are on this machine.
        "hook": Hook(url=hook, secret_ref=secret_ref, schedule=schedule, allow_private=True) if hook else None,
    }
    return Retailer(**{**values, **changes})


def source(*retailers: str, sender: str = "omniparcel", account: str = "seko") -> Source:
    """Somebody who may speak for these retailers; for all when none is given."""
    return Source(sender=sender, account=account, retailers=retailers or ("*",))


def scan(
    code: str = "OP-10", at: str = "2026-11-02T09:14:00Z", place: str = "Egham, GB", text: str = ""
) -> dict[str, str]:
    """One event of an OmniParcel element."""
    return {"EventDT": at, "OmniCode": code, "Location": place, "Description": text}


def parcel_report(*scans: dict[str, str], number: str = PARCEL, by: Source | None = None) -> CarrierReport:
    """An OmniParcel report of these scans."""
    element = {"ConsignmentNo": number, "Carrier": "DHL", "Events": list(scans)}
    return CarrierReport(
        format=CarrierFormat.OMNIPARCEL, source=by or source(), tracking_number=number, element=element
    )


def hub_report(code: str, *skus: str, number: str = PARCEL, by: Source | None = None, **fields: str) -> CarrierReport:
    """OmniRPS elements of one event about a consignment, one a sku unit; one without a sku where none is given."""
    flat = {"ConsignmentNo": number, "Code": code, "EventDT": "2026-11-05 10:00:00", **fields}
    elements = [{**flat, "ItemNo": sku} for sku in skus] or [flat]
    return CarrierReport(
        format=CarrierFormat.OMNIRPS,
        source=by or source("acme", sender="omnirps", account="hub"),
        tracking_number=number,
        element={"Elements": elements},
    )


def link(rma: str = "R1", *, order_key: str = "acme/1001", number: str = PARCEL) -> Consignment:
    """A parcel that carries a return."""
    return Consignment(
        tracking_number=number,
        tracking_key=tracking_key(number),
        retailer=order_key.split("/")[0],
        order_key=order_key,
        rma=rma,
        linked_at=datetime(2026, 11, 1, tzinfo=UTC),
    )


def link_key(of: Consignment) -> str:
    """The key of a link's record."""
    return consignment_key(of.tracking_key, of.order_key, of.rma)


def return_event(meaning: Meaning, **changes: Any) -> ReturnEvent:
    """Something that happened to return R1 of order acme/1001, in parcel SEK1, as a carrier told it."""
    values: dict[str, Any] = {
        "retailer": "acme",
        "order_key": "acme/1001",
        "rma": "R1",
        "consignment": tracking_key(PARCEL),
        "consignment_no": PARCEL,
        "meaning": meaning,
        "code": meaning.value,
        "local_time": "2026-11-02T09:14:00Z",
        "at": datetime(2026, 11, 2, 9, 14, tzinfo=UTC),
        "source": source(),
    }
    event = {**values, **changes}
    named = (event["rma"], event["consignment"], meaning.value, event["code"], event["local_time"])
    return ReturnEvent(**{"event_id": "|".join(map(str, named)), **event})


def order_line(sku: str = "TEE-M", quantity: int = 2, price: str = "50.00", id: str = "11") -> dict[str, Any]:
    """One line of a Shopify order."""
    return {"id": id, "sku": sku, "quantity": quantity, "price": price}


def shopify_order(*lines: dict[str, Any], **changes: Any) -> ShopifyOrder:
    """A Shopify order as a webhook brings it: #1001 of 100 USD, two of TEE-M, created on 1 November 2026."""
    values: dict[str, Any] = {
        "id": "1",
        "name": "#1001",
        "created_at": "2026-11-01T10:00:00Z",
        "updated_at": "2026-11-01T10:00:00Z",
        "currency": "USD",
        "total_price": "100.00",
        "total_line_items_price": "100.00",
        "email": "kim@example.com",
        "shipping_address": {"country_code": "US", "zip": "10001"},
        "line_items": lines or (order_line(),),
    }
    return ShopifyOrder.model_validate({**values, **changes})


def erasure(*order_ids: str, whole_shop: bool = False, retailer: str = "acme") -> OrderErasure:
    """What orders/delete, customers/redact and shop/redact become."""
    reason = ErasureReason.SHOP_REDACTED if whole_shop else ErasureReason.ORDER_DELETED
    return OrderErasure(retailer=retailer, order_ids=order_ids, whole_shop=whole_shop, reason=reason)


def unit(sku: str = "TEE-M", reason: str = "Too small", action: str = "", **changes: Any) -> UploadedUnit:
    """One returned unit; `action` is the customer's word."""
    return UploadedUnit(sku=sku, reason=reason, return_action=action, **changes)


def upload(*units: UploadedUnit, rma: str = "R1", **changes: Any) -> ReturnUpload:
    """An upload for order #1001 of acme: one TEE-M in parcel SEK-1."""
    values: dict[str, Any] = {"retailer": "acme", "order_name": "#1001", "consignments": (PARCEL,)}
    return ReturnUpload(rma=rma, units=units or (unit(),), **{**values, "source": source("acme"), **changes})
