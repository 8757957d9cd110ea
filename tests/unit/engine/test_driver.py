"""The driver does what a real task does, so that what holds in it holds in production."""

from __future__ import annotations

from datetime import timedelta

import pytest

from streams.engine.driver import AgentTestDriver
from tests.builders import retailer
from tests.unit.engine.toys import ECHOES, LABELS, NUMBERS, TOTALS, Count, Echo, Label, Nudge, Number, Reply, toy_agent

SECOND = timedelta(seconds=1)


@pytest.fixture
def driver() -> AgentTestDriver:
    return AgentTestDriver(toy_agent())


def told(driver: AgentTestDriver) -> list[str]:
    return [echo.what for echo in driver.of(ECHOES, Echo)]


def test_in_and_out(driver: AgentTestDriver) -> None:
    driver.pipe(LABELS, Label(text="red"), key="k")
    written = driver.pipe(NUMBERS, Number(n=3), key="k")

    assert [w.topic for w in written] == ["totals", "echoes"]
    assert written[1].read(Echo) == Echo(what="counted", n=3, label="red")
    assert driver.store(driver.agent.stores["counts"]) == {"k": Count(n=1)}
    driver.pipe(NUMBERS, Nudge(), key="k")
    assert driver.written[-1].value is None
    assert driver.of(TOTALS, Count) == [Count(n=1)]
    with pytest.raises(ValueError, match="tombstone"):
        driver.written[-1].read(Count)


def test_the_clock_stops_at_each_timer_on_the_way(driver: AgentTestDriver) -> None:
    start = driver.now
    for key, seconds in (("late", 20), ("early", 10), ("never", 3600)):
        driver.pipe(NUMBERS, Number(ring_s=seconds), key=key)
    written = driver.advance(timedelta(minutes=1))

    assert [(w.key, w.envelope.time) for w in written] == [
        ("early", start + 10 * SECOND),
        ("late", start + 20 * SECOND),
    ]
    assert driver.now == start + timedelta(minutes=1)


def test_calls_wait_for_answers_and_repeat_after_their_deadline(driver: AgentTestDriver) -> None:
    driver.pipe(NUMBERS, Number(ask="a1"), key="k")
    driver.pipe(NUMBERS, Number(ask="a2"), key="k")
    (lost,) = driver.calls
    driver.advance(timedelta(seconds=10))
    (call,) = driver.calls

    assert (lost.id, lost.attempt, call.id, call.attempt) == ("a1", 1, "a1", 2)
    driver.answer(call, Reply(text="later", again_s=5))
    assert driver.calls == []
    driver.advance(5 * SECOND)
    driver.answer(driver.calls[0], Reply(text="yes"))
    assert [c.id for c in driver.calls] == ["a2"]
    assert told(driver) == ["counted", "counted", "told later", "told yes"]


def test_unknown_retailers_are_waited_for(driver: AgentTestDriver) -> None:
    driver.pipe(NUMBERS, Number(retailer="acme"), key="k")
    driver.retailers["acme"] = retailer("acme")
    driver.advance(SECOND)

    assert told(driver) == ["counted"]


def test_dead_letters_can_be_read_whatever_is_wrong_with_them(driver: AgentTestDriver) -> None:
    driver.pipe_record(NUMBERS, b"\xff", b"junk", (("ce_time", b"never"), ("ce_id", b"\xff")))
    driver.pipe(NUMBERS, Number(fail=True), key="k")

    assert [dict(d.record.headers)["dl_kind"] for d in driver.dead_letters] == [b"poison", b"bug"]
    assert driver.dead_letters[0].value == b"junk"
