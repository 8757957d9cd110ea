"""The topic catalogue: every topic's key, value, partitioning, retention, writers and readers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from contracts.actions import ReturnAction, ReturnAlert
from contracts.controls import PauseLifted, TaskPaused
from contracts.imports import OrderImport, OrderReconciliation
from contracts.model import Model
from contracts.orders import AppUninstalled, DataRequest, Order, OrderErasure, OrderHint, ShopifyOrder
from contracts.retailers import Retailer
from contracts.returns import Option, ReturnDecision, ReturnEvent, ReturnUnit, ReturnUpload
from contracts.tracking import CarrierReport, Consignment, Delivery, DeliveryReplay

DAY_MS = 24 * 60 * 60 * 1000

# Chosen once: a keyed topic's partition count never changes. Twelve divides by the replica counts people scale to.
DEFAULT_PARTITIONS = 12

# The ingress takes bodies of 10 MiB; key, headers and framing come on top. Dead letters hold the same.
MAX_MESSAGE_BYTES = 12 * 1024 * 1024

# What is erased must be hidden within a minute and off the brokers' disks within ten days: a segment closes after one,
# is compacted at the latest one after that, and its tombstones are dropped after seven more.
COMPACTED = {
    "cleanup.policy": "compact",
    "max.compaction.lag.ms": str(DAY_MS),
    "segment.ms": str(DAY_MS),
    "delete.retention.ms": str(7 * DAY_MS),
    "min.cleanable.dirty.ratio": "0.1",
}

# An agent's own: the brokers stamp what is written with their time, which timers go by (streams/engine/task_clock.py).
CHANGELOG = {
    **COMPACTED,
    "max.message.bytes": str(MAX_MESSAGE_BYTES),
    "message.timestamp.type": "LogAppendTime",
}


# Retention takes whole segments, so long after their last record: with Kafka's own segments of a week what is personal
# would lie on the disk for two. With these it goes at most six hours late.
PERSONAL_SEGMENT_MS = DAY_MS // 4


class Keyed(StrEnum):
    """What decides the partition. Topics keyed alike have the same number of partitions."""

    ORDER = "order key"
    TRACKING = "tracking key"
    RETAILER = "retailer id"
    TASK = "task"
    ORIGINAL = "as it came"


@dataclass(frozen=True, slots=True)
class EventType:
    """One kind of record on a topic: its CloudEvents type and the model of its data."""

    model: type[Model]
    type: str

    @property
    def dataschema(self) -> str:
        """The `$id` of the JSON Schema of its data (contracts/schemas)."""
        return f"urn:returnstreams:schema:{self.type}"


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic. `events[0]` is what a record without `ce_type` is taken for.

    key: what the key is; keyed: what part of it decides the partition. retention_days: None where compacted.
    personal: whether values may hold personal data.
    """

    name: str
    key: str
    keyed: Keyed
    events: tuple[EventType, ...]
    retention_days: int | None
    writers: tuple[str, ...]
    readers: tuple[str, ...]
    personal: bool = False

    @property
    def compacted(self) -> bool:
        """Whether the last record of a key is kept for ever."""
        return self.retention_days is None

    @property
    def config(self) -> dict[str, str]:
        """The broker's settings for this topic, apart from replication."""
        size = {"max.message.bytes": str(MAX_MESSAGE_BYTES)}
        if self.retention_days is None:
            return {**COMPACTED, **size}
        segments = {"segment.ms": str(PERSONAL_SEGMENT_MS)} if self.personal else {}
        return {"cleanup.policy": "delete", "retention.ms": str(self.retention_days * DAY_MS), **segments, **size}

    def event_for(self, model: type[Model]) -> EventType:
        """The event type under which values of this model are written here. KeyError where there is none."""
        for event in self.events:
            if event.model is model:
                return event
        raise KeyError(f"topic {self.name} takes {[e.model.__name__ for e in self.events]}, not {model.__name__}")


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
