"""A shop for the import and the reconciliation of its orders."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from demo.shopify.admin import ShopSimulator
from demo.shopify.bucket import PointBucket
from demo.shopify.simulator import ShopifySimulator
from streams.shopify import AdminClient, ShopifyOptions, Shops
from tests.unit.producers.shop_kit import ACME, SHOP, Files


@pytest.fixture
def shop(shopify: ShopifySimulator) -> ShopSimulator:
    return shopify.add(SHOP, access_token="token", bucket=PointBucket(maximum=20_000, restore_rate=20_000))


@pytest.fixture
async def client(shopify: ShopifySimulator) -> AsyncIterator[AdminClient]:
    async with Shops(Files(), ShopifyOptions(base_url=shopify.base_url)) as shops:
        yield shops.of(ACME.shopify)
