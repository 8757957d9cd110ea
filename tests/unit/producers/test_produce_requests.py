"""Produce requests written by us are, byte for byte, aiokafka's; so is what is read of an answer."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import pytest
from aiokafka.protocol.produce import ProduceRequest, ProduceRequest_v6, ProduceRequest_v7, ProduceResponse_v7
from hypothesis import given
from hypothesis import strategies as st

from producers.produce_requests import Quick

BROKER = {0: (0, 12)}
names = st.text(max_size=20)
numbers = st.integers(0, 2**31 - 1)
longs = st.integers(-1, 2**63 - 1)
topics = st.lists(st.tuples(names, st.lists(st.tuples(numbers, st.binary(max_size=50)), max_size=3)), max_size=3)
answers = st.tuples(numbers, st.integers(-1, 100), longs, longs, longs)
responses = st.lists(st.tuples(names, st.lists(answers, max_size=3)), max_size=3)


def request(topics: Any, transactional_id: str | None = None) -> ProduceRequest:
    return ProduceRequest(transactional_id=transactional_id, required_acks=-1, timeout=5_000, topics=topics)


@given(topics, numbers, names)
def test_a_request_is_the_same_bytes(topics: Any, correlation: int, client: str) -> None:
    ours, theirs = Quick(request(topics)).prepare(BROKER), request(topics).prepare(BROKER)
    assert type(ours) is not type(theirs)
    assert ours.encode() == theirs.encode()
    header = theirs.build_request_header(correlation_id=correlation, client_id=client)
    assert ours.build_request_header(correlation_id=correlation, client_id=client).encode() == header.encode()


@given(responses, numbers, numbers)
def test_an_answer_is_read_alike(topics: Any, throttled: int, correlation: int) -> None:
    prepared = Quick(request([])).prepare(BROKER)
    data = BytesIO(correlation.to_bytes(4, "big") + ProduceResponse_v7(topics, throttled).encode())
    assert prepared.parse_response_header(data).correlation_id == correlation
    read = prepared.RESPONSE_TYPE.decode(data)
    theirs = ProduceResponse_v7.decode(ProduceResponse_v7(topics, throttled).encode())
    assert (read.topics, read.throttle_time_ms) == (theirs.topics, theirs.throttle_time_ms)


@pytest.mark.parametrize(
    ("transactional_id", "versions", "theirs"),
    [("one", BROKER, ProduceRequest_v7), (None, {0: (0, 6)}, ProduceRequest_v6)],
)
def test_what_is_not_as_usual_is_left_to_aiokafka(transactional_id: str | None, versions: Any, theirs: Any) -> None:
    assert type(Quick(request([], transactional_id)).prepare(versions)) is theirs
