"""What is too old or erased leaves the table within a minute and the brokers' disks in days, here in seconds."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest

from contracts.orders import ShopifyOrder
from demo.broker import BrokerOptions, EmbeddedCluster
from streams.agents import disk_sweep
from streams.agents.order_table import NAME
from streams.domain.orders import email_hash, postcode_hash
from streams.engine.agent import changelog_of
from streams.engine.options import RunnerOptions
from streams.engine.rocks import RocksStorage
from tests.builders import HASH_KEY, erasure, shopify_order
from tests.integration.order_tables import OrderTables
from tests.waiting import eventually

pytestmark = pytest.mark.kafka

NOW = datetime.now(UTC)
MARKED_ID = "9007199254745555"
EMAIL, POSTCODE = "kim.marked@example.com", "ZZ9 9ZX"
# What of the erased order stands in records: its name, its id, raw and hashed e-mail and postcode, a sku of its own.
MARKERS = [
    b"MARKED-4711",
    MARKED_ID.encode(),
    EMAIL.encode(),
    POSTCODE.encode(),
    b"SKU-OF-KIM",
    (email_hash(EMAIL, HASH_KEY) or "").encode(),
    (postcode_hash(POSTCODE, HASH_KEY) or "").encode(),
]
RAW = [EMAIL.encode(), POSTCODE.encode()]


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """One that cleans up all the time, and the directory of its data."""
    properties = {
        "log.cleaner.backoff.ms": "200",
        "log.retention.check.interval.ms": "300",
        "log.segment.delete.delay.ms": "0",
    }
    data = tmp_path_factory.mktemp("broker")
    with EmbeddedCluster(BrokerOptions(data=data, server_properties=properties)) as cluster:
        yield cluster.bootstrap_servers, data


@pytest.fixture
async def tables(broker: tuple[str, Path], topic_prefix: str) -> OrderTables:
    made = OrderTables(broker[0], topic_prefix, broker[1])
    await made.create()
    return made


def ordered(number: int, version: int = 0) -> tuple[str, ShopifyOrder]:
    """An order of somebody else, in one of its versions."""
    at = NOW - timedelta(hours=1) + timedelta(seconds=version)
    order = shopify_order(id=str(number), name=f"#{number}", created_at=NOW - timedelta(days=1), updated_at=at)
    return f"acme/{number}", order


def marked(**changes: object) -> tuple[str, ShopifyOrder]:
    line = {"id": "77", "sku": "SKU-OF-KIM", "quantity": 1, "price": "5.00"}
    values = {"created_at": NOW - timedelta(days=1), "updated_at": NOW - timedelta(hours=1), **changes}
    address = {"country_code": "GB", "zip": POSTCODE}
    order = shopify_order(line, id=MARKED_ID, name="#MARKED-4711", email=EMAIL, shipping_address=address, **values)
    return "acme/MARKED-4711", order


def dated(root: Path, tables: OrderTables, now: datetime) -> RunnerOptions:
    """Rows in this directory, whose clock says that it is `now`."""
    return RunnerOptions(storage=RocksStorage(root, tables.prefix, lambda: now))


async def test_an_erased_order_is_hidden_at_once_and_then_gone_from_the_brokers_disk(
    tables: OrderTables, tmp_path: Path
) -> None:
    state, old = tmp_path / "state", tmp_path / "old"
    # Rows that were last brought up to date longer ago than the topics remember deletions.
    async with tables.running(dated(state, tables, NOW - timedelta(days=8))):
        unreadable = json.dumps({"id": MARKED_ID, "email": EMAIL, "zip": POSTCODE}).encode()
        await tables.send([marked(), ordered(1), ("acme/MARKED-4711", unreadable)])
        await eventually(lambda: _has(tables, "acme/MARKED-4711", True), "stored")
    shutil.copytree(state, old)
    assert {marker: bool(tables.where(marker)) for marker in MARKERS} == dict.fromkeys(MARKERS, True)
    compacted = [tables.cluster.name(name) for name in ("orders", changelog_of(NAME))]
    assert [file for raw in RAW for file in tables.where(raw) if file.startswith(tuple(compacted))] == []
    assert tables.size("dead-letters.order-table") > 0, "the unreadable one is a dead letter, as it came"

    async with tables.running(dated(state, tables, datetime.now(UTC))):
        await tables.send([("acme/?*", erasure(MARKED_ID))], everywhere=True)
        await eventually(lambda: _has(tables, "acme/MARKED-4711", False), "hidden", timeout_s=60)
        await tables.send([marked(updated_at=NOW), marked(), ordered(2)])  # a late webhook, and the import's repeat
        await eventually(lambda: _has(tables, "acme/2", True), "what came after it is handled")
        assert "acme/MARKED-4711" not in await tables.rows()
        await _gone(tables)

    async with tables.running(dated(old, tables, datetime.now(UTC))):
        await tables.send([marked(updated_at=NOW + timedelta(hours=1)), ordered(3)])
        await eventually(lambda: _has(tables, "acme/3", True), "what came after it is handled")
        assert "acme/MARKED-4711" not in await tables.rows()
        await _gone(tables)


async def test_the_last_order_of_an_installation_is_gone_from_the_disk_too_though_nothing_more_comes(
    tables: OrderTables, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk_sweep, "EVERY", timedelta(seconds=1))
    async with tables.running():
        await tables.send([marked()])
        await eventually(lambda: _has(tables, "acme/MARKED-4711", True), "stored")
        await tables.send([("acme/?*", erasure(whole_shop=True))], everywhere=True)
        await eventually(lambda: _has(tables, "acme/MARKED-4711", False), "hidden", timeout_s=60)
        await _gone(tables, with_traffic=False)


async def test_the_changelog_and_the_table_shrink_to_their_live_rows(tables: OrderTables) -> None:
    orders, versions = 20, 20
    async with tables.running():
        written = [ordered(number, version) for version in range(versions) for number in range(orders)]
        await tables.send(written)
        await eventually(lambda: _has(tables, f"acme/{orders - 1}", True), "stored")
        await tables.send([("acme/?*", erasure(whole_shop=True))], everywhere=True)
        await eventually(lambda: _count(tables, 0), "the whole shop is erased", timeout_s=60)
        # By what was written, not by the files: the brokers may have compacted some of them by now.
        tenth = sum(len(order.model_dump_json()) for _, order in written) // 10
        assert tenth > 10_000

        numbers = count(1_000)

        async def small() -> bool:
            """Each further order closes a segment and has the older ones looked at."""
            later = datetime.now(UTC)
            number = next(numbers)
            new = shopify_order(id=str(number), name=f"#{number}", created_at=later, updated_at=later)
            await tables.send([(f"acme/{number}", new)])
            return all(tables.size(name) < tenth for name in ("orders", changelog_of(NAME)))

        await eventually(small, f"smaller than {tenth} bytes, a tenth of what was written", timeout_s=60)
        sent = next(numbers) - 1_000
        await eventually(lambda: _count(tables, sent), "only what came after the erasure is left")


async def test_an_order_that_becomes_too_old_while_nobody_runs_is_deleted_by_the_next_start(
    tables: OrderTables,
) -> None:
    due = datetime.now(UTC) + timedelta(seconds=8)
    created = due.replace(year=due.year - 4)  # of a 29 February there is one then too
    old = shopify_order(name="#1", id="1", created_at=created, updated_at=created)
    async with tables.running(months=48):
        await tables.send([("acme/1", old), ordered(2)])
        await eventually(lambda: _has(tables, "acme/1", True), "stored")

    async with tables.running(months=48):
        await eventually(lambda: _has(tables, "acme/1", False), "deleted")
        assert datetime.now(UTC) >= due
        assert list(await tables.rows()) == ["acme/2"]


async def _has(tables: OrderTables, key: str, wanted: bool) -> bool:
    return (key in await tables.rows()) is wanted


async def _count(tables: OrderTables, wanted: int) -> bool:
    return len(await tables.rows()) == wanted


async def _gone(tables: OrderTables, with_traffic: bool = True) -> None:
    """Until nothing of the order stands on the disk; others' orders close the segments, as in a shop that lives."""
    numbers, found = count(10_000), dict[bytes, list[str]]()

    async def nowhere() -> bool:
        if with_traffic:
            await tables.send([ordered(next(numbers))])
        found.clear()
        found.update({marker: files for marker in MARKERS if (files := tables.where(marker))})
        return not found

    try:
        await eventually(nowhere, "gone from the brokers' disk", timeout_s=60, every_s=0.1)
    except AssertionError as late:
        raise AssertionError(f"{late}: {found}") from None
