"""Reconciliation: which changes of a shop's orders did no webhook bring? What the table lacks is fetched and written.

First the shop says which version of each order it has (a point an order), then the table is asked which it has; only
what differs is fetched whole. Each run begins a little before the last one's end, because changes are found by a time
that the shop gives them and may show late.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from contracts.imports import OrderReconciliation
from contracts.keys import order_key, order_name
from contracts.retailers import Retailer
from producers.order_records import record_of
from producers.orders_import import reconciliation_record
from producers.patience import publish_patiently
from producers.publisher import Publishes
from streams.domain.orders import KEPT_MONTHS, expires_at
from streams.shopify.client import AdminClient
from streams.shopify.order_shape import id_of
from streams.shopify.orders import OrderReader, updated_between
from streams.shopify.results import OrderVersion
from streams.shopify.throttle import Priority

# Shopify's search lags behind its changes by seconds, its worst days by minutes.
OVERLAP = timedelta(minutes=10)
# A webhook that is on its way has not been missed. What the table lacks is fetched all the same.
GRACE = timedelta(minutes=5)
# So many changes are compared at once, fetched, and the place behind them stored. Each time costs a pass over the
# table's topic; should the table lack them all, fetching them takes the smallest plan a quarter of an hour.
COMPARED_AT_ONCE = 2_000


@dataclass(frozen=True, slots=True)
class KnownVersion:
    """What the table has under a key: its order's id and last change, and the ids of others of the same name."""

    order_id: str
    updated_at: datetime
    others: frozenset[str] = frozenset()


Table = Callable[[Collection[str]], Awaitable[Mapping[str, KnownVersion]]]
"""What the order table has under these order keys now; keys that it does not have are left out."""


@dataclass(slots=True)
class Tally:
    """What a run found.

    checked: changes that were looked at. written: what the table lacked. missed: of that, what is too old for its
    webhook to be still under way.
    """

    checked: int = 0
    written: int = 0
    missed: int = 0


@dataclass(frozen=True, slots=True)
class Reconciler:
    """Reconciles one retailer's orders. told: hears of every step. now: UTC."""

    retailer: Retailer
    client: AdminClient
    publisher: Publishes
    table: Table
    kept_months: int = KEPT_MONTHS
    grace: timedelta = GRACE
    overlap: timedelta = OVERLAP
    told: Callable[[Tally], None] = lambda _: None
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    async def run(self, last: OrderReconciliation | None, since: datetime) -> tuple[OrderReconciliation, Tally]:
        """Compare all changes since the last run, or since `since` where there was none. How far it is is stored on the
        way: a run that is broken off is gone on with. Errors of streams.shopify, and Unavailable."""
        until = self.now()
        begin = since if last is None else last.until - self.overlap
        reader, tally = OrderReader(self.client, Priority.BACKGROUND), Tally()
        runs = 1 if last is None else last.runs + 1
        async for versions in self._changes(reader, begin, until):
            await self._compare(reader, versions, until, tally)
            # They come in the order of their changes, so everything up to the last of them has been compared.
            await self._store(max(version.updated_at for version in versions.values()), runs, tally)
        return await self._store(until, runs, tally), tally

    async def _store(self, until: datetime, runs: int, tally: Tally) -> OrderReconciliation:
        done = OrderReconciliation(
            retailer=self.retailer.id,
            until=until,
            at=self.now(),
            checked=tally.checked,
            missed=tally.missed,
            runs=runs,
        )
        await publish_patiently(self.publisher, [reconciliation_record(done, self.now())])
        return done

    async def _changes(
        self, reader: OrderReader, begin: datetime, until: datetime
    ) -> AsyncIterator[dict[str, OrderVersion]]:
        """The changed orders by their ids, so many at once. Those without a name have no key in the table."""
        gathered: dict[str, OrderVersion] = {}
        async for page in reader.versions(updated_between(begin, until)):
            gathered |= {id_of(version.id): version for version in page if order_name(version.name)}
            if len(gathered) >= COMPARED_AT_ONCE:
                yield gathered
                gathered = {}
        if gathered:
            yield gathered

    async def _compare(
        self, reader: OrderReader, versions: Mapping[str, OrderVersion], until: datetime, tally: Tally
    ) -> None:
        now = self.now()
        kept = {n: v for n, v in versions.items() if now < expires_at(v.created_at, self.kept_months)}
        tally.checked += len(kept)
        self.told(tally)
        keys = {number: order_key(self.retailer.id, version.name) for number, version in kept.items()}
        known = await self.table(frozenset(keys.values()))
        lacking = {number: v for number, v in kept.items() if lacks(known.get(keys[number]), v)}
        async for orders in reader.some(list(lacking)):
            records = (record_of(order, self.retailer, "reconcile") for order in orders)
            await publish_patiently(self.publisher, [record for record in records if record is not None])
            tally.written += len(orders)
            self.told(tally)
        others = frozenset().union(*(row.others for row in known.values()))
        tally.missed += sum(n not in others and v.updated_at <= until - self.grace for n, v in lacking.items())


def lacks(known: KnownVersion | None, version: OrderVersion) -> bool:
    """Whether the table has not this version, nor a later one. Of a further order under one name only the id is known:
    it is fetched."""
    if known is None or known.order_id != id_of(version.id):
        return True
    return known.updated_at < version.updated_at
