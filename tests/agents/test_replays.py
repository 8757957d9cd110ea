"""Replaying what any agent of the chain was given: what failed is made up for, and nothing acts a second time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
from structlog.testing import capture_logs

from contracts import topics
from contracts.topics import Topic
from streams.engine import dead_letters
from streams.engine.driver import AgentTestDriver, Written
from streams.engine.records import OutRecord, Record
from streams.engine.timers import millis
from streams.letters import Letter, letter_of
from streams.replays import replay_of, why_not
from tests.builders import hub_report, parcel_report, scan
from tests.model.chain import Chain
from tests.model.steps import Line, OrderVersion, Unit, Upload

ORDER = OrderVersion((Line("1", "TEE", 2, price=1000, tax=100), Line("2", "CAP", 1)))
UPLOAD = Upload("R1", (Unit("TEE", "faulty"), Unit("CAP", "store credit")), frozenset({"SEK1"}))
# What a story hands to each agent, in this order: see `played`.
INPUTS = 8


class Broken(Exception):
    """What a handler raises that was deployed with a mistake in it."""


@dataclass
class Watched:
    """Every input of every agent as it was piped, and the letters of those that were made to fail."""

    breaks_at: int | None = None
    inputs: list[tuple[AgentTestDriver, Topic, Letter]] = field(default_factory=list)
    failed: list[tuple[AgentTestDriver, Topic, Letter]] = field(default_factory=list)


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    """Sees every input of every driver; the one with the number `breaks_at` meets a broken handler."""
    seen = Watched()
    pipe = AgentTestDriver.pipe_record

    def watching(driver: AgentTestDriver, topic: Topic, *record: Any, **more: Any) -> list[Written]:
        number = len(seen.inputs)
        key, value, headers = (*record, ())[:3]
        came = Record(topic.name, 0, number, millis(driver.now), key, value, headers)
        seen.inputs.append((driver, topic, kept(driver, came)))
        if number != seen.breaks_at:
            return pipe(driver, topic, *record, **more)
        seen.failed.append(seen.inputs[-1])
        handlers = dict(driver.agent.handlers)
        driver.agent.handlers.update(dict.fromkeys(handlers, broken))
        try:
            return pipe(driver, topic, *record, **more)
        finally:
            driver.agent.handlers.update(handlers)

    monkeypatch.setattr(AgentTestDriver, "pipe_record", watching)
    with capture_logs():
        yield seen


def broken(event: Any, ctx: Any) -> None:
    raise Broken


def kept(driver: AgentTestDriver, came: Record) -> Letter:
    """The letter that the record would become, as it is read back."""
    out = dead_letters.letter(driver.agent.name, came, Broken())
    return letter_of(driver.agent.name, Record(out.topic, 0, 5, millis(driver.now), out.key, out.value, out.headers))


def played() -> Chain:
    """An upload, its order, its carrier's scan and the hub's word, through to the payments."""
    chain = Chain()
    chain.tell(UPLOAD)
    chain.tell(ORDER)
    chain.report(parcel_report(scan("OP-3"), number="SEK1"))
    chain.report(hub_report("RD", number="SEK1"))
    return chain


def replay(chain: Chain, watched: Watched, letters: list[tuple[AgentTestDriver, Topic, Letter]]) -> int:
    """Send these letters again to every agent of their topic; how many could be sent."""
    watched.breaks_at = None
    drivers = {id(driver): driver for driver, _, _ in watched.inputs}.values()
    sent = 0
    for _, topic, letter in letters:
        if why_not(letter) is not None:
            assert topic is topics.ORDERS
            continue
        out = replay_of(letter, millis(letter.at))
        sent += 1
        for driver in drivers:
            if topic.name in driver.agent.inputs:
                chain.wrote(driver, to(driver, topic, out))
    return sent


def to(driver: AgentTestDriver, topic: Topic, out: OutRecord) -> list[Written]:
    return driver.pipe_record(topic, out.key, out.value, out.headers)


def paid(chain: Chain) -> list[str]:
    return sorted(action.action_id for action in chain.actions.actions)


def test_the_story_pays_and_every_kind_of_input_is_in_it(watched: Watched) -> None:
    chain = played()
    assert len(paid(chain)) == 2
    assert len(watched.inputs) >= INPUTS
    assert {topic.name for _, topic, _ in watched.inputs} == {
        "return-uploads",
        "orders",
        "carrier-events",
        "consignments",
        "return-decisions",
        "return-events",
    }


def test_replaying_all_that_was_handled_already_acts_on_nothing_again(watched: Watched) -> None:
    chain = played()
    before = paid(chain)

    assert replay(chain, watched, list(watched.inputs)) >= 4
    assert paid(chain) == before
    assert chain.dead_letters == []


@pytest.mark.parametrize("number", range(INPUTS))
def test_what_failed_once_is_made_up_for_by_its_replay(watched: Watched, number: int) -> None:
    watched.breaks_at = number
    chain = played()
    ((driver, topic, letter),) = watched.failed
    assert [(kept.record.key, kept.value) for kept in driver.dead_letters] == [(letter.key, letter.value)]
    if topic is topics.ORDERS:
        assert "could overwrite it" in (why_not(letter) or "")
        return

    assert replay(chain, watched, watched.failed) == 1
    assert len(paid(chain)) == 2
    assert replay(chain, watched, watched.failed) == 1, "with --again"
    assert len(paid(chain)) == 2


def test_a_link_that_failed_tells_when_it_is_replayed_what_was_known_of_its_parcel(watched: Watched) -> None:
    """Its row is there since it failed, so that nobody would tell the return of the scan that came before it."""
    chain = Chain()
    chain.tell(ORDER)
    chain.report(parcel_report(scan("OP-3"), number="SEK1"))
    watched.breaks_at = len(watched.inputs) + 1  # behind the upload comes its link
    chain.tell(UPLOAD)
    assert [topic.name for _, topic, _ in watched.failed] == ["consignments"]
    chain.report(parcel_report(scan("OP-3"), number="SEK1"))
    assert paid(chain) == []

    assert replay(chain, watched, watched.failed) == 1
    assert len(paid(chain)) == 2
