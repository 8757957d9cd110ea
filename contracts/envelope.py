"""CloudEvents 1.0 in Kafka's binary mode: the attributes are headers, the value is the data alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import NamedTuple

from contracts.trace import Trace

Header = tuple[str, bytes]
Headers = tuple[Header, ...]

SPEC_VERSION = "1.0"
JSON = "application/json"
_VERSION_HEADER: Header = "ce_specversion", SPEC_VERSION.encode()
_JSON_HEADER: Header = "content-type", JSON.encode()
_ATTRIBUTES = ("specversion", "id", "source", "type", "time", "subject", "dataschema")
_NAMES = frozenset((*(f"ce_{name}" for name in _ATTRIBUTES), "content-type", "traceparent", "tracestate"))
_NONE: Mapping[str, str] = MappingProxyType({})


class BadEnvelope(ValueError):
    """A header that cannot be read; the message names it and its value."""


class Envelope(NamedTuple):
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
    content_type: str = JSON
    traceparent: str | None = None
    tracestate: str | None = None
    extensions: Mapping[str, str] = _NONE

    def to_headers(self) -> Headers:
        """The headers of a record with this envelope, absent attributes left out."""
        found: list[Header] = [
            _VERSION_HEADER,
            ("ce_id", self.id.encode()),
            ("ce_source", self.source.encode()),
            ("ce_type", self.type.encode()),
        ]
        if self.time is not None:
            found.append(("ce_time", self.time.isoformat().encode()))
        if self.subject is not None:
            found.append(("ce_subject", self.subject.encode()))
        if self.dataschema is not None:
            found.append(("ce_dataschema", self.dataschema.encode()))
        found.append(_JSON_HEADER if self.content_type is JSON else ("content-type", self.content_type.encode()))
        if self.traceparent is not None:
            found.append(("traceparent", self.traceparent.encode()))
        if self.tracestate is not None:
            found.append(("tracestate", self.tracestate.encode()))
        found += [(f"ce_{name}", value.encode()) for name, value in self.extensions.items()]
        return tuple(found)


class Letterhead:
    """Writes the headers of the many records of one source: what they have in common is encoded once.

    The same headers as an `Envelope` with these attributes has.
    """

    def __init__(self, source: str) -> None:
        self._source = "ce_source", source.encode()
        self._kinds: dict[str, tuple[Header, Header]] = {}
        self._time: datetime | None = None
        self._time_header: Header = "ce_time", b""

    def headers(
        self, id: str, type: str, dataschema: str, time: datetime, subject: str, trace: Trace | None
    ) -> Headers:
        """The headers of one record."""
        if type not in self._kinds:
            self._kinds[type] = ("ce_type", type.encode()), ("ce_dataschema", dataschema.encode())
        kind, schema = self._kinds[type]
        if time is not self._time:  # all records of a batch have the same
            self._time, self._time_header = time, ("ce_time", time.isoformat().encode())
        found = (
            _VERSION_HEADER,
            ("ce_id", id.encode()),
            self._source,
            kind,
            self._time_header,
            ("ce_subject", subject.encode()),
            schema,
            _JSON_HEADER,
        )
        return found if trace is None else found + trace.record_headers


def from_headers(headers: Iterable[tuple[str, bytes | None]]) -> Envelope:
    """Read the envelope; a record without one (a bare publisher) gets an empty id, source and type.

    Raises BadEnvelope where a header of ours is not UTF-8, or `ce_time` is no RFC 3339 instant.
    """
    known: dict[str, str] = {}
    extensions: dict[str, str] | None = None
    for name, raw in headers:
        if raw is None:
            continue
        try:
            if name in _NAMES:
                known[name] = raw.decode()
            elif name.startswith("ce_"):
                extensions = {} if extensions is None else extensions
                extensions[name.removeprefix("ce_")] = raw.decode()
        except UnicodeDecodeError as error:
            raise BadEnvelope(f"header {name!r} is not UTF-8: {raw[:80]!r}") from error
    get = known.get
    # By position: half the time of keywords, and every record that is read needs one.
    return Envelope(
        get("ce_id", ""),
        get("ce_source", ""),
        get("ce_type", ""),
        _instant(get("ce_time")),
        get("ce_subject"),
        get("ce_dataschema"),
        get("content-type", JSON),
        get("traceparent"),
        get("tracestate"),
        _NONE if extensions is None else extensions,
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
