"""Which webhooks of a shop's changes arrive, and in which order: some lost, some twice, some late, all by a seed."""

from __future__ import annotations

import heapq
import random
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from demo.shopify.webhooks import Change, headers


@dataclass(frozen=True, slots=True)
class Faults:
    """Shares, 0 to 1, of the changes whose webhook does so. reordered: arrives up to `late_by` changes later."""

    lost: float = 0.1
    repeated: float = 0.1
    reordered: float = 0.2
    late_by: int = 50


@dataclass(frozen=True, slots=True)
class Arrival:
    """A webhook that arrives. ident: the same for each time that it does. repeat: it is not the first time."""

    change: Change
    ident: str
    repeat: bool


@dataclass(slots=True)
class Arrivals:
    """Told of one change after the other, it says what arrives then.

    What becomes of a change's webhook depends on the seed, the order, and the how-manieth change of it that is: not on
    what else happens, nor on the time.
    """

    faults: Faults
    seed: int
    _count: int = 0
    _versions: Counter[int] = field(default_factory=Counter)
    _under_way: list[tuple[int, int, Arrival]] = field(default_factory=list)
    _sent: int = 0

    def after(self, change: Change) -> list[Arrival]:
        """What arrives now that this has happened."""
        place = self._count
        self._count += 1
        self._send(change, place)
        arrived = []
        while self._under_way and self._under_way[0][0] <= place:
            arrived.append(heapq.heappop(self._under_way)[2])
        return arrived

    def rest(self) -> list[Arrival]:
        """All that is still under way."""
        return [heapq.heappop(self._under_way)[2] for _ in range(len(self._under_way))]

    def _send(self, change: Change, place: int) -> None:
        faults, ident, order = self.faults, f"{self.seed}-{place}", int(change.body["id"])
        rng = random.Random(f"{self.seed} {order} {self._versions[order]}")
        self._versions[order] += 1
        if change.lost or (rng.random() < faults.lost and not change.sure):
            return
        late = rng.randint(1, faults.late_by) if rng.random() < faults.reordered else 0
        due = place if change.sure else place + late
        self._add(due, Arrival(change, ident, repeat=False))
        if rng.random() < faults.repeated:
            self._add(due + rng.randint(1, faults.late_by), Arrival(change, ident, repeat=True))

    def _add(self, due: int, arrival: Arrival) -> None:
        heapq.heappush(self._under_way, (due, self._sent, arrival))
        self._sent += 1


@dataclass(frozen=True, slots=True)
class Delivery:
    """One POST. headers: signed; the topic among them."""

    raw: bytes
    headers: Mapping[str, str]


def delivery(arrival: Arrival, secret: str, fields: Iterable[str] = ()) -> Delivery:
    """The POST of a webhook. fields: those of the body that its subscription asks for; all of them without any."""
    change, only = arrival.change, frozenset(fields)
    raw = orjson.dumps({name: value for name, value in change.body.items() if not only or name in only})
    at = datetime.fromisoformat(change.body["updated_at"])
    signed = headers(raw, secret=secret, shop=change.shop, topic=change.topic, webhook_id=arrival.ident, at=at)
    return Delivery(raw, signed)


def deliveries(
    changes: Iterable[tuple[str, Mapping[str, Any]]], *, shop: str, secret: str, seed: int, faults: Faults | None = None
) -> list[Delivery]:
    """What arrives of these changes (topic and body, in the shop's order), in the order of arrival."""
    arrivals = Arrivals(faults or Faults(), seed)

    def arriving() -> Iterator[Arrival]:
        for topic, body in changes:
            yield from arrivals.after(Change(shop, topic, body))
        yield from arrivals.rest()

    return [delivery(arrival, secret) for arrival in arriving()]
