"""return-rules: orders and uploads in any interleaving and repetition give the same decisions."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts import topics
from contracts.model import Model
from contracts.orders import Order
from contracts.returns import ReturnDecision, ReturnUpload
from tests.agents.return_rules_kit import ALWAYS, FAULTY, pipe, with_rules
from tests.builders import unit, upload
from tests.unit.domain.builders import order

UPLOADS = (
    upload(unit(reason="Faulty"), unit("CAP"), rma="R1"),
    upload(unit(action="refund"), rma="R2"),
    upload(unit("CAP", reason="Faulty"), unit("CAP"), rma="R3", consignments=("SEK-3",)),
)
ORDER = order(tags=("vip",), country="AU")


@st.composite
def histories(draw: st.DrawFn) -> list[Model | timedelta]:
    """Three uploads in their sequence, repeats behind their originals, the order anywhere, time passing between."""
    history: list[Model | timedelta] = list(UPLOADS)
    for which in draw(st.lists(st.sampled_from(UPLOADS), max_size=3)):
        history.insert(draw(st.integers(history.index(which) + 1, len(history))), which)
    for _ in range(draw(st.integers(1, 3))):
        history.insert(draw(st.integers(0, len(history))), ORDER)
    for _ in range(draw(st.integers(0, 3))):
        hours = draw(st.sampled_from([1, 30, 50]))
        history.insert(draw(st.integers(0, len(history))), timedelta(hours=hours))
    return history


def outcome(history: list[Model | timedelta]) -> dict[str, Any]:
    """What the newest decision of each return says, apart from how many revisions it took."""
    driver = with_rules(FAULTY, ALWAYS)
    for step in history:
        if isinstance(step, timedelta):
            driver.advance(step)
        elif isinstance(step, ReturnUpload | Order):
            pipe(driver, step)
    told = driver.of(topics.RETURN_DECISIONS, ReturnDecision)
    check_revisions(told)
    assert driver.dead_letters == []
    return {d.rma: [u.model_copy(update={"revision": 0}) for u in d.units] for d in told}


def check_revisions(told: list[ReturnDecision]) -> None:
    """Each return's revisions rise by one, and each unit is decided with the order's facts, exactly once."""
    decided: list[tuple[str, str, int]] = []
    for rma in {d.rma for d in told}:
        mine = [d for d in told if d.rma == rma]
        assert [d.revision for d in mine] == list(range(1, len(mine) + 1))
        for decision in mine:
            fresh = [u for u in decision.units if u.revision == decision.revision and u.option is not None]
            assert not fresh or decision.order is not None
            decided += [(rma, u.sku, u.ordinal) for u in fresh]
    assert len(decided) == len(set(decided)) == sum(len(u.units) for u in UPLOADS)


@settings(max_examples=60)
@given(histories())
def test_any_interleaving_of_orders_and_uploads_gives_the_same_decisions(history: list[Model | timedelta]) -> None:
    assert outcome(history) == outcome([ORDER, *UPLOADS])


@settings(max_examples=40)
@given(histories())
def test_returns_of_one_order_are_decided_in_the_sequence_of_their_first_uploads(
    history: list[Model | timedelta],
) -> None:
    driver = with_rules(FAULTY, ALWAYS)
    sequence: list[str] = []
    for step in history:
        if isinstance(step, timedelta):
            driver.advance(step)
        elif isinstance(step, ReturnUpload | Order):
            told = pipe(driver, step)
            assert [d.more for d in told] == list(reversed(range(len(told))))
            sequence += [d.rma for d in told if d.order is not None]

    assert sequence == ["R1", "R2", "R3"]
