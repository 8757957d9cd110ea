"""What the topics say of deliveries, folded: against what the agent itself would say, whatever happened before."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.returns import Meaning
from contracts.tracking import Delivery
from streams.deliveries.overview import Filter, Overview, State, Totals
from streams.engine import queued
from streams.engine.driver import START
from streams.engine.queued import Queued
from tests.builders import retailer
from tests.unit.deliveries.world import RETAILERS, URL, World

EVERYTHING = frozenset(State)


@pytest.fixture
def world() -> World:
    return World()


def states(world: World, wanted: frozenset[State] = EVERYTHING, limit: int = 100) -> list[tuple[str, str]]:
    with closing(world.overview()) as found:
        return [(each.state.value, each.code) for each in found.first(wanted, limit)]


class TestStates:
    def test_what_was_never_tried_is_owed_and_so_is_what_is_tried_for_the_first_time(self, world: World) -> None:
        world.happens(Meaning.DELIVERED)

        assert states(world) == [("owed", "RT"), ("owed", "RDTPF")]

    def test_what_failed_is_failing_and_what_waits_behind_it_is_owed(self, world: World) -> None:
        world.happens(Meaning.DELIVERED)
        world.answers(503)
        world.driver.advance(timedelta(seconds=5))

        with closing(world.overview()) as found:
            head, behind = found.first(EVERYTHING, 100)
        assert (head.state, head.attempt, behind.state, behind.attempt) == (State.FAILING, 2, State.OWED, 0)
        assert head.last is not None
        assert head.last.status == 503
        assert head.next_at is not None
        assert behind.next_at is None

    def test_what_ended_is_delivered_or_given_up(self, world: World) -> None:
        world.happens(Meaning.FIRST_SCAN)
        world.answers(200)
        world.happens(Meaning.FIRST_SCAN, order="acme/1002")
        world.answers(410)

        assert states(world) == [("given-up", "RT"), ("delivered", "RT")]
        assert world.totals() == [Totals("acme", delivered=1, given_up=1)]

    def test_what_was_given_up_and_is_owed_again_is_owed(self, world: World) -> None:
        world.happens(Meaning.FIRST_SCAN)
        world.answers(410)
        world.asks_again(world.told()[-1])

        assert states(world) == [("owed", "RT")]
        world.answers(200)
        assert states(world) == [("delivered", "RT")]

    def test_what_was_given_up_and_is_tried_again_has_not_ended(self, world: World) -> None:
        """Its hook was changed. A replay reads attempts alone, and must not ask for what is owed."""
        world.happens(Meaning.FIRST_SCAN)
        world.answers(410)
        for name in RETAILERS:
            world.driver.retailers[name] = retailer(name, hook=f"{URL}/2")
        world.driver.advance(timedelta(minutes=6))
        world.answers(503)

        with closing(Overview(Filter(), world.driver.now)) as found:
            found.told(world.told())
            assert list(found.ended(EVERYTHING)) == []

    def test_the_oldest_is_the_oldest_that_is_owed(self, world: World) -> None:
        world.happens(Meaning.FIRST_SCAN)
        world.driver.advance(timedelta(hours=1))
        world.happens(Meaning.FIRST_SCAN, order="bolt/1")
        world.driver.advance(timedelta(hours=1))

        assert [(each.retailer, each.oldest) for each in world.totals()] == [
            ("acme", START),
            ("bolt", START + timedelta(hours=1)),
        ]


class TestFilters:
    @pytest.fixture(autouse=True)
    def _some(self, world: World) -> None:
        world.happens(Meaning.FIRST_SCAN)
        world.happens(Meaning.FIRST_SCAN, order="acme/1002")
        world.answers(200)
        world.driver.advance(timedelta(hours=2))
        world.happens(Meaning.FIRST_SCAN, order="acme/1003")
        world.happens(Meaning.FIRST_SCAN, order="bolt/1")

    def test_of_one_retailer(self, world: World) -> None:
        assert [each.retailer for each in world.totals(Filter("bolt"))] == ["bolt"]
        assert [each.retailer for each in world.totals(Filter("bol"))] == []

    def test_since(self, world: World) -> None:
        (acme, _) = world.totals(Filter(since=world.driver.now - timedelta(hours=1)))
        assert acme == Totals("acme", owed=1, oldest=world.driver.now)

    def test_a_limit_takes_the_oldest(self, world: World) -> None:
        with closing(world.overview()) as found:
            assert [each.order_key for each in found.first(frozenset({State.OWED, State.FAILING}), 2)] == [
                "acme/1002",
                "acme/1003",
            ]


def test_what_ended_while_the_topics_were_read_is_not_owed_any_more(world: World) -> None:
    """The changelog is read first."""
    world.happens(Meaning.DELIVERED)
    found = Overview(Filter(), world.driver.now, keep_delivered=True)
    found.owes(world.log.said)
    found.owed_read(100)
    world.answers(200)
    found.told(world.told())

    with closing(found):
        assert [(each.state, each.code) for each in found.first(EVERYTHING, 9)] == [
            (State.OWED, "RDTPF"),
            (State.DELIVERED, "RT"),
        ]


STEPS = st.one_of(
    st.tuples(
        st.just("event"),
        st.sampled_from([Meaning.FIRST_SCAN, Meaning.DELIVERED, Meaning.DEPOT, Meaning.EXPORTED]),
        st.sampled_from(["acme/1", "acme/1|2", "bolt/1"]),
        st.sampled_from(["R1", "R2"]),
    ),
    st.tuples(st.just("answer"), st.sampled_from([200, 200, 500, 422, 410, None])),
    st.tuples(st.just("wait"), st.sampled_from([5, 20, 60, 400])),
    st.tuples(st.just("change"), st.integers(1, 3)),
    st.tuples(st.just("again"), st.integers(0, 20)),
)


def play(world: World, steps: list[tuple[Any, ...]]) -> None:
    for kind, *values in steps:
        if kind == "event":
            world.happens(*values)
        elif kind == "answer" and world.driver.calls:
            world.answers(values[0])
        elif kind == "wait":
            world.driver.advance(timedelta(seconds=values[0]))
        elif kind == "change":
            for name in RETAILERS:
                world.driver.retailers[name] = retailer(name, hook=f"{URL}/{values[0]}")
        elif kind == "again":
            ended = [each for each in world.told() if each.next_at is None]
            if ended:
                world.asks_again(ended[values[0] % len(ended)])


def owed_by_the_agent(world: World) -> Iterator[tuple[str, str]]:
    """As the agent's own rows have it: retailer and id. Not what waits for a person."""
    driver = world.driver
    waiting = {parked.call_id for parked in driver.store(driver.agent.stores["parked"]).values()}
    read = queued.reader("hook")
    for key, row in world.log.scan("$outbox.hook"):
        said = read(f"$outbox.hook/{key}".encode(), row)
        assert isinstance(said, Queued)
        if said.id not in waiting:
            yield said.key.split("/")[0], said.id


