"""One order as the table has it now, and the returns that claim its units. Nothing is written.

The process that has the order's partition is asked; a topic is read only where none answers, or there is no such row.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, datetime

import orjson
import structlog
from pydantic import ValidationError

from contracts import topics
from contracts.keys import split_order_key
from contracts.orders import Order
from contracts.returns import ReturnUnit
from streams.asking import NobodyTells, ask
from streams.domain.ledger import Ledger
from streams.engine.kafka import Cluster, Owner, owners_of, read_topic

log = structlog.get_logger()

TABLE, LEDGER = "order-table", "return-actions"


@dataclass(frozen=True, slots=True, order=True)
class Claimed:
    """One returned unit, and the number of the line that it holds (from 1)."""

    line_id: str
    number: int
    rma: str
    sku: str
    ordinal: int
    state: str
    option: str | None


@dataclass(slots=True)
class KeptOrder:
    """What is known of an order.

    order: None where the table has none. gone_at: when it was deleted, as long as the topic remembers (some 8 days).
    last: its last version before that, where it can still be read. claims: in the order of lines and indices.
    names: of the retailer's other orders in the partition, where it had to be read. asked: a process gave the row.
    """

    order: Order | None = None
    gone_at: datetime | None = None
    last: Order | None = None
    claims: list[Claimed] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    asked: bool = False


async def look_up(cluster: Cluster, key: str) -> KeptOrder:
    """Everything about the order with this key. ConfigError where topics are missing."""
    keyed = {TABLE: topics.ORDER_EVENTS.name, LEDGER: topics.RETURN_EVENTS.name}
    owners = await owners_of(cluster, key, keyed)
    found, claims = await asyncio.gather(_order(cluster, key, owners[TABLE]), _claims(cluster, key, owners[LEDGER]))
    found.claims = sorted(claims)
    return found


async def _order(cluster: Cluster, key: str, owner: Owner) -> KeptOrder:
    try:
        answer = await ask(owner, TABLE, topics.ORDERS.name, key)
        if answer.row is not None:
            return KeptOrder(Order.model_validate(answer.row), asked=True)
        partition = answer.partition
    except NobodyTells as nobody:
        log.info("the topic is read", action="row_not_asked", why=str(nobody))
        partition = nobody.partition
    return await read_orders(cluster, key, partition)


async def read_orders(cluster: Cluster, key: str, partition: int) -> KeptOrder:
    """The same from the topic, of whose partition every record is read."""
    retailer, _ = split_order_key(key)
    wanted, prefix = key.encode(), f"{retailer}/".encode()
    found, names = KeptOrder(), dict[str, None]()
    async for record in read_topic(cluster, topics.ORDERS.name, partition):
        raw = record.key or b""
        if raw == wanted:
            if record.value is None:
                found.gone_at = datetime.fromtimestamp(record.timestamp_ms / 1000, UTC)
                found.last, found.order = found.order or found.last, None
            else:
                found.order, found.gone_at = _read(record.value), None
        elif raw.startswith(prefix):
            names.pop(name := raw[len(prefix) :].decode(errors="replace"), None)
            if record.value is not None:
                names[name] = None
    found.names = list(names)
    return found


def _read(value: bytes) -> Order | None:
    try:
        return Order.model_validate_json(value)
    except ValidationError:  # of a newer release's schema
        return None


async def _claims(cluster: Cluster, key: str, owner: Owner) -> list[Claimed]:
    try:
        answer = await ask(owner, LEDGER, "ledger", key)
    except NobodyTells as nobody:
        log.info("the topic is read", action="row_not_asked", why=str(nobody))
        return await _read_claims(cluster, key, nobody.partition)
    if answer.row is None:
        return []
    return [
        Claimed(unit.claim.line_id, unit.claim.index, rma, unit.sku, unit.ordinal, unit.state, unit.option)
        for rma, of in Ledger.model_validate(answer.row).returns.items()
        for unit in of.units
        if unit.claim is not None
    ]


async def _read_claims(cluster: Cluster, key: str, partition: int) -> list[Claimed]:
    claims: dict[bytes, Claimed] = {}
    async for record in read_topic(cluster, topics.RETURN_UNITS.name, partition):
        row_key = record.key or b""
        claims.pop(row_key, None)
        # The key's parts are escaped; what it says of its order the value says plainly.
        if record.value is None or orjson.loads(record.value).get("order_key") != key:
            continue
        unit = ReturnUnit.model_validate_json(record.value)
        if unit.line_id is not None and unit.line_index is not None:
            claims[row_key] = Claimed(
                unit.line_id, unit.line_index, unit.rma, unit.sku, unit.ordinal, unit.state, unit.option
            )
    return list(claims.values())
