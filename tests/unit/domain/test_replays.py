"""Sending a delivery once more: which can be, all of it is in the request, and to ask twice is to ask once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contracts.tracking import Delivery, DeliveryReplay, DeliveryResult
from streams.domain import replays

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
BODY = ({"Code": "RT", "OrderNo": "1001"},)


def last(**changes: Any) -> Delivery:
    """The attempt after which an update was given up, with what was sent."""
    values: dict[str, Any] = {
        "delivery_id": "d-1",
        "retailer": "acme",
        "order_key": "acme/1001",
        "rma": "R1",
        "code": "RT",
        "url": "https://hooks.example.com/acme",
        "attempt": 3,
        "result": DeliveryResult.GIVEN_UP,
        "status": 422,
        "at": NOW - timedelta(days=1),
        "payload": BODY,
    }
    return Delivery(**{**values, **changes})


def test_a_request_says_all_that_is_needed_to_send_it_once_more() -> None:
    assert replays.request(last(replay="r-1"), NOW) == DeliveryReplay(
        # Stored: the same in every release, or what was asked for before an upgrade would be sent twice.
        replay="40ad3c2b-5e4a-575a-b44a-39ba005f5ad5",
        after="r-1",
        delivery_id="d-1",
        retailer="acme",
        order_key="acme/1001",
        rma="R1",
        code="RT",
        payload=BODY,
        at=NOW,
    )


def test_asked_twice_it_is_the_same_request_and_after_another_attempt_or_life_another() -> None:
    asked = [last(), last(attempt=4), last(delivery_id="d-2"), last(replay="r-1"), last(replay="r-2")]
    ids = [replays.request(each, NOW).replay for each in asked]

    assert len(set(ids)) == len(ids)
    assert replays.request(last(), NOW + timedelta(hours=1)).replay == ids[0]


@pytest.mark.parametrize(
    ("attempt", "why"),
    [
        (last(next_at=NOW), "it is owed still, and will be tried again at 2026-11-20T12:00:00+00:00"),
        (last(payload=None), "a release that did not keep bodies sent it; its events are in return-events"),
        (last(payload=()), "a release that did not keep bodies sent it; its events are in return-events"),
    ],
    ids=["owed", "no body", "empty body"],
)
def test_what_is_owed_or_has_no_body_cannot_be_sent_again(attempt: Delivery, why: str) -> None:
    assert replays.why_not(attempt) == why
    with pytest.raises(ValueError, match=why.partition("+")[0]):
        replays.request(attempt, NOW)


def test_what_has_ended_with_a_body_can() -> None:
    assert replays.why_not(last()) is None