def newest(world: World, delivery_id: str) -> Delivery:
    return [each for each in world.told() if each.delivery_id == delivery_id][-1]


@given(st.lists(STEPS, max_size=40), st.integers(1, 7))
@settings(max_examples=60, deadline=None)
def test_totals_and_single_ones_are_what_the_agent_owes_and_what_it_told(
    steps: list[tuple[Any, ...]], chunk: int
) -> None:
    world = World()
    play(world, steps)
    owed = list(owed_by_the_agent(world))
    last = {each.delivery_id: each for each in world.told() if each.next_at is None}
    owed_ids = {delivery_id for _, delivery_id in owed}
    given_up = [each for each in last.values() if each.result != "delivered" and each.delivery_id not in owed_ids]
    with closing(world.overview(chunk=chunk)) as found:
        totals, open_ones = found.totals(), found.first(frozenset({State.OWED, State.FAILING}), 1000)

    assert len(owed) == len(owed_ids)
    assert sorted(each.delivery_id for each in open_ones) == sorted(id for _, id in owed)
    assert {each.retailer: each.owed + each.failing for each in totals if each.owed + each.failing} == Counter(
        name for name, _ in owed
    )
    assert sum(each.given_up for each in totals) == len(given_up)
    assert sum(each.delivered for each in totals) == sum(each.result == "delivered" for each in world.told())
    # What `replay` would ask for: it reads the attempts alone.
    with closing(Overview(Filter(), world.driver.now, keep_delivered=True)) as found:
        found.told(world.told())
        ended = {each.delivery_id for each in found.ended(EVERYTHING)}
    tried_since = {each.delivery_id for each in world.told() if each.next_at is not None} & owed_ids
    assert not {id for id in ended & tried_since if newest(world, id).next_at is not None}
    heads = [each for each in open_ones if each.next_at is not None]
    held = set(world.driver.store(world.driver.agent.stores["parked"]))
    assert len({each.order_key for each in heads}) == len(heads) == len({each.order_key for each in open_ones} - held)


class TestWaitingForLongerThanAttemptsAreKept:
    """Nothing is forgotten that waits for a person: its queue has it."""

    @pytest.fixture(autouse=True)
    def _parked(self, world: World) -> None:
        world.happens(Meaning.DELIVERED)
        world.answers(410)

    @staticmethod
    def without_attempts(world: World) -> Overview:
        found = Overview(Filter(), world.driver.now)
        found.owes(world.log.said)
        found.owed_read(100)
        return found

    def test_it_is_seen(self, world: World) -> None:
        with closing(self.without_attempts(world)) as found:
            given_up, *_ = found.first(frozenset({State.GIVEN_UP}), 9)
            assert found.totals() == [Totals("acme", owed=1, given_up=1, oldest=START)]
        assert (given_up.code, given_up.since) == ("RT", START)
        assert given_up.last is not None
        assert given_up.last.error == "its attempts are kept no longer"

    def test_an_attempt_that_is_kept_says_more(self, world: World) -> None:
        with closing(world.overview()) as found:
            [given_up] = found.first(frozenset({State.GIVEN_UP}), 9)
        assert given_up.last is not None
        assert given_up.last.status == 410
