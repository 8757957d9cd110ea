"""The way in one pass and the way through a dict make the same record of an order, or the same refusal."""

from __future__ import annotations

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from producers.problems import Problem
from producers.sources import shopify as source
from producers.sources.base import Split
from producers.sources.shopify_order import read
from tests.unit.producers.support import APP, body, directory, shopify
from tests.unit.producers.test_no_surprises import paths, put, values

ORDERS = ["shopify/order_2016.json", "shopify/order_2019.json", "shopify/order_2026.json"]
KNOWN = directory()


def taken(raw: bytes, *, closely: bool) -> Split | str:
    with pytest.MonkeyPatch.context() as patch:
        if closely:
            patch.setattr(source, "read", lambda raw: None)
        try:
            return source.split(APP, shopify(raw, "orders/updated"), KNOWN)
        except Problem as problem:
            return problem.word


@pytest.mark.parametrize("name", ORDERS)
def test_an_order_is_read_in_one_pass(name: str) -> None:
    raw = body(name)
    assert read(raw) is not None
    assert taken(raw, closely=False) == taken(raw, closely=True)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_both_ways_agree_on_an_order_with_anything_anywhere(data: st.DataObject) -> None:
    base = json.loads(body(data.draw(st.sampled_from(ORDERS))))
    base |= data.draw(st.dictionaries(st.sampled_from(["order_id", "shop_domain", "order_status_url"]), values))
    raw = json.dumps(put(base, data.draw(st.sampled_from(paths(base))), data.draw(values))).encode()

    assert taken(raw, closely=False) == taken(raw, closely=True)


# Each is right somewhere and wrong elsewhere, or right only for one who looks closely.
ODD: list[object] = [
    *(None, True, 0, -1, 5.0, 1.5, 10**30, 1_700_000_000, "", "x", "5", "-5", "007", " 1", "1_000", "1e5", "NaN"),
    *("1E+1000000", "9" * 21, "9" * 61, "0." + "9" * 21, "2026-11-03", "2026-11-03T18:00:41", "2026-02-30T00:00:00Z"),
    *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-23:59", "2026-11-03T18:00:41Z", "\0"),
    *([], {}, [[]], [None], [{}], ["a", 1], {"amount": "1.5"}, {"shop_money": {"amount": 1}}),
]


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: repr(odd)[:30])
def test_both_ways_agree_on_every_field(odd: object) -> None:
    base = json.loads(body(ORDERS[-1]))
    for path in paths(base):
        raw = json.dumps(put(base, path, odd)).encode()
        assert taken(raw, closely=False) == taken(raw, closely=True), path


@pytest.mark.parametrize("extra", [b'"note":NaN', b'"note":-Infinity', b'"order_id":1', b'"shop_domain":"b.test"'])
def test_what_needs_a_closer_look_gets_one(extra: bytes) -> None:
    raw = b"{" + extra + b"," + body(ORDERS[0]).strip()[1:]
    assert taken(raw, closely=False) == taken(raw, closely=True)
