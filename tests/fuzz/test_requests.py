"""Whatever a request holds, signed or not: never a 500, a 4xx writes nothing, 2xx only with the records written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from producers.sources import SENDERS
from tests.fuzz.judge import Ingress, judge
from tests.fuzz.request import decode, encode
from tests.fuzz.seeds import seeds
from tests.unit.producers.test_no_surprises import paths, put, values

SEEDS = [data for _, data in seeds()]
LATIN = st.text(st.characters(max_codepoint=255), max_size=30)
SENT = st.sampled_from(SENDERS)
NAMES = st.sampled_from(
    [
        "content-type",
        "content-encoding",
        "retailer",
        "traceparent",
        "tracestate",
        "x-forwarded-for",
        "x-shopify-topic",
        "x-shopify-shop-domain",
        "x-shopify-triggered-at",
        "x-shopify-webhook-id",
    ]
)


@pytest.fixture(scope="module")
def ingress() -> Iterator[Ingress]:
    made = Ingress()
    yield made
    made.close()


def header(name: str, value: str) -> bytes:
    return f"{name}: {value}\n".encode("latin-1")


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_sample_with_anything_anywhere(ingress: Ingress, data: st.DataObject) -> None:
    head, _, body = data.draw(st.sampled_from(SEEDS)).partition(b"\n\n")
    base = json.loads(body)
    body = json.dumps(put(base, data.draw(st.sampled_from(paths(base))), data.draw(values))).encode()
    cut = data.draw(st.just(len(body)) | st.integers(0, len(body)))
    more = b"".join(header(*pair) for pair in data.draw(st.lists(st.tuples(NAMES, LATIN), max_size=2)))
    how = data.draw(st.sampled_from(b"23456"))
    first, _, rest = head.partition(b"\n")
    judge(ingress, decode(first[:-1] + bytes([how]) + b"\n" + more + rest + b"\n\n" + body[:cut]))


@settings(max_examples=60, deadline=None)
@given(sender=SENT, how=st.integers(0, 4), name=NAMES, value=LATIN, body=st.binary(max_size=64))
def test_bytes_that_are_no_json(ingress: Ingress, sender: Any, how: int, name: str, value: str, body: bytes) -> None:
    judge(ingress, decode(encode(sender, how, {name: value.replace("\n", "")}, body)))


@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=300))
def test_any_bytes_mean_a_request(ingress: Ingress, data: bytes) -> None:
    judge(ingress, decode(data))
