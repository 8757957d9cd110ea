"""The ledger against its reference model, on random histories: every payment and every state, after every step."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from contracts.actions import AlertKind
from contracts.keys import fact_id
from contracts.returns import ReturnDecision, ReturnEvent
from streams.agents.return_actions import return_actions
from streams.engine.driver import AgentTestDriver
from tests.model import steps
from tests.model.reference import Reference
from tests.model.rules_double import ORDER, RulesDouble, event_of
from tests.model.steps import OrderVersion, Step, Told, Upload, Wait
from tests.model.subject import Subject, as_money


@settings(max_examples=800, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps.histories)
def test_every_payment_and_state_is_the_reference_models(history: tuple[Step, ...]) -> None:
    subject, rules, reference = Subject(), RulesDouble(), Reference()
    for step in history:
        subject.driver.advance(step.by if isinstance(step, Wait) else timedelta(seconds=1))
        now = subject.driver.now
        subject.pipe([event_of(step)] if isinstance(step, Told) else rules.tell(now, step))
        reference.tell(now, step)

        assert subject.driver.dead_letters == []
        assert subject.states == {key: unit.state for key, unit in reference.units.items()}
        assert subject.paid == as_money(reference.paid)
        assert len(subject.actions) == len(subject.paid)
        assert subject.ambiguous == {
            fact_id(AlertKind.AMBIGUOUS_EVENT, ORDER, None, None, None, event_id) for event_id in reference.ambiguous()
        }


@st.composite
def promised(draw: st.DrawFn) -> tuple[list[Step], list[Told]]:
    """Uploads and one order version in a fixed sequence, and events, under the conditions of the promise."""
    uploads = draw(st.lists(steps.uploads, min_size=1, max_size=3, unique_by=lambda upload: upload.rma))
    order = OrderVersion(draw(steps.lines(refunds=True)), timedelta(days=-1))
    sequence: list[Step] = [*uploads]
    sequence.insert(draw(st.integers(0, len(uploads))), order)
    hub = steps.hub_events(("label", "first_scan", "depot", "processed", "processed"))
    known = steps.return_events(("label", "delivered", "closed", "processed"))
    told = draw(st.lists(st.one_of(hub, hub, known), min_size=1, max_size=6))
    return sequence, [event for event in told if _as_promised(event, uploads)]


def _as_promised(event: Told, uploads: list[Upload]) -> bool:
    if event.rma is not None:
        return True
    if event.consignment is None:
        return len(uploads) == 1
    return event.meaning != "processed" or sum(event.consignment in upload.consignments for upload in uploads) <= 1


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(promised(), st.randoms(use_true_random=False))
def test_any_order_and_any_repetition_of_the_events_pays_the_same(
    story: tuple[list[Step], list[Told]], random: Random
) -> None:
    sequence, told = story
    expected = run([*decisions(sequence), *map(event_of, told)]).paid
    shuffled = run(interleaved(decisions(sequence), [event_of(event) for event in told], random)).paid
    assert shuffled == expected


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps.histories, st.randoms(use_true_random=False))
def test_repetition_changes_nothing_anywhere(history: tuple[Step, ...], random: Random) -> None:
    # A repeat after its thirty days would be a new event, so here no time passes.
    rules, now = RulesDouble(), AgentTestDriver(return_actions).now
    records: list[ReturnDecision | ReturnEvent] = []
    for step in history:
        records += [event_of(step)] if isinstance(step, Told) else rules.tell(now, step)
    repeated = list(records)
    for record in records:
        first = next(i for i, known in enumerate(repeated) if known is record)
        repeated.insert(random.randint(first + 1, len(repeated)), record.model_copy())
    once, twice = run(records), run(repeated)
    assert twice.paid == once.paid
    assert twice.states == once.states
    assert twice.alerts == once.alerts
    assert len(twice.rows) == len(once.rows)


def decisions(sequence: list[Step]) -> list[ReturnDecision]:
    rules, now = RulesDouble(), AgentTestDriver(return_actions).now
    return [decision for step in sequence for decision in rules.tell(now, step)]


def interleaved(
    decided: list[ReturnDecision], told: list[ReturnEvent], random: Random
) -> list[ReturnDecision | ReturnEvent]:
    """The decisions in their order, the events in any, each twice, anywhere between them."""
    records: list[ReturnDecision | ReturnEvent] = [*decided]
    for event in told * 2:
        records.insert(random.randint(0, len(records)), event)
    return records


def run(records: Iterable[ReturnDecision | ReturnEvent]) -> Subject:
    subject = Subject()
    subject.pipe(records)
    return subject
