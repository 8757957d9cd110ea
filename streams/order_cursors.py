"""Where imports and reconciliations of orders stand, and which versions the order table has: read from the topics."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from contracts import topics
from contracts.imports import OrderImport, OrderReconciliation
from contracts.keys import import_key, reconciliation_key
from contracts.orders import Order
from producers.orders_reconcile import KnownVersion
from streams.engine.kafka import Cluster, partition_of, read_topic, reading

# A fetch returns as soon as there is something; this is what a tail of control records may cost.
FETCH_S = 0.2
ROWS_AT_ONCE = 5000


async def import_of(cluster: Cluster, retailer: str) -> OrderImport | None:
    """How far this retailer's import is; None where none was begun. ConfigError where there is no such topic."""
    row = await _row(cluster, import_key(retailer))
    return None if row is None else OrderImport.model_validate_json(row)


async def reconciliation_of(cluster: Cluster, retailer: str) -> OrderReconciliation | None:
    """How far this retailer's reconciliation is; None before the first one. ConfigError as above."""
    row = await _row(cluster, reconciliation_key(retailer))
    return None if row is None else OrderReconciliation.model_validate_json(row)


async def _row(cluster: Cluster, key: str) -> bytes | None:
    found = None
    async for record in read_topic(cluster, topics.ORDER_CURSORS.name):
        if record.key == key.encode():
            found = record.value
    return found


async def known_versions(cluster: Cluster, keys: Collection[str]) -> Mapping[str, KnownVersion]:
    """What the order table has under these keys: one pass over the partitions that may have them.

    Everything else is passed over unparsed, so that a million orders cost seconds and no memory.
    """
    rows: dict[bytes, bytes | None] = {key.encode(): None for key in keys}
    async with reading(cluster) as reader:
        count = len(await reader.partitions(topics.ORDERS.name))
        places = {(topics.ORDERS.name, partition_of(key, count)): None for key in rows} if count else {}
        if not places:
            return {}
        ends = await reader.assign(places)
        while any([await reader.position(*place) < end for place, end in ends.items()]):
            for found in (await reader.rows(FETCH_S, ROWS_AT_ONCE)).values():
                for row in found:
                    if row.key in rows:
                        rows[row.key] = row.value
    return {key.decode(): _known(row) for key, row in rows.items() if row is not None}


def _known(row: bytes) -> KnownVersion:
    order = Order.model_validate_json(row)
    return KnownVersion(order.id, order.updated_at, frozenset(order.other_ids))
