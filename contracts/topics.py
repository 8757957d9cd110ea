"""The topic catalogue: every topic's key, value, partitioning, retention, writers and readers."""

from __future__ import annotations

from contracts.actions import ReturnAction, ReturnAlert
from contracts.controls import PauseLifted, TaskPaused
from contracts.imports import OrderImport, OrderReconciliation
from contracts.model import Model
from contracts.orders import AppUninstalled, DataRequest, Order, OrderErasure, OrderHint, ShopifyOrder
from contracts.retailers import Retailer
from contracts.returns import Option, ReturnDecision, ReturnEvent, ReturnUnit, ReturnUpload
from contracts.topic_shape import (
    CHANGELOG,
    COMPACTED,
    DAY_MS,
    DEFAULT_PARTITIONS,
    MAX_MESSAGE_BYTES,
    PERSONAL_SEGMENT_MS,
    EventType,
    Keyed,
    Topic,
)
from contracts.tracking import CarrierReport, Consignment, Delivery, DeliveryReplay

__all__ = [
    "ACTIONS",
    "AGENT_CONTROLS",
    "AGENT_PAUSES",
    "CARRIER_EVENTS",
    "CATALOGUE",
    "CHANGELOG",
    "COMPACTED",
    "CONSIGNMENTS",
    "CREDIT_NOTES",
    "DAY_MS",
    "DEFAULT_PARTITIONS",
    "EXCHANGES",
    "MAX_MESSAGE_BYTES",
    "ORDERS",
    "ORDER_CURSORS",
    "ORDER_EVENTS",
    "PERSONAL_SEGMENT_MS",
    "REFUNDS",
    "RETAILERS",
    "RETURN_ALERTS",
    "RETURN_DECISIONS",
    "RETURN_EVENTS",
    "RETURN_UNITS",
    "RETURN_UPLOADS",
    "TRACKING_DELIVERIES",
    "TRACKING_REPLAYS",
    "EventType",
    "Keyed",
    "Topic",
    "dead_letters",
    "named",
    "partitions_of",
]


def _event(name: str, model: type[Model]) -> EventType:
    return EventType(model, f"com.returnstreams.{name}.v1")


ORDER_EVENTS = Topic(
    "order-events",
    "order key",
    Keyed.ORDER,
    (
        _event("order.received", ShopifyOrder),
        _event("order.erased", OrderErasure),
        _event("order.hinted", OrderHint),
        _event("data.requested", DataRequest),
        _event("app.uninstalled", AppUninstalled),
    ),
    retention_days=7,
    writers=("ingress", "orders import", "orders reconcile", "order-table", "upstreams"),
    readers=("order-table",),
    personal=True,
)
ORDERS = Topic(
    "orders",
    "order key",
    Keyed.ORDER,
    (_event("order.kept", Order),),
    retention_days=None,
    writers=("order-table",),
    readers=("return-rules", "anyone"),
)
RETURN_UPLOADS = Topic(
    "return-uploads",
    "order key",
    Keyed.ORDER,
    (_event("return.uploaded", ReturnUpload),),
    retention_days=14,
    writers=("ingress", "upstreams"),
    readers=("return-rules",),
    personal=True,
)
CARRIER_EVENTS = Topic(
    "carrier-events",
    "tracking key",
    Keyed.TRACKING,
    (_event("parcel.reported", CarrierReport),),
    retention_days=14,
    writers=("ingress", "upstreams"),
    readers=("carrier-scans",),
    personal=True,
)
CONSIGNMENTS = Topic(
    "consignments",
    "<tracking key>|<order key>|<RMA>",
    Keyed.TRACKING,
    (_event("consignment.linked", Consignment),),
    retention_days=None,
    writers=("return-rules",),
    readers=("carrier-scans",),
)
RETURN_EVENTS = Topic(
    "return-events",
    "order key",
    Keyed.ORDER,
    (_event("return.progressed", ReturnEvent),),
    retention_days=90,
    writers=("ingress", "return-rules", "carrier-scans"),
    readers=("return-actions", "tracking-forward", "anyone"),
)
RETURN_DECISIONS = Topic(
    "return-decisions",
    "order key",
    Keyed.ORDER,
    (_event("return.decided", ReturnDecision),),
    retention_days=120,
    writers=("return-rules",),
    readers=("return-actions", "anyone"),
)
RETURN_UNITS = Topic(
    "return-units",
    "<order key>|<RMA>|<sku>|<n>",
    Keyed.ORDER,
    (_event("unit.changed", ReturnUnit),),
    retention_days=None,
    writers=("return-actions",),
    readers=("anyone",),
)


