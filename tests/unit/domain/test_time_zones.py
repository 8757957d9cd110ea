"""What is normalised to UTC is UTC on a machine in any time zone."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone

import pytest

from contracts.orders import ShopifyOrder
from contracts.returns import Meaning
from streams.domain.fields import instant
from streams.domain.milestones import Evidence
from streams.domain.orders import expires_at, slim
from streams.domain.parcel_events import moment
from tests.builders import return_event

# In Nepal it is 5 h 45 min later than in UTC: nothing there falls on UTC's days, hours or minutes by chance.
WRITTEN = datetime(2026, 12, 1, 0, 30, tzinfo=timezone(timedelta(hours=2)))
BODY = {"id": 1, "name": "#1001", "currency": "USD", "total_price": "1", "created_at": WRITTEN, "updated_at": WRITTEN}


@pytest.fixture(autouse=True)
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "Asia/Kathmandu")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def test_an_orders_times() -> None:
    body = ShopifyOrder.model_validate({**BODY, "cancelled_at": WRITTEN})
    kept = slim(body, retailer="acme", shop="acme.myshopify.com", triggered_at=WRITTEN, hash_key=b"key")

    times = (kept.created_at, kept.updated_at, kept.triggered_at, kept.cancelled_at)
    assert [at.isoformat() if at else None for at in times] == ["2026-11-30T22:30:00+00:00"] * 4


def test_the_instant_at_which_an_order_is_deleted() -> None:
    # Three months after 30 November, not after the 1 December that it is where the order or the machine is.
    assert expires_at(WRITTEN).isoformat() == "2027-02-28T22:30:00+00:00"


def test_the_times_of_events() -> None:
    at = instant("2026-12-01T00:30:00+02:00")
    assert at is not None
    assert at.isoformat() == "2026-11-30T22:30:00+00:00"

    event = return_event(Meaning.DEPOT, at=WRITTEN)
    assert Evidence.of(event).age[1] == "2026-11-30T22:30:00.000000+00:00"
    assert moment(event) == datetime(2026, 11, 30, 22, 30, tzinfo=UTC)
