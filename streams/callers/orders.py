"""Fetching one order from its shop: an answer whatever happens."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from opentelemetry.trace import SpanKind
from pydantic import ValidationError

from contracts.orders import ShopifyOrder
from contracts.retailers import OrderSource, Retailer
from streams import observability
from streams.agents.order_fetching import FetchedOrder, OrderFetch
from streams.engine.outbox import Call
from streams.shopify import ShopifyError, Shops
from streams.shopify.order_shape import webhook_body
from streams.shopify.orders import OrderReader

# Of the call's deadline; the rest is for its answer to be committed.
WHOLE_S = 45.0

NOT_WANTED = "the retailer's orders are not fetched any more"


class OrderFetcher:
    """Makes the calls of order-table's outbox. Never raises: every failure becomes an answer that says why.

    retailers: read at each call, so that a corrected secret_ref serves what is owed.
    """

    def __init__(self, retailers: Mapping[str, Retailer], shops: Shops, whole_s: float = WHOLE_S) -> None:
        self._retailers = retailers
        self._shops = shops
        self._whole_s = whole_s

    async def __call__(self, call: Call[OrderFetch]) -> FetchedOrder:
        """Make one attempt. Only a cancellation comes out as an exception."""
        retailer = self._retailers.get(call.intent.retailer)
        if retailer is None or retailer.shopify.order_source is not OrderSource.ADMIN_API:
            return FetchedOrder(error=NOT_WANTED, final=True)
        about: dict[str, str | int] = {"server.address": retailer.shopify.shop, "retry": call.attempt - 1}
        with observability.step("fetch order", SpanKind.CLIENT, call.trace, about) as step:
            answer = await self._attempt(call, retailer)
            if step is not None and answer.error is not None:
                step.fail("no_order")
        return answer

    async def _attempt(self, call: Call[OrderFetch], retailer: Retailer) -> FetchedOrder:
        try:
            async with asyncio.timeout(self._whole_s):
                found = await OrderReader(self._shops.of(retailer.shopify)).one(call.intent.order_id)
            return FetchedOrder(order=None if found is None else ShopifyOrder.model_validate(webhook_body(found)))
        except TimeoutError:
            return FetchedOrder(error=f"no order within {self._whole_s:g} s")
        except ShopifyError as error:
            return FetchedOrder(error=str(error))
        except ValidationError as error:
            return FetchedOrder(error=f"the order cannot be read: {error.error_count()} fields are missing or wrong")
        except Exception as error:  # the outbox needs an answer, and whatever this is, another attempt may not meet it
            return FetchedOrder(error=f"the call failed ({type(error).__name__})")
