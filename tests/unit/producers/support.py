"""What the tests of the ingress share: two tenants, accounts, the senders' bodies, signatures."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from contracts.retailers import Portal, Retailer, ReturnActionStage, ShopifyAccess
from producers.accounts import Account, LoginAccount, ShippoAccount, SigningAccount, TokenAccount
from producers.budget import Budget
from producers.door import Door
from producers.metrics import Metrics
from producers.publisher import Publishes
from producers.retailers import Directory
from producers.sources.base import Received

FIXTURES = Path(__file__).parents[2] / "fixtures"
PATH_KEY = "path-key"
APP = SigningAccount(name="our-app", secret=SecretStr("hush"), previous=SecretStr("old-hush"), retailers=("*",))
ACME_APP = SigningAccount(name="acme-app", secret=SecretStr("acme-hush"), retailers=("acme",))
EASYPOST = SigningAccount(name="easypost", secret=SecretStr("sécret"), retailers=("acme",))
AFTERSHIP = SigningAccount(name="aftership", secret=SecretStr("after"), retailers=("*",))
SHIPPO = ShippoAccount(
    name="shippo", token=SecretStr("ship-token"), previous_token=SecretStr("ship-token-before"), retailers=("*",)
)
SHIPPO_SIGNED = ShippoAccount(
    name="shippo-signed",
    secret=SecretStr("ship-secret"),
    previous_secret=SecretStr("ship-secret-before"),
    retailers=("acme",),
)
SHIPPO_BOTH = ShippoAccount(
    name="shippo-both", token=SecretStr("both-token"), secret=SecretStr("both-secret"), retailers=("bolt",)
)
SEKO = LoginAccount(name="seko", username="seko", password=SecretStr("pass"), retailers=("*",))
SEKO_TOKEN = LoginAccount(name="seko-token", token=SecretStr("seko-token"), retailers=("*",))
ACME_TOKEN = TokenAccount(name="acme-loop", token=SecretStr("acme-token"), retailers=("acme",))
BOLT_TOKEN = TokenAccount(name="bolt-loop", token=SecretStr("bolt-token"), retailers=("bolt",))


def body(name: str) -> bytes:
    """A sender's body, as it comes over the wire."""
    return (FIXTURES / name).read_bytes()


def retailer(ident: str, name: str) -> Retailer:
    return Retailer(
        id=ident,
        name=name,
        portal=Portal.OMNIRETURNS,
        shopify=ShopifyAccess(shop=f"{ident}.myshopify.com"),
        return_action=ReturnActionStage.FIRST_SCAN,
    )


RETAILERS = (retailer("acme", "Acme Outdoors"), retailer("bolt", "Bölt - Loop"))


def directory() -> Directory:
    """Two tenants, known."""
    known = Directory([PATH_KEY])
    for tenant in RETAILERS:
        known.apply(tenant.id, tenant.model_dump_json().encode())
    return known


def door_of(accounts: Mapping[str, Sequence[Account]], publisher: Publishes, **more: Any) -> Door:
    """A door with room for eight requests, that knows the two tenants. more: other fields of it."""
    given = {
        "directory": directory(),
        "metrics": Metrics(),
        "reading": Budget(32 * 1024 * 1024),
        "max_requests": 8,
        "retailers_known": lambda: True,
    }
    return Door(accounts=accounts, publisher=publisher, **{**given, **more})


def shopify_signature(raw: bytes, secret: str = "hush") -> str:
    return base64.b64encode(hmac.digest(secret.encode(), raw, hashlib.sha256)).decode()


def shippo_signature(raw: bytes, at: float, secret: str = "ship-secret") -> str:
    time = f"{at:.0f}"
    return f"t={time},v1={hmac.digest(secret.encode(), f'{time}.'.encode() + raw, hashlib.sha256).hex()}"


def shopify_headers(raw: bytes, topic: str, shop: str = "acme.myshopify.com", secret: str = "hush") -> dict[str, str]:
    return {
        "content-type": "application/json",
        "x-shopify-topic": topic,
        "x-shopify-shop-domain": shop,
        "x-shopify-webhook-id": "wh-1",
        "x-shopify-triggered-at": "2026-11-03T18:00:42.5Z",
        "x-shopify-hmac-sha256": shopify_signature(raw, secret),
    }


def shopify(
    raw: bytes, topic: str, shop: str = "acme.myshopify.com", path_token: str | None = None, secret: str = "hush"
) -> Received:
    return Received(shopify_headers(raw, topic, shop, secret), raw, path_token)
