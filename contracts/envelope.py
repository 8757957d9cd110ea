"""CloudEvents 1.0 in Kafka's binary mode: the attributes are headers, the value is the data alone."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

Headers = tuple[tuple[str, bytes], ...]

SPEC_VERSION = "1.0"
_ATTRIBUTES = {
    "ce_id": "id",
    "ce_source": "source",
    "ce_type": "type",
    "ce_time": "time",
    "ce_subject": "subject",
    "ce_dataschema": "dataschema",
    "content-type": "content_type",
    "traceparent": "traceparent",
    "tracestate": "tracestate",
}


class BadEnvelope(ValueError):
    """A header that cannot be read; the message names it and its value."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """The context attributes of one record.

    id: the same fact has the same id, however often it is written.
    time: when the fact became known to its source (RFC 3339), None where nobody said.
    extensions: further `ce_` attributes by their bare names, lower-case letters and digits.
    """

    id: str
    source: str
    type: str
    time: datetime | None = None
    subject: str | None = None
    dataschema: str | None = None
    content_type: str = "application/json"
    traceparent: str | None = None
    tracestate: str | None = None
    extensions: dict[str, str] = field(default_factory=dict)

    def to_headers(self) -> Headers:
        """The headers of a record with this envelope, absent attributes left out."""
        pairs: list[tuple[str, str | None]] = [
            ("ce_specversion", SPEC_VERSION),
            ("ce_id", self.id),
            ("ce_source", self.source),
            ("ce_type", self.type),
            ("ce_time", self.time.isoformat() if self.time else None),
            ("ce_subject", self.subject),
            ("ce_dataschema", self.dataschema),
            ("content-type", self.content_type),
            ("traceparent", self.traceparent),
            ("tracestate", self.tracestate),
            *((f"ce_{name}", value) for name, value in self.extensions.items()),
        ]
        return tuple((name, value.encode()) for name, value in pairs if value is not None)


def from_headers(headers: Iterable[tuple[str, bytes | None]]) -> Envelope:
    """Read the envelope; a record without one (a bare publisher) gets an empty id, source and type.

    Raises BadEnvelope where a header of ours is not UTF-8, or `ce_time` is no RFC 3339 instant.
    """
    known: dict[str, str] = {}
    extensions: dict[str, str] = {}
    for name, raw in headers:
        attribute = _ATTRIBUTES.get(name)
        if raw is None or (attribute is None and not name.startswith("ce_")):
            continue
        try:
            value = raw.decode()
        except UnicodeDecodeError as error:
            raise BadEnvelope(f"header {name!r} is not UTF-8: {raw[:80]!r}") from error
        if attribute is not None:
            known[attribute] = value
        elif name != "ce_specversion":
            extensions[name.removeprefix("ce_")] = value
    return Envelope(
        id=known.get("id", ""),
        source=known.get("source", ""),
        type=known.get("type", ""),
        time=_instant(known.get("time")),
        subject=known.get("subject"),
        dataschema=known.get("dataschema"),
        content_type=known.get("content_type", "application/json"),
        traceparent=known.get("traceparent"),
        tracestate=known.get("tracestate"),
        extensions=extensions,
    )


def _instant(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadEnvelope(f"header 'ce_time' is {text!r}: an RFC 3339 instant like 2026-11-22T10:00:00Z") from error
    if at.tzinfo is None:
        raise BadEnvelope(f"header 'ce_time' is {text!r}: it needs an offset, like 2026-11-22T10:00:00Z")
    return at
