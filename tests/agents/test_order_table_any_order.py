"""order-table: webhooks and erasures in any interleaving and repetition leave the same orders."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from unittest import mock

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts import topics
from contracts.orders import OrderErasure
from streams.agents import order_table as module
from streams.agents.order_table import order_table
from streams.engine.driver import AgentTestDriver
from tests.agents.order_table_kit import pipe, table
from tests.builders import HASH_KEY, erasure

ERASED_AT = datetime(2026, 11, 1, 11, tzinfo=UTC)
BEFORE, AFTER = ERASED_AT - timedelta(hours=1), ERASED_AT + timedelta(minutes=1)


@dataclass(frozen=True)
class Version:
    """One webhook about an order. changes: how often the order was changed since its creation."""

    retailer: str
    id: str
    name: str
    created: datetime
    changes: int

    @property
    def updated(self) -> datetime:
        return self.created + timedelta(minutes=self.changes)


ERASURES = (
    erasure("2", "4", "6", "8", "9", retailer="acme"),
    erasure(retailer="gone", whole_shop=True),
    erasure("31", retailer="twins"),
    erasure("1", "5", retailer="other"),
)
VERSIONS = (
    *(Version("acme", str(n), str(n), BEFORE, changes) for n in range(1, 8) for changes in (0, 3)),
    *(Version("gone", str(n), str(n), BEFORE, changes) for n in range(1, 6) for changes in (0, 90)),
    *(Version("gone", str(n), str(n), AFTER, 0) for n in (11, 12)),
    *(Version("twins", id, "7", BEFORE, changes) for id in ("31", "32", "33") for changes in (0, 1)),
    Version("other", "2", "2", BEFORE, 0),
)
TICK = timedelta(0)

Step = Version | OrderErasure | timedelta
Table = dict[str, dict[str, datetime]]


def expected() -> Table:
    """By order key, each order's id and newest version, worked out from the whole history at once."""
    erased = {(what.retailer, id) for what in ERASURES for id in what.order_ids}
    shops = {what.retailer for what in ERASURES if what.whole_shop}
    kept: Table = {}
    for version in VERSIONS:
        covered = version.retailer in shops and version.created <= ERASED_AT
        if covered or (version.retailer, version.id) in erased:
            continue
        orders = kept.setdefault(f"{version.retailer}/{version.name}", {})
        orders[version.id] = max(version.updated, orders.get(version.id, version.updated))
    return kept


def outcome(history: list[Step]) -> Table:
    """What is left of this history, by what a reader of the table sees and by the rows behind it."""
    driver = AgentTestDriver(order_table(HASH_KEY))
    with mock.patch.object(module, "ERASED_AT_ONCE", 2):
        for step in history:
            tell(driver, step)
        driver.advance(TICK)
    assert driver.dead_letters == []
    others = driver.store(driver.agent.stores["other-orders"])
    left: Table = {}
    for key, row in table(driver).items():
        rows = [row, *(others.pop(f"{key}|{id}") for id in row.other_ids)]
        left[key] = {order.id: order.updated_at for order in rows}
    assert others == {}, "no row that nothing leads to"
    assert whereabouts(driver) == {(key, id) for key, orders in left.items() for id in orders}
    return left


def tell(driver: AgentTestDriver, step: Step) -> None:
    if isinstance(step, timedelta):
        driver.advance(step)
    elif isinstance(step, Version):
        created, updated = step.created.isoformat(), step.updated.isoformat()
        pipe(driver, step.retailer, id=step.id, name=f"#{step.name}", created_at=created, updated_at=updated)
    else:
        driver.pipe(topics.ORDER_EVENTS, step, key=f"{step.retailer}/?*", at=ERASED_AT)


def whereabouts(driver: AgentTestDriver) -> set[tuple[str, str]]:
    found = driver.store(driver.agent.stores["whereabouts"]).values()
    return {(row.order_key, row.order_id) for row in found}


@settings(deadline=None, max_examples=60)
@given(st.permutations([*VERSIONS, *ERASURES]), st.lists(st.sampled_from([*VERSIONS, *ERASURES, TICK]), max_size=12))
def test_any_order_and_any_repetition_leave_the_same_orders(history: list[Step], again: list[Step]) -> None:
    assert outcome([*history, *again]) == expected()


@settings(deadline=None, max_examples=40)
@given(st.permutations([*VERSIONS, *ERASURES, *[TICK] * 6, *ERASURES]))
def test_erasures_that_go_on_meanwhile_leave_the_same_orders(history: list[Step]) -> None:
    assert outcome(history) == expected()
