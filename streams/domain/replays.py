"""Sending a delivery once more: which one can be, and what is asked of tracking-forward for it. Pure."""

from __future__ import annotations

from datetime import datetime

from contracts import keys
from contracts.tracking import Delivery, DeliveryReplay


def why_not(last: Delivery) -> str | None:
    """Why a delivery whose newest attempt is this cannot be sent once more; None when it can."""
    if last.next_at is not None:
        return f"it is owed still, and will be tried again at {last.next_at.isoformat()}"
    if not last.payload:
        return "a release that did not keep bodies sent it; its events are in return-events"
    return None


def request(last: Delivery, now: datetime) -> DeliveryReplay:
    """To send it once more, after its newest attempt. Asked twice, it is the same request.

    ValueError where `why_not` has something to say.
    """
    reason = why_not(last)
    if reason is not None or last.payload is None:
        raise ValueError(reason)
    return DeliveryReplay(
        replay=keys.fact_id("delivery-replay", last.delivery_id, last.replay, last.attempt),
        after=last.replay,
        delivery_id=last.delivery_id,
        retailer=last.retailer,
        order_key=last.order_key,
        rma=last.rma,
        code=last.code,
        payload=last.payload,
        at=now,
    )
