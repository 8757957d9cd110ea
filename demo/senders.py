"""Everybody who talks to the ingress, each in his own format and with his own signature; orders are in shopify.py."""

from __future__ import annotations

import hashlib
import hmac
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import orjson

from demo.credentials import Credentials
from demo.shopify import webhooks


@dataclass(frozen=True, slots=True)
class Post:
    """One request: sent twice, it is the same bytes twice."""

    path: str
    raw: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Item:
    """One returned unit of an upload."""

    sku: str
    reason: str = "Too small"
    action: str = ""
    fields: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Senders:
    """Makes requests. names: each retailer's exact name in OmniRPS, by id."""

    credentials: Credentials
    names: Mapping[str, str]

    def order(
        self, sale: webhooks.Sale, topic: str = "orders/create", *, after: timedelta = timedelta(0), **changes: Any
    ) -> Post:
        """An order webhook: the version that the shop had `after` its creation."""
        raw = orjson.dumps(sale.body(updated_after=after, **changes))
        said = webhooks.headers(
            raw,
            secret=self.credentials.shopify,
            shop=sale.shop,
            topic=topic,
            webhook_id=hashlib.blake2b(raw, digest_size=16).hexdigest(),
            at=sale.created_at + after + timedelta(seconds=1),
        )
        return Post("/webhooks/shopify", raw, said)

    def upload(self, retailer: str, order: str, rma: str, parcel: str, *items: Item) -> Post:
        """A Return Upload: one element for each unit."""
        elements = [
            {
                "ConsignmentNo": parcel,
                "OrderNumber": order,
                "RMA": rma,
                "Sku": item.sku,
                "EAN": "",
                "Reason": item.reason,
                "ReturnAction": item.action,
                "CommodityInfo": item.sku.title(),
                "CommodityCode": "620290",
                "ItemWeight": "0.8",
                "ItemDescription": item.sku.title(),
                "ItemValue": "10.00",
                "CustomerName": "Kim Doe",
                "CustomerEmail": "kim@example.com",
                "Country": "Germany-DE",
                **item.fields,
            }
            for item in items
        ]
        return Post("/omnirps/returns", orjson.dumps(elements), self._omnirps(retailer))

    def omniparcel(self, parcel: str, *scans: tuple[str, datetime, str, str]) -> Post:
        """A status of SEKO's OmniParcel: the parcel's history as (OP code, local time, place, text)."""
        events = [
            {
                "EventDT": at.strftime("%Y-%m-%d %H:%M:%S"),
                "Code": code.removeprefix("OP-"),
                "OmniCode": code,
                "Description": text,
                "Location": place,
                "Part": 1,
            }
            for code, at, place, text in scans
        ]
        element = {"ConsignmentNo": parcel, "Status": "In Transit", "Picked": None, "Delivered": None, "Events": events}
        login = {"username": self.credentials.omniparcel_user, "password": self.credentials.omniparcel_password}
        return Post("/webhooks/omniparcel", orjson.dumps([element]), {"content-type": "application/json", **login})

    def easypost(self, parcel: str, *details: tuple[str, datetime, str]) -> Post:
        """An EasyPost `tracker.updated` with this history: (status, instant, message)."""
        history = [
            {
                "object": "TrackingDetail",
                "status": status,
                "datetime": at.isoformat(timespec="seconds"),
                "message": message,
                "tracking_location": {"city": "AUSTIN", "state": "TX", "country": "US", "zip": "78701"},
            }
            for status, at, message in details
        ]
        tracker = {"object": "Tracker", "tracking_code": parcel, "carrier": "USPS", "status": history[-1]["status"]}
        body = {
            "id": f"evt_{hashlib.blake2b(orjson.dumps([parcel, history]), digest_size=8).hexdigest()}",
            "object": "Event",
            "description": "tracker.updated",
            "mode": "test",
            "previous_attributes": {},
            "created_at": details[-1][1].isoformat(timespec="seconds"),
            "result": {**tracker, "tracking_details": history},
        }
        raw = orjson.dumps(body)
        signature = easypost_signature(raw, self.credentials.easypost)
        return Post("/webhooks/easypost", raw, {"content-type": "application/json", "x-hmac-signature": signature})

    def shippo(self, parcel: str, *details: tuple[str, datetime, str]) -> Post:
        """A Shippo `track_updated` with this history: (status, instant, details); its token stands in the URL."""
        history = [
            {
                "object_id": hashlib.blake2b(f"{parcel}{at}".encode(), digest_size=8).hexdigest(),
                "status": status,
                "status_details": text,
                "status_date": at.isoformat(timespec="seconds"),
                "location": {"city": "Austin", "state": "TX", "zip": "78701", "country": "US"},
            }
            for status, at, text in details
        ]
        tracking = {"carrier": "usps", "tracking_number": parcel, "tracking_status": history[-1]}
        body = {"event": "track_updated", "test": True, "data": {**tracking, "tracking_history": history}}
        path = f"/webhooks/shippo?token={self.credentials.shippo}"
        return Post(path, orjson.dumps(body), {"content-type": "application/json"})

    def hub(self, retailer: str, code: str, at: datetime, *skus: str, parcel: str = "", order: str = "") -> Post:
        """An OmniRPS tracking status array: one event, with an element for each item that it names."""
        element = {
            "ConsignmentNo": parcel,
            "OmniRPSTrackingNo": f"RPS{parcel or order}",
            "OrderNo": order,
            "MAWB": "",
            "ExportedConsignmentNo": "",
            "ShipDate": "",
            "DeliveryDate": "",
            "SourceLocation": "Egham, United Kingdom-GB",
            "DestinationLocation": "",
            "Code": code,
            "Status": "",
            "Carrier": "SEKO",
            "EventDT": at.strftime("%Y-%m-%d %H:%M:%S"),
        }
        named = [{**element, "ItemNo": sku, "ReturnReason": "", "ReturnAction": ""} for sku in skus]
        return Post("/omnirps/events", orjson.dumps(named or [element]), self._omnirps(retailer))

    def status(self, retailer: str, order: str, rma: str, status: str, at: datetime) -> Post:
        """The status of a return as a whole."""
        body = {
            "Retailer": self.names[retailer],
            "OrderNumber": order,
            "RMA": rma,
            "Status": status,
            "EventDT": at.isoformat(timespec="seconds"),
        }
        return Post("/omnirps/return-status", orjson.dumps(body), self._omnirps(retailer))

    def _omnirps(self, retailer: str) -> dict[str, str]:
        token = self.credentials.omnirps[retailer]
        return {"content-type": "application/json", "token": token, "retailer": self.names[retailer]}


def easypost_signature(raw: bytes, secret: str) -> str:
    """`X-Hmac-Signature`: hex of HMAC-SHA256 over the raw body, with the secret NFKD-normalised."""
    key = unicodedata.normalize("NFKD", secret).encode()
    return f"hmac-sha256-hex={hmac.digest(key, raw, hashlib.sha256).hex()}"


def with_header(post: Post, **changed: str) -> Post:
    """The same request with another value of a header."""
    return Post(post.path, post.raw, {**post.headers, **changed})


def flipped(post: Post, at: int = 100) -> Post:
    """The same request with one bit of its body turned after it was signed."""
    raw = bytearray(post.raw)
    raw[at] ^= 1
    return Post(post.path, bytes(raw), post.headers)


def without(post: Post, names: Sequence[str]) -> Post:
    """The same request, each element of its array lacking these fields."""
    elements = [{k: v for k, v in element.items() if k not in names} for element in orjson.loads(post.raw)]
    return Post(post.path, orjson.dumps(elements), post.headers)
