"""All that is known of single deliveries: each attempt, what they wait for, and what waits behind them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from contracts.tracking import Delivery
from streams.deliveries.overview import Filter
from streams.deliveries.reading import attempts, owed, partition_for
from streams.engine.kafka import Cluster, Progress
from streams.engine.queued import Due, Queued


@dataclass(slots=True)
class History:
    """One delivery. attempts: oldest first. queued: its row while it is owed; due: when it may be tried, None while
    others come first. ahead, behind: what of its order is owed before and after it."""

    delivery_id: str
    order_key: str
    attempts: list[Delivery] = field(default_factory=list)
    queued: Queued | None = None
    due: datetime | None = None
    ahead: list[Queued] = field(default_factory=list)
    behind: list[Queued] = field(default_factory=list)

    @property
    def body(self) -> Any:
        """What will be sent, or was; None where a release sent it that did not keep bodies."""
        if self.queued is not None and self.queued.intent is not None:
            return self.queued.intent["payload"]
        return next((each.payload for each in reversed(self.attempts) if each.payload), None)

    @property
    def rma(self) -> str | None:
        """The return that it names."""
        return self._named("rma")

    @property
    def code(self) -> str | None:
        """The milestone's code."""
        return self._named("code")

    def _named(self, name: str) -> str | None:
        if self.attempts:
            found: str | None = getattr(self.attempts[-1], name)
            return found
        return (self.queued.intent or {}).get(name) if self.queued is not None else None


async def of_delivery(cluster: Cluster, delivery_id: str, progress: Progress | None = None) -> list[History]:
    """The one with this id; empty where none has it."""
    keys = await _orders(cluster, Filter(), lambda named, _: named == delivery_id, progress)
    return [each for key in sorted(keys) for each in await _of_order(cluster, key) if each.delivery_id == delivery_id]


async def of_return(cluster: Cluster, retailer: str, rma: str, progress: Progress | None = None) -> list[History]:
    """Those of a return, and those of its order that name none; empty where none names it."""
    keys = await _orders(cluster, Filter(retailer), lambda _, named: named == rma, progress)
    return [each for key in sorted(keys) for each in await _of_order(cluster, key) if each.rma in (rma, None)]


async def _orders(
    cluster: Cluster, wanted: Filter, meant: Callable[[str, str | None], bool], progress: Progress | None
) -> set[str]:
    """The orders of which a delivery is meant, by its id and RMA."""
    found: set[str] = set()
    async for told in attempts(cluster, wanted, None, progress):
        found |= {each.order_key for each in told if meant(each.delivery_id, each.rma)}
    async for said in owed(cluster, wanted, None, progress):
        rows = (each for each in said if isinstance(each, Queued) and each.intent is not None)
        found |= {row.key for row in rows if meant(row.id, (row.intent or {}).get("rma"))}
    return found


async def _of_order(cluster: Cluster, order_key: str) -> list[History]:
    wanted, partition = Filter(order_key=order_key), await partition_for(cluster, order_key)
    found: dict[str, History] = {}
    queue: dict[int, Queued] = {}
    due: datetime | None = None
    async for said in owed(cluster, wanted, partition):
        for each in said:
            if isinstance(each, Due):
                due = each.at
            else:
                queue[each.number] = each
    async for told in attempts(cluster, wanted, partition):
        for attempt in told:
            found.setdefault(attempt.delivery_id, History(attempt.delivery_id, order_key)).attempts.append(attempt)
    rows = [queue[number] for number in sorted(queue) if queue[number].intent is not None]
    for place, row in enumerate(rows):
        history = found.setdefault(row.id, History(row.id, order_key))
        history.queued, history.ahead, history.behind = row, rows[:place], rows[place + 1 :]
        history.due = due if place == 0 else None
    return list(found.values())
