"""Return events of which each tells the hook one update, and a body and headers like those that it gets."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import orjson

from contracts import topics
from contracts.envelope import Letterhead
from contracts.returns import Meaning, ReturnEvent
from contracts.tracking import Source
from streams.domain.loop_payload import payload
from streams.engine.records import OutRecord

# Of one return, in the order in which they happen: one update each.
TOLD = (
    Meaning.CREATED,
    Meaning.FIRST_SCAN,
    Meaning.DELIVERED,
    Meaning.DEPOT,
    Meaning.EXPORTED,
    Meaning.DELIVERED_BACK,
)
_SENDER = Source(sender="omniparcel", account="seko", retailers=("*",))
_LETTERHEAD = Letterhead("returnstreams/benchmark")
_EVENT = topics.RETURN_EVENTS.event_for(ReturnEvent)


def event(retailer: str, order: str, rma: str, meaning: Meaning) -> ReturnEvent:
    """What a carrier or the hub tells."""
    return ReturnEvent(
        event_id=f"{order}|{rma}|{meaning}",
        retailer=retailer,
        order_key=f"{retailer}/{order}",
        rma=rma,
        consignment=f"SEK{order}{rma}",
        consignment_no=f"SEK-{order}-{rma}",
        meaning=meaning,
        code=meaning.value,
        local_time="2026-11-02T09:14:00Z",
        at=datetime(2026, 11, 2, 9, 14, tzinfo=UTC),
        place="Hamburg, DE",
        carrier="DHL",
        source=_SENDER,
    )


def events(retailer: str, name: str, orders: int, updates: int) -> Iterator[OutRecord]:
    """So many updates of each of so many orders, an order's returns one after the other."""
    now = datetime.now(UTC)
    for number in range(updates):
        rma, meaning = f"R{number // len(TOLD)}", TOLD[number % len(TOLD)]
        for order in range(orders):
            yield record(event(retailer, f"{name}-{order}", rma, meaning), now)


def record(said: ReturnEvent, now: datetime) -> OutRecord:
    """As an agent writes it."""
    headers = _LETTERHEAD.headers(said.event_id, _EVENT.type, _EVENT.dataschema, now, said.order_key, None)
    return OutRecord(topics.RETURN_EVENTS.name, said.order_key.encode(), said.to_json(), headers)


def body() -> bytes:
    """Of one update."""
    return orjson.dumps(payload(event("bench", "B1001", "R1", Meaning.DEPOT)))


HEADERS = {
    "content-type": "application/json",
    "user-agent": "bare-loop",
    "accept-encoding": "identity",
    "webhook-id": "a3bb189e-8bf9-5888-9912-ace4e6543002",
    "webhook-timestamp": "1764316800",
    "webhook-signature": f"v1,{'a' * 43}=",
}
