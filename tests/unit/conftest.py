"""What the unit tests of several packages meet outside: a simulated Shopify."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from demo.shopify.simulator import ShopifySimulator


@pytest.fixture(scope="module")
def shopify() -> Iterator[ShopifySimulator]:
    """It runs; each test adds the shops that it wants."""
    with ShopifySimulator() as running:
        yield running
