"""How an agent calls a person: one alert a matter, however often it comes up."""

from __future__ import annotations

from datetime import datetime

from contracts import topics
from contracts.actions import AlertKind, ReturnAlert
from contracts.keys import fact_id
from contracts.tracking import Source
from streams.engine.context import Context


def raise_alert(
    ctx: Context,
    kind: AlertKind,
    *,
    retailer: str,
    order_key: str,
    message: str,
    rma: str | None = None,
    sku: str | None = None,
    ordinal: int | None = None,
    about: object = None,
    order_ids: tuple[str, ...] = (),
    due_at: datetime | None = None,
) -> str:
    """Emit an alert about a return, a unit of it, or an order; returns its id.

    about: what tells two alerts of one kind about the same return or unit apart (an event id, a revision). The id is
    made of everything but the message, the ids and the due time: the same matter raised again, by a repeat or a
    replay, has the same id.
    """
    alert_id = fact_id(kind, order_key, rma, sku, ordinal, about)
    alert = ReturnAlert(
        alert_id=alert_id,
        kind=kind,
        retailer=retailer,
        order_key=order_key,
        rma=rma,
        sku=sku,
        ordinal=ordinal,
        message=message,
        at=ctx.now,
        order_ids=order_ids,
        due_at=due_at,
    )
    ctx.emit(topics.RETURN_ALERTS, alert, key=order_key, id=alert_id)
    return alert_id


def foreign_word(source: Source, told: str, retailer: str) -> str:
    """What a person hears of somebody who spoke for another's retailer. told: of what."""
    return (
        f"{source.sender} account {source.account!r} told of {told}, but may not speak for "
        f"retailer {retailer!r}: its word was dropped; name the retailer with its secret if it should"
    )
