"""Erased orders: which ones an erasure of the whole shop means, and marks that name nobody."""

from __future__ import annotations

from datetime import timedelta

import pytest

from streams.domain.erasure import covered, order_mark, shop_mark
from tests.unit.domain.builders import MORNING, order

SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("created", "updated", "meant"),
    [
        (MORNING, MORNING, True),
        (MORNING - SECOND, MORNING + SECOND, True),
        (MORNING + SECOND, MORNING, True),
        (MORNING + SECOND, MORNING + SECOND, False),
    ],
)
def test_an_order_of_that_time_or_before_is_meant_even_where_it_was_changed_later(
    created: object, updated: object, meant: bool
) -> None:
    assert covered(order(created_at=created, updated_at=updated), MORNING) is meant


def test_marks_tell_orders_and_shops_apart_and_name_no_order() -> None:
    marks = {order_mark(shop, number, key) for shop in ("acme", "other") for number in "12" for key in (b"k", b"l")}

    assert len(marks) == 8
    assert order_mark("acme", "1", b"k") in marks
    assert all(mark.startswith("order|") and len(mark) == len("order|") + 64 for mark in marks)
    assert shop_mark("acme") == "shop|acme"
