"""One random history through the chained agents and through the reference: what differs, and what was done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random

from hypothesis import strategies as st

from tests.model import parcels, steps
from tests.model.chain import HOLD, Chain
from tests.model.knowledge import AnyStep
from tests.model.parcels import Report, events_of
from tests.model.reference import Reference, UnitKey
from tests.model.steps import HoldEnds, OrderVersion, Told, Upload, Wait
from tests.model.subject import ambiguous, as_money

SECOND = timedelta(seconds=1)
# return-rules forgets a return after 400 days, and its parcels with it; no history is that long.
LONGEST = timedelta(days=360)


@dataclass
class Tally:
    """What all histories together did, so that a run that proves nothing shows. Amounts in cents."""

    histories: int = 0
    steps: Counter[str] = field(default_factory=Counter)
    events: Counter[str] = field(default_factory=Counter)
    states: Counter[str] = field(default_factory=Counter)
    paid: Counter[str] = field(default_factory=Counter)
    cents: int = 0
    ambiguous: int = 0

    def count(self, history: Sequence[AnyStep], reference: Reference) -> None:
        """One more history, and how it ended."""
        self.histories += 1
        self.steps.update(type(step).__name__ for step in history)
        self.events.update(told.meaning for step in history for told in events_of(step))
        self.states.update(unit.state for unit in reference.units.values())
        self.paid.update(option for option, _, _ in reference.paid.values())
        self.cents += sum(net for _, net, _ in reference.paid.values())
        self.ambiguous += len(reference.ambiguous()) + len(reference.ambiguous(of_parcels=True))


def follow(history: Sequence[AnyStep], random: Random, tally: Tally | None = None) -> None:
    """AssertionError at the first step after which the agents stand elsewhere than the reference.

    random: in which order, within a step, links, decisions and events reach their readers.
    """
    chain, reference = Chain(pick=random.choice), Reference(hold=HOLD)
    told = list(_shown(history))
    for step in told:
        chain.advance(step.by if isinstance(step, Wait) else SECOND)
        chain.tell(step)
        reference.tell(chain.rules.now, step)

        assert chain.dead_letters == []
        expected = {key: unit.state for key, unit in reference.units.items()}
        assert _ended_alike(chain.actions.states, reference) == _ended_alike(expected, reference)
        assert chain.actions.paid == as_money(reference.paid)
        assert len(chain.actions.actions) == len(reference.paid)
        assert len(chain.actions.ambiguous) == len(reference.ambiguous())
        assert len(ambiguous(chain.scans)) == len(reference.ambiguous(of_parcels=True))
    if tally is not None:
        tally.count(told, reference)


def _ended_alike(states: Mapping[UnitKey, str], reference: Reference) -> dict[UnitKey, str]:
    """An upload that takes a unit out may bring a parcel that was rejected before: which of the two reaches the ledger
    first says whether the unit is withdrawn or stopped. It is not paid and claims nothing either way."""
    return {
        key: "ended" if state in ("withdrawn", "stopped") and reference.stopped(key[0]) else state
        for key, state in states.items()
    }


def _shown(history: Sequence[AnyStep]) -> list[AnyStep]:
    """The history as far as all agents have a hand in it: holds end by the clock, and terms decide on exchanges."""
    kept: list[AnyStep] = []
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


# --- the promise at the end of semantics.md: any order, any repetition

_ON_ITS_WAY = ("label", "first_scan", "in_transit", "out_for_delivery", "delivered", "depot", "exported", "exception")


@st.composite
def promised(draw: st.DrawFn) -> tuple[list[AnyStep], list[AnyStep]]:
    """Uploads (one a return) and one order version in a fixed sequence; events, under the promise's conditions."""
    uploads = draw(st.lists(parcels.uploads, min_size=1, max_size=3, unique_by=lambda upload: upload.rma))
    sequence: list[AnyStep] = [*uploads]
    order = OrderVersion(draw(steps.lines(refunds=True)), timedelta(days=-1))
    sequence.insert(draw(st.integers(0, len(uploads))), order)
    scans = parcels.reports((*_ON_ITS_WAY, "processed"))
    hub = steps.hub_events(("label", "first_scan", "depot", "processed"))
    status = steps.return_events(("closed", "processed"))
    told = draw(st.lists(st.one_of(scans, scans, hub, status), min_size=1, max_size=6))
    return sequence, [step for step in told if _as_promised(step, uploads)]


def _as_promised(step: Report | Told, uploads: list[Upload]) -> bool:
    """A hub event names a consignment or its order has only one return; no RP a consignment of several returns."""
    for event in events_of(step):
        if event.rma is None and event.consignment is None and len(uploads) > 1:
            return False
        carrying = [upload for upload in uploads if event.consignment in upload.consignments]
        if event.rma is None and event.meaning == "processed" and len(carrying) > 1:
            return False
    return True


def permute(sequence: Sequence[AnyStep], told: Sequence[AnyStep], random: Random, tally: Tally | None = None) -> None:
    """AssertionError where events in another order, each twice, and records that are long under way pay otherwise."""
    reference = Reference(hold=HOLD)
    chain = Chain(pick=random.choice)
    for number, step in enumerate([*sequence, *told]):
        reference.tell(chain.rules.now + number * SECOND, step)
    steps_told = list(sequence)
    for step in [*told, *told]:
        steps_told.insert(random.randint(0, len(steps_told)), step)
    for step in steps_told:
        chain.tell(step, deliver=False)
        while chain.under_way and random.random() < 0.7:
            chain.hand_on()
    while chain.under_way:
        chain.hand_on()
    assert chain.dead_letters == []
    assert chain.actions.paid == as_money(reference.paid)
    assert len(chain.actions.actions) == len(reference.paid)
    if tally is not None:
        tally.count(steps_told, reference)