def _actions(suffix: str) -> Topic:
    return Topic(
        f"return-actions.{suffix}",
        "order key",
        Keyed.ORDER,
        (_event("return.acted", ReturnAction),),
        retention_days=90,
        writers=("return-actions",),
        readers=("shopify-outcomes", "downstream consumers"),
    )


REFUNDS = _actions("refund")
CREDIT_NOTES = _actions("credit-note")
EXCHANGES = _actions("exchange")
ACTIONS: dict[Option, Topic] = {
    Option.REFUND: REFUNDS,
    Option.CREDIT_NOTE: CREDIT_NOTES,
    Option.EXCHANGE: EXCHANGES,
}
RETURN_ALERTS = Topic(
    "return-alerts",
    "order key",
    Keyed.ORDER,
    (_event("alert.raised", ReturnAlert),),
    retention_days=30,
    writers=("every agent",),
    readers=("anyone",),
)
TRACKING_DELIVERIES = Topic(
    "tracking-deliveries",
    "order key",
    Keyed.ORDER,
    (_event("delivery.attempted", Delivery),),
    retention_days=30,
    writers=("tracking-forward",),
    readers=("anyone",),
)
TRACKING_REPLAYS = Topic(
    "tracking-replays",
    "order key",
    Keyed.ORDER,
    (_event("delivery.replayed", DeliveryReplay),),
    retention_days=14,
    writers=("deliveries replay",),
    readers=("tracking-forward",),
)
RETAILERS = Topic(
    "retailers",
    "retailer id",
    Keyed.RETAILER,
    (_event("retailer.applied", Retailer),),
    retention_days=None,
    writers=("retailers apply", "retailers remove"),
    readers=("every agent",),
)
# Two topics, because each has one kind of writer: agents may not lift what they announce.
AGENT_PAUSES = Topic(
    "agent-pauses",
    "<agent>/<partition>",
    Keyed.TASK,
    (_event("task.paused", TaskPaused),),
    retention_days=None,
    writers=("every agent",),
    readers=("dead-letters", "people"),
)
AGENT_CONTROLS = Topic(
    "agent-controls",
    "<agent>/<partition>",
    Keyed.TASK,
    (_event("pause.lifted", PauseLifted),),
    retention_days=None,
    writers=("dead-letters resume",),
    readers=("every agent",),
)

# One row for each, because they are written by different processes.
ORDER_CURSORS = Topic(
    "order-cursors",
    "<retailer>/<import or reconciliation>",
    Keyed.RETAILER,
    (_event("import.advanced", OrderImport), _event("reconciliation.advanced", OrderReconciliation)),
    retention_days=None,
    writers=("orders import", "orders reconcile"),
    readers=("orders import", "orders reconcile"),
)

CATALOGUE: tuple[Topic, ...] = (
    ORDER_EVENTS,
    ORDERS,
    RETURN_UPLOADS,
    CARRIER_EVENTS,
    CONSIGNMENTS,
    RETURN_EVENTS,
    RETURN_DECISIONS,
    RETURN_UNITS,
    REFUNDS,
    CREDIT_NOTES,
    EXCHANGES,
    RETURN_ALERTS,
    TRACKING_DELIVERIES,
    TRACKING_REPLAYS,
    RETAILERS,
    AGENT_PAUSES,
    AGENT_CONTROLS,
    ORDER_CURSORS,
)


def dead_letters(agent: str) -> Topic:
    """The topic of what this agent (or `ingress`) could not process: bytes, key and headers as they came."""
    return Topic(
        f"dead-letters.{agent}",
        "as it came",
        Keyed.ORIGINAL,
        (),
        retention_days=20,  # a full copy may hold a customer's address: it goes as soon as that must
        writers=(agent,),
        readers=("people",),
        personal=True,
    )


def partitions_of(topic: Topic, partitions: int = DEFAULT_PARTITIONS) -> int:
    """How many partitions a topic gets: retailers, pauses and dead letters are few and are read whole."""
    return 1 if topic.keyed in (Keyed.RETAILER, Keyed.TASK, Keyed.ORIGINAL) else partitions


def named(name: str) -> Topic:
    """The topic of the catalogue with this name. KeyError with those there are."""
    for topic in CATALOGUE:
        if topic.name == name:
            return topic
    raise KeyError(f"no topic {name!r} in the catalogue: {', '.join(t.name for t in CATALOGUE)}")
