"""An order table that is full before anybody looks: the rows that its handlers write of a webhook, a million times."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from contracts import topics
from contracts.keys import order_key
from contracts.orders import ShopifyAddress, ShopifyDiscountAllocation, ShopifyDiscountCode, ShopifyLine, ShopifyOrder
from streams.agents.order_table import NAME, order_table
from streams.domain.orders import email_hash, expires_at
from streams.engine import positions, versions
from streams.engine.kafka import Cluster, Transactions, partition_of
from streams.engine.keyvalue import MemoryKeyValue
from streams.engine.records import OutRecord, Record
from streams.engine.task import TaskCore
from streams.engine.timers import millis

HASH_KEY = "a key of the benchmark"
RETAILER = "bench"
EMAIL = "customer@example.com"
# As a full checkpoint writes them.
COMMIT_ORDERS = 1_000
# None of them may become too old while it is measured.
DAYS = 60


def name(number: int) -> str:
    """The number's order."""
    return f"BE-{number * 2654435761 % 2**32:010}"


def key(number: int) -> str:
    """Its key."""
    return order_key(RETAILER, name(number))


@dataclass(frozen=True, slots=True)
class Words:
    """What of one order's records differs from another's, as it stands in them."""

    name: str
    id: str
    first_line: str
    second_line: str
    created: str
    due: str
    email_hash: str

    @staticmethod
    def of(number: int, now: datetime) -> Words:
        """Those of this number's order. All have as many characters, and none is part of another."""
        created = now - timedelta(minutes=number % (DAYS * 24 * 60))
        return Words(
            name=name(number),
            id=str(5_000_000_000_000 + number),
            first_line=str(9_007_199_254_740_993 + 2 * number),
            second_line=str(9_007_199_254_740_994 + 2 * number),
            created=created.isoformat().replace("+00:00", "Z"),
            due=f"{millis(expires_at(created)):015}",
            email_hash=hashlib.sha256(b"%d" % number).hexdigest(),
        )


def webhook(words: Words) -> ShopifyOrder:
    """An order of two lines, one of them discounted."""
    lines = tuple(
        ShopifyLine(
            id=line,
            sku=f"SKU-{quantity}",
            variant_id="44000077",
            quantity=quantity,
            price=Decimal("39.90"),
            discount_allocations=(ShopifyDiscountAllocation(amount=Decimal("4.99")),) * (2 - quantity),
        )
        for quantity, line in ((1, words.first_line), (2, words.second_line))
    )
    return ShopifyOrder(
        id=words.id,
        name=f"#{words.name}",
        created_at=datetime.fromisoformat(words.created),
        updated_at=datetime.fromisoformat(words.created),
        currency="GBP",
        taxes_included=True,
        total_price=Decimal("114.71"),
        total_discounts=Decimal("4.99"),
        total_line_items_price=Decimal("119.70"),
        tags="autumn, web",
        discount_codes=(ShopifyDiscountCode(code="AUTUMN10"),),
        email=EMAIL,
        shipping_address=ShopifyAddress(country_code="GB", zip="N1 7AA"),
        line_items=lines,
    )


@dataclass(frozen=True, slots=True)
class Pattern:
    """The records that order-table commits of one webhook: what it emits, and its changelog's."""

    words: Words
    records: tuple[OutRecord, ...]

    @staticmethod
    def taken(now: datetime) -> Pattern:
        """From the real handlers. RuntimeError where they refuse the order."""
        words = Words.of(0, now)
        core = TaskCore(order_table(HASH_KEY.encode()), 0, MemoryKeyValue(), {})
        batch = core.begin()
        headers = (("ce_shop", f"{RETAILER}.myshopify.com".encode()),)
        raw = webhook(words).to_json()
        core.handle(batch, Record(topics.ORDER_EVENTS.name, 0, 0, millis(now), key(0).encode(), raw, headers), now)
        if batch.dead:
            raise RuntimeError("the order of the benchmark is a dead letter")
        rows = positions.changelog_records(core.agent, 0, batch.rows.writes)
        return Pattern(words, (*batch.emitted, *rows))

    def of(self, number: int, partition: int, now: datetime) -> Iterator[OutRecord]:
        """The same records of another order."""
        other = Words.of(number, now)
        changes = [(getattr(self.words, field).encode(), getattr(other, field).encode()) for field in Words.__slots__]
        changes[-1] = ((email_hash(EMAIL, HASH_KEY.encode()) or "").encode(), changes[-1][1])

        def changed(raw: bytes | None) -> bytes | None:
            for before, after in changes if raw else ():
                raw = raw.replace(before, after) if raw else raw
            return raw

        for record in self.records:
            yield record._replace(key=changed(record.key), value=changed(record.value), partition=partition)


async def fill(cluster: Cluster, partitions: int, orders: int) -> int:
    """Write so many orders, in transactions as tasks write them; how many bytes a row of `orders` has."""
    now = datetime.now(UTC)
    pattern = Pattern.taken(now)
    by_partition: defaultdict[int, list[int]] = defaultdict(list)
    for number in range(orders):
        by_partition[partition_of(key(number).encode(), partitions)].append(number)
    agent = order_table(HASH_KEY.encode())
    for partition, numbers in by_partition.items():
        producer = Transactions(cluster, f"{NAME}-{partition}")
        await producer.open()
        for start in range(0, len(numbers), COMMIT_ORDERS):
            some = numbers[start : start + COMMIT_ORDERS]
            batch = TaskCore(agent, partition, MemoryKeyValue(), {}).begin()
            writes = batch.rows.writes
            versions.note(agent, MemoryKeyValue(), writes)
            positions.note_consumed(MemoryKeyValue(), writes, {}, partitions)
            position = positions.changelog_records(agent, partition, writes)
            records = [record for number in some for record in pattern.of(number, partition, now)]
            await producer.commit([*records, *position], {}, NAME)
        await producer.close()
    return next(len(record.value or b"") for record in pattern.records if record.topic == topics.ORDERS.name)
