"""What a topic is: its key, what decides the partition, its kinds of record, and its settings at the brokers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from contracts.model import Model

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
