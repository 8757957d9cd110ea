"""return-rules, carrier-scans and return-actions: uploads, orders and events go in, payments come out."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from itertools import permutations
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.keys import folded_sku
from tests.builders import hub_report
from tests.model import parcels
from tests.model.chain import Chain, Pick, decisions_first, links_first
from tests.model.differences import follow, permute, promised
from tests.model.knowledge import AnyStep
from tests.model.steps import Line, OrderVersion, Step, Told, Unit, Upload
from tests.model.subject import Paid


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(parcels.histories, st.randoms(use_true_random=False))
def test_the_agents_together_do_what_the_reference_model_says(history: tuple[AnyStep, ...], random: Random) -> None:
    # `python -m tests.model` runs as many as wanted.
    follow(history, random)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(promised(), st.randoms(use_true_random=False))
def test_any_order_any_repetition_and_any_delay_between_agents_pay_the_same(
    story: tuple[list[AnyStep], list[AnyStep]], random: Random
) -> None:
    permute(*story, random)


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


@pytest.mark.parametrize("pick", [links_first, decisions_first])
def test_a_rejection_kept_for_its_parcel_stops_a_return_that_is_due_at_its_decision(pick: Pick) -> None:
    chain = Chain(pick=pick)
    chain.report(hub_report("RR"))
    for step in (TWO_TEES, Told("depot"), Upload("R1", _units("TEE=faulty"), frozenset({"SEK1"}))):
        chain.tell(step)
    assert chain.actions.paid == {}
    assert list(chain.actions.states.values()) == ["stopped"]


def test_a_unit_that_waits_for_its_parcels_history_says_so_and_pays_with_it() -> None:
    chain = Chain(pick=decisions_first)
    chain.tell(TWO_TEES)
    chain.tell(Told("depot"))
    chain.tell(Upload("R1", _units("TEE=faulty"), frozenset({"SEK1"})))
    assert [row.waiting_for for row in chain.actions.rows] == ["history of parcel SEK1", None]
    assert list(chain.actions.states.values()) == ["acted"]


def test_a_unit_is_known_by_its_folded_sku_along_the_whole_chain() -> None:
    paid = _run([TWO_TEES, Upload("A", _units(" tee=faulty")), Told("delivered", rma="A")])
    assert list(paid) == [("A", folded_sku("TEE"), 1)]
