"""Reconciling one retailer's orders for as long as a call may take: an answer whatever happens."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import structlog

from contracts.retailers import Retailer
from producers.orders_reconcile import Tally
from producers.problems import Unavailable
from streams.agents.order_reconcile import Reconcile, Reconciled
from streams.engine import metrics
from streams.engine.outbox import Call
from streams.settings import Settings
from streams.shop_work import shop_work
from streams.shopify import ShopifyError, Shops

log = structlog.get_logger(__name__)

# What was compared is stored on the way, so that the next call goes on there.
WHOLE_S = 20 * 60.0


class OrderReconciler:
    """Makes the calls of order-reconcile. Never raises: every failure becomes an answer that says why."""

    def __init__(
        self, retailers: Mapping[str, Retailer], settings: Settings, shops: Shops, whole_s: float = WHOLE_S
    ) -> None:
        self._retailers = retailers
        self._settings = settings
        self._shops = shops
        self._whole_s = whole_s

    async def __call__(self, call: Call[Reconcile]) -> Reconciled:
        """Compare and fetch until it is through or its time is up. Only a cancellation comes out as an exception."""
        retailer = self._retailers.get(call.intent.retailer)
        if retailer is None or retailer.shopify.secret_ref is None:
            return Reconciled(wanted=False)
        answer = await self._attempt(retailer)
        log.info(
            "orders reconciled" if answer.error is None else "orders not reconciled",
            action="orders_reconciled",
            retailer=retailer.id,
            checked=answer.checked,
            missed=answer.missed,
            finished=answer.finished,
            error=answer.error,
        )
        metrics.ORDERS_CHECKED.labels(retailer.id).inc(answer.checked)
        metrics.ORDERS_MISSED.labels(retailer.id).inc(answer.missed)
        return answer

    async def _attempt(self, retailer: Retailer) -> Reconciled:
        so_far = Tally()

        def told(tally: Tally) -> None:
            nonlocal so_far
            so_far = tally

        def stopped(error: str | None = None) -> Reconciled:
            return Reconciled(finished=False, checked=so_far.checked, missed=so_far.missed, error=error)

        try:
            async with asyncio.timeout(self._whole_s), shop_work(self._settings, self._shops) as work:
                done, tally = await work.reconcile(retailer, told=told)
        except TimeoutError:
            return stopped()
        except (ShopifyError, Unavailable) as error:
            return stopped(str(error))
        except Exception as error:  # the outbox needs an answer, and whatever this is, another attempt may not meet it
            return stopped(f"the call failed ({type(error).__name__})")
        return Reconciled(checked=tally.checked, missed=tally.missed, until=done.until)
