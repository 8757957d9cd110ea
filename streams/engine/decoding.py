"""From the bytes of a record to the event a handler gets, or to the poison it is."""

from __future__ import annotations

from pydantic import ValidationError

from contracts.envelope import BadEnvelope, Envelope, from_headers
from contracts.model import Model
from contracts.topics import Topic
from streams.engine.errors import ContractViolation, Undecodable
from streams.engine.records import Event, Record

# 2010 to 3000. A publisher that counts seconds writes 1970, one that counts microseconds the year 58,000: the one is
# older than anything is kept for, so that it would be forgotten at once, the other no time that can be told.
_FIRST_MS, _LAST_MS = 1_262_304_000_000, 32_503_680_000_000


def read_event(topic: Topic, record: Record) -> tuple[type[Model], Event[Model | None]]:
    """The event and the model of its data. Raises Undecodable or ContractViolation, naming what is wrong where."""
    key = _key(record)
    if not _FIRST_MS <= record.timestamp_ms < _LAST_MS:
        raise Undecodable(f"{_place(record)}: its timestamp {record.timestamp_ms} is no present time in milliseconds")
    try:
        envelope = from_headers(record.headers)
    except BadEnvelope as error:
        raise Undecodable(f"{_place(record)}: {error}") from error
    model = _model(topic, envelope, record)
    if record.value is None:
        if not topic.compacted:
            raise ContractViolation(f"{_place(record)}: a null value, but {topic.name} is not compacted")
        return model, Event(topic, key, None, envelope, record)
    try:
        value = model.model_validate_json(record.value)
    except ValidationError as error:
        kind = Undecodable if _is_no_json(error) else ContractViolation
        raise kind(f"{_place(record)}: {describe(error)}") from error
    return model, Event(topic, key, value, envelope, record)


def describe(error: ValidationError) -> str:
    """Each bad field by its JSON pointer, without the values: they may be personal."""
    fields = (f"/{'/'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False))
    return f"not a {error.title}: {'; '.join(fields)}"


def _is_no_json(error: ValidationError) -> bool:
    return any(problem["type"] == "json_invalid" for problem in error.errors(include_input=False, include_url=False))


def _key(record: Record) -> str:
    if record.key is None:
        raise Undecodable(f"{_place(record)}: no key")
    try:
        return record.key.decode()
    except UnicodeDecodeError as error:
        raise Undecodable(f"{_place(record)}: the key is not UTF-8: {record.key[:80]!r}") from error


def _model(topic: Topic, envelope: Envelope, record: Record) -> type[Model]:
    if not envelope.type:
        return topic.events[0].model
    for event in topic.events:
        if event.type == envelope.type:
            return event.model
    known = ", ".join(event.type for event in topic.events)
    raise ContractViolation(f"{_place(record)}: ce_type {envelope.type!r} is none of this topic's ({known})")


def _place(record: Record) -> str:
    return f"{record.topic}[{record.partition}]@{record.offset}"
