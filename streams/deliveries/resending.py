"""Asking tracking-forward to send deliveries once more: which, and the requests in transactions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime, timedelta

from contracts import topics
from contracts.envelope import Envelope
from contracts.tracking import Delivery, DeliveryReplay
from streams.deliveries.overview import Filter, Overview, Standing, State
from streams.deliveries.reading import attempts, owed, replays
from streams.domain.replays import request, why_not
from streams.engine.kafka import Cluster, Progress, Transactions
from streams.engine.queued import Queued
from streams.engine.records import OutRecord

# What one transaction takes: some 5 MB of bodies.
REQUESTS_AT_ONCE = 5_000
_KEPT_DAYS = topics.TRACKING_DELIVERIES.retention_days or 0
ASKED = "it was asked for already, and has not ended since"


class Chosen:
    """Deliveries that could be sent once more. count: how many, of how many orders. left_out: how many not, by why."""

    def __init__(self, overview: Overview, asked: set[str], states: frozenset[State], now: datetime) -> None:
        self._overview = overview
        self._asked = asked
        self._states = states
        self._now = now
        self.left_out: Counter[str] = Counter()
        self.count = 0
        self.orders = 0
        order_key = None
        for standing, reason in self._all():
            if reason is not None:
                self.left_out[reason] += 1
                continue
            self.count += 1
            self.orders += standing.order_key != order_key
            order_key = standing.order_key

    def standings(self) -> Iterator[Standing]:
        """Each, in the order in which each order's ended."""
        return (standing for standing, reason in self._all() if reason is None)

    def requests(self) -> Iterator[DeliveryReplay]:
        """To send each once more."""
        return (request(standing.last, self._now) for standing in self.standings() if standing.last is not None)

    def close(self) -> None:
        """Let go of the file that holds them."""
        self._overview.close()

    def _all(self) -> Iterator[tuple[Standing, str | None]]:
        for standing in self._overview.ended(self._states):
            if standing.last is not None:
                yield standing, why_not(standing.last) or self._is_asked(standing.last)

    def _is_asked(self, last: Delivery) -> str | None:
        return ASKED if request(last, self._now).replay in self._asked else None


async def choose(
    cluster: Cluster,
    wanted: Filter,
    meant: Callable[[Delivery], bool],
    states: frozenset[State],
    now: datetime,
    progress: Progress | None = None,
) -> Chosen:
    """Those that are meant and have ended in one of the states. To be closed.

    What was given up longer ago than attempts are kept is found in the queue, where it waits; of that, the time counts
    at which it was queued.
    """
    overview, kept_from = Overview(wanted, now, keep_delivered=True), now - timedelta(days=_KEPT_DAYS)
    try:
        found = False
        async for told in attempts(cluster, wanted, None, progress):
            chosen = [each for each in told if meant(each)]
            overview.told(chosen)
            found = found or bool(chosen)
        by_name = wanted.since is None
        if State.GIVEN_UP in states and ((by_name and not found) or (wanted.since or now) < kept_from):
            for each in await _waiting(cluster, wanted, meant, now, progress):
                overview.waits(each)
        return Chosen(overview, await replays(cluster, wanted), states, now)
    except BaseException:
        overview.close()
        raise


async def _waiting(
    cluster: Cluster, wanted: Filter, meant: Callable[[Delivery], bool], now: datetime, progress: Progress | None
) -> list[Delivery]:
    """What waits for a person, with its body."""
    with closing(Overview(wanted, now)) as overview:
        async for said in owed(cluster, wanted, None, progress):
            overview.owes(said)
        overview.owed_read(0)
        waiting = (each.last for each in overview.ended(frozenset({State.GIVEN_UP})))
        found = {last.delivery_id: last for last in waiting if last is not None and meant(last)}
    if found:
        async for said in owed(cluster, wanted, None, progress):
            for row in said:
                if isinstance(row, Queued) and row.intent is not None and row.id in found:
                    payload = tuple(row.intent["payload"])
                    found[row.id] = found[row.id].model_copy(update={"payload": payload})
    return list(found.values())


async def resend(cluster: Cluster, chosen: Chosen) -> int:
    """Write the requests; how many. Broken off, it may be done anew: what was asked for counts once."""
    producer = Transactions(cluster, "deliveries-replay")
    done, chunk = 0, list[OutRecord]()
    try:
        await producer.open()
        for each in chosen.requests():
            chunk.append(_record(each))
            if len(chunk) == REQUESTS_AT_ONCE:
                await producer.commit(chunk, {}, "")
                done, chunk = done + len(chunk), []
        if chunk:
            await producer.commit(chunk, {}, "")
        return done + len(chunk)
    finally:
        await producer.close()


def _record(replay: DeliveryReplay) -> OutRecord:
    event = topics.TRACKING_REPLAYS.event_for(DeliveryReplay)
    envelope = Envelope(
        id=replay.replay,
        source="returnstreams/deliveries-replay",
        type=event.type,
        time=replay.at,
        subject=replay.order_key,
        dataschema=event.dataschema,
    )
    key = replay.order_key.encode()
    return OutRecord(topics.TRACKING_REPLAYS.name, key, replay.to_json(), envelope.to_headers())
