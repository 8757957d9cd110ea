"""A record on its way out: topic, key, value, envelope; and what a kept (dead) one looks like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from aiokafka.partitioner import murmur2

from contracts.envelope import Envelope, Headers
from contracts.topics import CATALOGUE, Topic, dead_letters

KEPT = dead_letters("ingress")
_SCHEMAS = {known.type: known.dataschema for topic in CATALOGUE for known in topic.events}


@dataclass(frozen=True, slots=True)
class Message:
    """One record to be written.

    key: also what decides the partition (murmur2, as in the Java client).
    everywhere: one copy to each partition, because nobody knows in which one it matters.
    """

    topic: Topic
    key: str | None
    value: bytes
    headers: Headers = ()
    everywhere: bool = False

    @property
    def size(self) -> int:
        """Bytes that it will hold while in flight, a copy's."""
        return len(self.key or "") + len(self.value) + sum(len(name) + len(value) for name, value in self.headers)

    def header(self, name: str) -> str | None:
        """The text of one header, for logs and tests."""
        return next((value.decode() for known, value in self.headers if known == name), None)


@dataclass(frozen=True, slots=True)
class Kept:
    """Why something signed could not be used: for `dead-letters.ingress`, where a person will read it.

    reason: a stable word, also a metric's label. message: for the person, without anything from the body.
    path: JSON pointer of the part meant, "" for the whole body.
    """

    reason: str
    message: str
    path: str = ""
    sender: str = ""
    account: str = ""
    about: Mapping[str, str] = field(default_factory=dict)

    def message_of(self, value: bytes, key: str | None = None) -> Message:
        """The bytes as they came, with the reason in `dl_` headers and what the sender's headers said beside it."""
        headers = [
            ("dl_reason", self.reason.encode()),
            ("dl_message", self.message.encode()),
            ("dl_path", self.path.encode()),
            ("dl_sender", self.sender.encode()),
            ("dl_account", self.account.encode()),
            *((name, text.encode()) for name, text in self.about.items()),
        ]
        return Message(KEPT, key, value, tuple(headers))


def event(topic: Topic, key: str, value: bytes, envelope: Envelope, *, everywhere: bool = False) -> Message:
    """A record in CloudEvents' binary mode, with the schema that its type has in the catalogue."""
    envelope = envelope._replace(dataschema=_SCHEMAS[envelope.type])
    return Message(topic, key, value, envelope.to_headers(), everywhere)


def partition_of(key: str, partitions: int) -> int:
    """The partition of a key: murmur2 of its UTF-8, as the Java client's default partitioner has it."""
    return int((murmur2(key.encode()) & 0x7FFFFFFF) % partitions)
