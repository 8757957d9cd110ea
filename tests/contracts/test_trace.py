"""W3C trace context: what is taken, what is not, and what goes on."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts import trace
from contracts.trace import Trace

ID, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{ID}-{SPAN}-01"


def test_what_a_sender_says_is_taken_as_it_is() -> None:
    found = trace.read(PARENT, "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE")

    assert found == Trace(PARENT, "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE")
    assert found is not None
    assert found.id == ID
    assert found.headers == {"traceparent": PARENT, "tracestate": "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"}


@pytest.mark.parametrize(
    "bad",
    [
        "",
        "garbage",
        PARENT.upper(),
        PARENT[:-1],
        f"{PARENT}-more",
        f" {PARENT}",
        f"{PARENT}\n",
        f"ff-{ID}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{ID}-{'0' * 16}-01",
    ],
)
def test_what_cannot_be_a_context_is_none(bad: str) -> None:
    assert trace.read(bad) is None
    assert trace.of([("traceparent", bad.encode())]) is None


def test_a_later_version_is_read_as_far_as_it_is_known() -> None:
    assert trace.read(f"cc-{ID}-{SPAN}-01-what-comes") == Trace(PARENT)


@pytest.mark.parametrize("state", [None, "", "x" * 513, "a=1\r\nevil: 1", "ä=1"])
def test_a_state_that_nobody_should_repeat_is_dropped_and_the_trace_kept(state: str | None) -> None:
    assert trace.read(PARENT, state) == Trace(PARENT)


def test_a_record_has_it_in_its_headers() -> None:
    headers = [("ce_id", b"1"), ("tracestate", b"a=1"), ("traceparent", PARENT.encode())]

    assert trace.of(headers) == Trace(PARENT, "a=1")
    assert trace.of(headers[:2]) is None
    assert trace.of([("traceparent", b"\xff\xfe")]) is None


@given(st.binary(max_size=60), st.binary(max_size=20))
def test_no_header_makes_it_fail(parent: bytes, state: bytes) -> None:
    trace.of([("traceparent", parent), ("tracestate", state)])


def test_one_of_its_own_is_sound_and_never_the_same() -> None:
    first, second = trace.begin(), trace.begin()

    assert trace.read(first.parent) == first
    assert first.id != second.id
    assert first.parent.endswith("-00")
