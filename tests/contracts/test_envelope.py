"""The envelope: what is written into headers is read out of them, and what cannot be read is named."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.envelope import BadEnvelope, Envelope, Letterhead, from_headers
from contracts.trace import Trace

TEXT = st.text(max_size=20)
ZONES = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
INSTANTS = st.datetimes(timezones=ZONES)
ATTRIBUTES = {"id", "source", "type", "time", "subject", "dataschema", "specversion"}
EXTENSION_NAMES = st.from_regex(r"\A[a-z0-9]{1,10}\Z").filter(lambda name: name not in ATTRIBUTES)
TRACES = st.builds(Trace, TEXT, st.none() | TEXT)
ENVELOPES = st.builds(
    Envelope,
    id=TEXT,
    source=TEXT,
    type=TEXT,
    time=st.none() | INSTANTS,
    subject=st.none() | TEXT,
    dataschema=st.none() | TEXT,
    content_type=TEXT,
    traceparent=st.none() | TEXT,
    tracestate=st.none() | TEXT,
    extensions=st.dictionaries(EXTENSION_NAMES, TEXT, max_size=3),
)


@given(ENVELOPES)
def test_what_is_written_is_read(envelope: Envelope) -> None:
    assert from_headers(envelope.to_headers()) == envelope


@given(ENVELOPES)
def test_the_headers_are_cloudevents_in_binary_mode(envelope: Envelope) -> None:
    names = [name for name, _ in envelope.to_headers()]
    assert {"ce_specversion", "ce_id", "ce_source", "ce_type", "content-type"} <= set(names)
    assert len(names) == len(set(names))
    assert dict(envelope.to_headers())["ce_specversion"] == b"1.0"


@given(st.lists(st.tuples(TEXT, TEXT, INSTANTS, TEXT, st.none() | TRACES), max_size=5))
def test_a_letterhead_writes_what_an_envelope_would(
    records: list[tuple[str, str, datetime, str, Trace | None]],
) -> None:
    letterhead = Letterhead("returnstreams/toy")
    for id, type, time, subject, trace in records:
        # As in the catalogue, each type has one schema.
        schema = f"urn:{type}"
        parent, state = (None, None) if trace is None else trace
        envelope = Envelope(id, "returnstreams/toy", type, time, subject, schema, traceparent=parent, tracestate=state)
        assert letterhead.headers(id, type, schema, time, subject, trace) == envelope.to_headers()


def test_what_is_absent_has_no_header() -> None:
    headers = dict(Envelope(id="1", source="s", type="t").to_headers())
    assert set(headers) == {"ce_specversion", "ce_id", "ce_source", "ce_type", "content-type"}
    assert headers["content-type"] == b"application/json"


def test_a_record_of_a_bare_publisher_has_an_empty_envelope() -> None:
    assert from_headers([]) == Envelope(id="", source="", type="")


def test_headers_of_others_are_left_alone() -> None:
    foreign: list[tuple[str, bytes | None]] = [("x-request", b"\xff"), ("ce_time", None), ("ce_id", b"1")]
    assert from_headers(foreign) == Envelope(id="1", source="", type="")


def test_rfc_3339_with_z_is_read() -> None:
    at = from_headers([("ce_time", b"2026-11-22T10:00:00.5Z")]).time
    assert at == datetime(2026, 11, 22, 10, 0, 0, 500_000, tzinfo=UTC)


@pytest.mark.parametrize("text", ["yesterday", "", "2026-11-22", "2026-11-22T10:00:00", "1763805600"])
def test_a_time_that_is_no_instant_is_named_with_its_value(text: str) -> None:
    with pytest.raises(BadEnvelope) as error:
        from_headers([("ce_time", text.encode())])
    assert "'ce_time'" in str(error.value)
    assert repr(text) in str(error.value)
    assert "2026-11-22T10:00:00Z" in str(error.value)


@pytest.mark.parametrize("name", ["ce_id", "ce_type", "ce_anything", "content-type", "traceparent"])
def test_a_header_that_is_not_utf_8_is_named_with_its_value(name: str) -> None:
    with pytest.raises(BadEnvelope) as error:
        from_headers([(name, b"caf\xe9")])
    assert repr(name) in str(error.value)
    assert "caf\\xe9" in str(error.value)
