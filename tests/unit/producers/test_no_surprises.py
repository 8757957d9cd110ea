"""Whatever JSON a sender signs, it is split or refused as a problem: nothing else ever comes out."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from producers.problems import Problem
from producers.sources import SENDERS
from producers.sources.base import Received, Sender
from producers.sources.shopify import _TOPICS
from tests.unit.producers.support import ACME_TOKEN, AFTERSHIP, APP, EASYPOST, SEKO, SHIPPO, body, directory

ACCOUNTS = {
    "shopify": APP,
    "easypost": EASYPOST,
    "aftership": AFTERSHIP,
    "shippo": SHIPPO,
    "omniparcel": SEKO,
    "omnirps": ACME_TOKEN,
}
BODIES = {
    "shopify": ["shopify/order_2026.json", "shopify/refund.json", "shopify/order_edited.json"],
    "easypost": ["easypost/tracker_updated.json"],
    "aftership": ["aftership/tracking.json"],
    "shippo": ["shippo/track_updated.json"],
    "omniparcel": ["omniparcel/status.json"],
    "omnirps_returns": ["omnirps/returns.json"],
    "omnirps_events": ["omnirps/events.json"],
    "omnirps_return_status": ["omnirps/return_status.json"],
}
KNOWN = directory()
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
values = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner))


def paths(value: Any, at: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Every place inside a JSON value."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [at, *(path for key, inner in inside for path in paths(inner, (*at, key)))]


def put(value: Any, path: tuple[str | int, ...], new: Any) -> Any:
    """The value with `new` at this place."""
    if not path:
        return new
    changed: Any = dict(value) if isinstance(value, dict) else list(value)
    changed[path[0]] = put(value[path[0]], path[1:], new)
    return changed


@pytest.mark.parametrize("sender", SENDERS, ids=lambda sender: str(sender.path))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_a_body_with_anything_anywhere_is_split_or_refused(sender: Sender[Any], data: st.DataObject) -> None:
    base = json.loads(body(data.draw(st.sampled_from(BODIES[sender.name]))))
    raw = json.dumps(put(base, data.draw(st.sampled_from(paths(base))), data.draw(values))).encode()
    headers = {
        "x-shopify-topic": data.draw(st.sampled_from(sorted(_TOPICS))),
        "x-shopify-shop-domain": "acme.myshopify.com",
        "retailer": data.draw(st.just("Acme Outdoors") | st.text(max_size=10)),
    }
    with contextlib.suppress(Problem):
        for message in sender.split(ACCOUNTS[sender.accounts], Received(headers, raw), KNOWN).messages:
            assert message.value
            assert message.key != ""
            assert all(isinstance(value, bytes) for _, value in message.headers)
