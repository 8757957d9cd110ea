"""What a retailer that is removed would leave behind, counted from the topics, and the removal itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import orjson

from contracts import topics
from contracts.retailers import Retailer
from contracts.returns import UnitState
from producers.accounts import Account
from streams.deliveries.overview import Filter, Totals
from streams.deliveries.reading import read_overview
from streams.engine.kafka import Cluster, Progress, read_rows
from streams.engine.records import OutRecord
from streams.retailers_topic import LAST_VERSION, replace

# Nothing happens to these any more; all others may still change, or are for a person.
_THROUGH = frozenset({UnitState.ACTED, UnitState.WITHDRAWN, UnitState.STOPPED})


@dataclass(slots=True)
class OpenUnits:
    """Units of one retailer that are not through, as the rows of return-units tell it; the last word of a key holds."""

    retailer: str
    _open: dict[bytes, tuple[str, bool]] = field(default_factory=dict)

    def take(self, key: bytes | None, value: bytes | None) -> None:
        """Take one row over, or its tombstone. A row that cannot be read counts in the state `unreadable`."""
        if key is None or not key.startswith(f"{self.retailer}/".encode()):
            return
        state, waits = ("", False) if value is None else _stands(value)
        if value is None or state in _THROUGH:
            self._open.pop(key, None)
        else:
            self._open[key] = state, waits

    @property
    def states(self) -> Counter[str]:
        """How many there are in each state."""
        return Counter(state for state, _ in self._open.values())

    @property
    def returns(self) -> int:
        """How many returns have any."""
        return len({key.rsplit(b"|", 2)[0] for key in self._open})

    @property
    def waiting(self) -> int:
        """How many were decided, and act once the milestone comes that they wait for."""
        return sum(waits and state == UnitState.DECIDED for state, waits in self._open.values())


@dataclass(frozen=True, slots=True)
class LeftBehind:
    """What speaks of a retailer beside its own row. orders: rows of the table. deliveries: to its hook."""

    orders: int
    units: OpenUnits
    deliveries: Totals


async def left_behind(cluster: Cluster, retailer: str, now: datetime, progress: Progress | None = None) -> LeftBehind:
    """Count all of it; reads `orders`, `return-units` and what is owed whole. ConfigError where a topic is missing."""
    orders: set[bytes] = set()
    prefix = f"{retailer}/".encode()
    async for rows in read_rows(cluster, topics.ORDERS.name, progress=progress):
        for row in rows:
            if row.key is not None and row.key.startswith(prefix):
                (orders.discard if row.value is None else orders.add)(row.key)
    units = OpenUnits(retailer)
    async for rows in read_rows(cluster, topics.RETURN_UNITS.name, progress=progress):
        for row in rows:
            units.take(row.key, row.value)
    overview = await read_overview(cluster, Filter(retailer), now, 0, keep_delivered=False, progress=progress)
    try:
        deliveries = next((each for each in overview.totals() if each.retailer == retailer), Totals(retailer))
    finally:
        overview.close()
    return LeftBehind(len(orders), units, deliveries)


def accounts_naming(accounts: Mapping[str, tuple[Account, ...]], retailer: str) -> list[tuple[str, Account]]:
    """The senders' accounts that name it, each with its sender's word; one for all retailers names none."""
    return [(sender, each) for sender, of in accounts.items() for each in of if retailer in each.retailers]


async def remove(cluster: Cluster, retailer: Retailer) -> None:
    """Write its tombstone, with the version it had; on all in-sync replicas when this returns.

    ConfigError where it was changed meanwhile.
    """
    headers = ((LAST_VERSION, str(retailer.version).encode()),)
    tombstone = OutRecord(topics.RETAILERS.name, retailer.id.encode(), None, headers)
    await replace(cluster, {retailer.id: retailer}, [tombstone])


def _stands(value: bytes) -> tuple[str, bool]:
    """State, and whether anything will make it act. Read leniently: a newer release may know further states."""
    try:
        row = orjson.loads(value)
        return str(row["state"]), row.get("waiting_for") is not None
    except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError):
        return "unreadable", False
