"""tracking-forward in memory with everything that its topics would say, for the tests of what is read from them."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from contracts import topics
from contracts.returns import Meaning
from contracts.tracking import Delivery
from streams.agents.tracking_forward import HookAnswer, tracking_forward
from streams.deliveries.overview import Filter, Overview, Totals
from streams.domain.replays import request
from streams.engine import queued
from streams.engine.driver import AgentTestDriver
from streams.engine.keyvalue import MemoryKeyValue
from streams.engine.overlay import Writes
from streams.engine.positions import changelog_records
from streams.engine.queued import Due, Queued
from tests.builders import retailer, return_event

URL = "https://hook.example/seko"
RETAILERS = {name: retailer(name, hook=URL) for name in ("acme", "bolt")}


class Logged(MemoryKeyValue):
    """Rows in memory, and every batch of them as the changelog has it."""

    def __init__(self, driver: AgentTestDriver) -> None:
        super().__init__()
        self._agent = driver.agent
        self.said: list[Queued | Due] = []
        self._read = queued.reader("hook")

    def apply(self, writes: Writes, positions: Mapping[str, int], caught_up: bool = True) -> None:
        records = changelog_records(self._agent, 0, writes)
        self.said += [each for out in records if (each := self._read(out.key, out.value)) is not None]
        super().apply(writes, positions, caught_up)


@dataclass
class World:
    """tracking-forward, and receivers that answer as they are told."""

    driver: AgentTestDriver = field(
        default_factory=lambda: AgentTestDriver(tracking_forward(), retailers=dict(RETAILERS))
    )
    log: Logged = field(init=False)

    def __post_init__(self) -> None:
        self.log = Logged(self.driver)
        self.driver._core.stored = self.log

    def happens(self, meaning: Meaning, order: str = "acme/1001", rma: str = "R1") -> None:
        event = return_event(meaning, order_key=order, retailer=order.split("/")[0], rma=rma)
        self.driver.pipe(topics.RETURN_EVENTS, event, key=order)

    def answers(self, status: int | None, **said: Any) -> None:
        self.driver.answer(self.driver.calls[0], HookAnswer(status=status, **{"url": URL, **said}))

    def told(self) -> list[Delivery]:
        return self.driver.of(topics.TRACKING_DELIVERIES, Delivery)

    def asks_again(self, last: Delivery) -> None:
        self.driver.pipe(topics.TRACKING_REPLAYS, request(last, self.driver.now), key=last.order_key)

    def overview(self, wanted: Filter | None = None, at: datetime | None = None, chunk: int = 3) -> Overview:
        found = Overview(wanted or Filter(), at or self.driver.now, keep_delivered=True)
        wanted = wanted or Filter()
        said = [each for each in self.log.said if wanted.takes(each.key.encode())]
        for start in range(0, len(said), chunk):
            found.owes(said[start : start + chunk])
        found.owed_read(limit=100)
        found.told(each for each in self.told() if wanted.takes(each.order_key.encode()))
        return found

    def totals(self, wanted: Filter | None = None) -> list[Totals]:
        with closing(self.overview(wanted)) as found:
            return found.totals()
