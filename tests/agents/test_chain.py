"""return-rules, carrier-scans and return-actions: uploads, orders and events go in, payments come out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import permutations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts import topics
from contracts.keys import folded_sku, tracking_key
from contracts.orders import Order, OrderLine
from contracts.retailers import (
    Condition,
    CustomerChoice,
    Dimension,
    Operator,
    Portal,
    Retailer,
    ReturnActionStage,
    Rule,
    RuleOutcome,
    ShopifyAccess,
)
from contracts.returns import ReturnUpload, UploadedUnit
from contracts.tracking import CarrierReport
from streams.agents.carrier_scans import carrier_scans
from streams.agents.return_rules import AGENT as RETURN_RULES
from streams.engine.driver import AgentTestDriver, Written
from tests.builders import hub_report
from tests.model import steps
from tests.model.reference import Reference
from tests.model.rules_double import ORDER, event_of
from tests.model.steps import HoldEnds, Line, OrderVersion, Step, Told, Unit, Upload, Wait
from tests.model.test_ledger_model import Paid, Subject, as_money

# What the customer writes for a content that the rules do not decide.
WORDS = {"other size": "EXCHANGE", "wants a pony": "a pony"}
OUTCOMES = {
    "faulty": RuleOutcome.REFUND,
    "too small": RuleOutcome.REFUND,
    "store credit": RuleOutcome.CREDIT_NOTE,
    "worn": RuleOutcome.NO_ACTION,
}
# Longer than any of these histories: what becomes of a return whose order never comes is return-rules' own matter.
HOLD_HOURS = 24.0 * 90
LONGEST = timedelta(days=85)


def retailer(stage: str, loop: bool) -> Retailer:
    """The retailer as it is at one upload; rules and choice never change here."""
    return Retailer(
        id="acme",
        name="Acme",
        portal=Portal.LOOP if loop else Portal.OMNIRETURNS,
        shopify=ShopifyAccess(shop="acme.myshopify.com"),
        customer_choice=CustomerChoice(enabled=True, exchange=True),
        return_action=ReturnActionStage(stage),
        hold_hours=HOLD_HOURS,
        rules=tuple(Rule(name=said, conditions=(_because(said),), then=then) for said, then in OUTCOMES.items()),
    )


def _because(reason: str) -> Condition:
    return Condition(dimension=Dimension.RETURN_REASON, operator=Operator.EQUAL_TO, operands=(reason,))


def upload_of(upload: Upload) -> ReturnUpload:
    """The upload as it stands on its topic."""
    return ReturnUpload(
        retailer="acme",
        order_name="1001",
        rma=upload.rma,
        units=tuple(
            UploadedUnit(sku=unit.sku, reason=unit.content, return_action=WORDS.get(unit.content, ""))
            for unit in upload.units
        ),
        consignments=tuple(sorted(upload.consignments)),
    )


def order_of(version: OrderVersion, at: datetime) -> Order:
    """The order as order-table keeps it."""
    return Order(
        retailer="acme",
        shop="acme.myshopify.com",
        id="1",
        name="1001",
        created_at=at,
        updated_at=at + version.updated,
        currency="USD",
        total_price=Decimal(100),
        total_line_items_price=Decimal(100),
        lines=tuple(_line(line) for line in version.lines),
    )


def _line(line: Line) -> OrderLine:
    price, discount, tax = (Decimal(cents) / 100 for cents in (line.price, line.discount, line.tax))
    return OrderLine(
        id=line.id,
        sku=line.sku,
        quantity=line.quantity,
        refunded=line.refunded,
        price=price,
        discount=discount,
        tax=tax,
    )


_TO_THE_LEDGER = {topic.name: topic for topic in (topics.RETURN_DECISIONS, topics.RETURN_EVENTS)}


@dataclass
class Chain:
    """The agents; what one writes is handed to the next at once. late: links only once their decision was taken."""

    rules: AgentTestDriver = field(default_factory=lambda: AgentTestDriver(RETURN_RULES))
    scans: AgentTestDriver = field(default_factory=lambda: AgentTestDriver(carrier_scans))
    actions: Subject = field(default_factory=Subject)
    newest: datetime | None = None
    late: bool = False

    def tell(self, step: Step) -> None:
        """One step, at the time that both clocks show."""
        if isinstance(step, Told):
            self.actions.pipe([event_of(step)])
            return
        if isinstance(step, Upload):
            self.rules.retailers["acme"] = retailer(step.stage, step.loop)
            written = self.rules.pipe(topics.RETURN_UPLOADS, upload_of(step), key=ORDER)
        elif isinstance(step, OrderVersion):
            order = order_of(step, self.rules.now)
            if self.newest is not None and order.updated_at <= self.newest:
                return
            self.newest = order.updated_at
            written = self.rules.pipe(topics.ORDERS, order, key=ORDER)
        else:
            return
        links = [record for record in written if record.topic == topics.CONSIGNMENTS.name]
        told = [record for record in written if record.topic != topics.CONSIGNMENTS.name]
        for record in [*told, *links] if self.late else [*links, *told]:
            self._hand_on(record)

    def report(self, said: CarrierReport) -> None:
        """What a carrier or the hub says of a parcel."""
        for record in self.scans.pipe(topics.CARRIER_EVENTS, said, key=tracking_key(said.tracking_number)):
            self._hand_on(record)

    def _hand_on(self, written: Written) -> None:
        record = written.record
        if written.topic == topics.CONSIGNMENTS.name:
            for answer in self.scans.pipe_record(topics.CONSIGNMENTS, record.key, record.value, record.headers):
                self._hand_on(answer)
        elif written.topic in _TO_THE_LEDGER:
            topic = _TO_THE_LEDGER[written.topic]
            self.actions.driver.pipe_record(topic, record.key, record.value, record.headers)

    def advance(self, by: timedelta) -> None:
        """Time passes for all."""
        self.rules.advance(by)
        self.scans.advance(by)
        self.actions.driver.advance(by)

    @property
    def dead_letters(self) -> list[object]:
        """What one of them could not process."""
        return [*self.rules.dead_letters, *self.scans.dead_letters, *self.actions.driver.dead_letters]


def _shown(history: tuple[Step, ...]) -> list[Step]:
    """The history as far as both agents have a hand in it: holds do not end, and exchanges are always offered."""
    kept: list[Step] = []
    waited = timedelta(0)
    for step in history:
        if isinstance(step, Wait):
            if waited + step.by > LONGEST:
                continue
            waited += step.by
        if isinstance(step, HoldEnds):
            continue
        if isinstance(step, Upload) and any(unit.content == "no exchanges" for unit in step.units):
            continue
        kept.append(step)
    return kept


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps.histories, st.booleans())
def test_the_agents_together_do_what_the_reference_model_says(history: tuple[Step, ...], late: bool) -> None:
    chain, reference = Chain(late=late), Reference()
    for step in _shown(history):
        chain.advance(step.by if isinstance(step, Wait) else timedelta(seconds=1))
        chain.tell(step)
        reference.tell(chain.rules.now, step)

        assert chain.dead_letters == []
        assert chain.actions.states == {key: unit.state for key, unit in reference.units.items()}
        assert chain.actions.paid == as_money(reference.paid)


def _units(*said: str) -> tuple[Unit, ...]:
    return tuple(Unit(*each.split("=")) for each in said)


TWO_TEES = OrderVersion((Line("1", "TEE", 2, price=1001, tax=99), Line("2", "CAP", 1)), timedelta(days=-1))
ONE_REFUNDED = OrderVersion((Line("1", "TEE", 3, refunded=1, price=1000, discount=100),), timedelta(days=-1))

# What stays in its sequence (uploads), what may come at any time (the order, events).
SMALL: dict[str, tuple[list[Upload], list[Step]]] = {
    "two returns fight for two units, one scan each": (
        [
            Upload("A", _units("TEE=faulty", "CAP=store credit"), frozenset({"P1"})),
            Upload("B", _units("TEE=other size", "TEE=faulty"), frozenset({"P2"})),
        ],
        [TWO_TEES, Told("delivered", consignment="P1"), Told("in_transit", rma="B"), Told("in_transit", rma="B")],
    ),
    "one parcel carries both": (
        [
            Upload("A", _units("TEE=faulty"), frozenset({"P1"})),
            Upload("B", _units("TEE=faulty", "TEE=worn"), frozenset({"P1"})),
        ],
        [ONE_REFUNDED, Told("label", consignment="P1"), Told("depot", consignment="P1")],
    ),
    "units processed one by one": (
        [Upload("A", _units("TEE=worn", "TEE=faulty", "CAP=faulty"), stage="processing")],
        [
            TWO_TEES,
            Told("processed", number=1, items=(("TEE", 1),)),
            Told("processed", number=2, items=(("tee", 1),)),
            Told("processed", number=1, items=(("TEE", 1), ("CAP", 1))),
        ],
    ),
}


@pytest.mark.parametrize("story", list(SMALL))
def test_every_interleaving_of_a_small_history_pays_the_same(story: str) -> None:
    uploads, rest = SMALL[story]
    outcomes: set[frozenset[object]] = set()
    for sequence in set(permutations([*uploads, *rest])):
        if [step for step in sequence if isinstance(step, Upload)] == uploads:
            outcomes.add(frozenset(_run(sequence).items()))
    assert len(outcomes) == 1
    assert next(iter(outcomes))


def _run(sequence: Iterable[Step]) -> Paid:
    chain = Chain()
    for step in sequence:
        chain.tell(step)
    assert chain.dead_letters == []
    return chain.actions.paid


@pytest.mark.parametrize("late", [False, True], ids=["link first", "decision first"])
def test_a_rejection_kept_for_its_parcel_stops_a_return_that_is_due_at_its_decision(late: bool) -> None:
    chain = Chain(late=late)
    chain.report(hub_report("RR"))
    for step in (TWO_TEES, Told("depot"), Upload("R1", _units("TEE=faulty"), frozenset({"SEK1"}))):
        chain.tell(step)
    assert chain.actions.paid == {}
    assert list(chain.actions.states.values()) == ["stopped"]


def test_a_unit_that_waits_for_its_parcels_history_says_so_and_pays_with_it() -> None:
    chain = Chain(late=True)
    chain.tell(TWO_TEES)
    chain.tell(Told("depot"))
    chain.tell(Upload("R1", _units("TEE=faulty"), frozenset({"SEK1"})))
    assert [row.waiting_for for row in chain.actions.rows] == ["history of parcel SEK1", None]
    assert list(chain.actions.states.values()) == ["acted"]


def test_a_unit_is_known_by_its_folded_sku_along_the_whole_chain() -> None:
    paid = _run([TWO_TEES, Upload("A", _units(" tee=faulty")), Told("delivered", rma="A")])
    assert list(paid) == [("A", folded_sku("TEE"), 1)]
