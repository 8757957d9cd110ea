"""A record whose consequence the brokers would never take is undone alone: its batch would be redone for ever."""

from __future__ import annotations

from contracts.topics import MAX_MESSAGE_BYTES
from streams.engine.dead_letters import letter
from streams.engine.driver import AgentTestDriver, Written
from streams.engine.errors import ContractViolation
from streams.engine.sizes import MOST_BYTES
from streams.letters import letter_of
from streams.replays import why_not
from tests.unit.engine.toys import ECHOES, LABELS, NUMBERS, TOTALS, Count, Echo, Label, Number, record, toy_agent

TEN_MIB = 10 * 1024 * 1024


def letters(written: list[Written]) -> list[Written]:
    return [each for each in written if each.topic == "dead-letters.toy"]


def test_what_waits_and_is_too_large_for_a_row_is_a_dead_letter_at_once() -> None:
    driver = AgentTestDriver(toy_agent())
    written = driver.pipe(NUMBERS, Number(n=1, retailer="nobody", pad="x" * TEN_MIB), key="k")

    (kept,) = letters(written)
    assert kept.value is not None
    assert len(kept.value) > TEN_MIB
    assert dict(kept.record.headers)["dl_error"] == b"TooLarge"
    assert [each.key for each in driver.pipe(NUMBERS, Number(n=2), key="k")] == ["k", "k"], "nothing waits before it"


def test_a_record_that_would_write_more_than_the_brokers_take_leaves_nothing_but_a_letter() -> None:
    driver = AgentTestDriver(toy_agent())
    written = driver.pipe(NUMBERS, Number(n=1, grow=MAX_MESSAGE_BYTES), key="k")

    assert written == letters(written)
    assert dict(written[0].record.headers)["dl_kind"] == b"poison"
    (echo, total) = driver.pipe(NUMBERS, Number(n=2), key="k")
    assert {echo.topic, total.topic} == {ECHOES.name, TOTALS.name}
    assert driver.of(TOTALS, Count)[-1] == Count(n=1), "as if the first had never come"


def test_a_letter_that_would_be_too_large_holds_no_bytes_and_says_where_they_stand() -> None:
    came = record(b"x" * (MOST_BYTES - 10), offset=7, headers=(("ce_source", b"y" * 100),))
    out = letter("toy", came, ContractViolation("no number"))

    assert out.value is None
    kept = letter_of("toy", came._replace(topic=out.topic, value=out.value, headers=out.headers))
    assert kept.place == "numbers[0]@7"
    assert kept.facts["cut"] == str(MOST_BYTES - 10)
    assert "stand at numbers[0]@7 alone" in (why_not(kept) or "")


def test_a_letter_holds_neither_headers_nor_a_key_that_are_too_large() -> None:
    came = record(b"{}", key=b"k" * MOST_BYTES, headers=(("ce_source", b"y" * MOST_BYTES),))
    out = letter("toy", came, ContractViolation("no number"))

    assert out.key is None
    assert sum(len(value) for _, value in out.headers) < 10_000


def test_the_row_that_a_mirrored_record_is_holds_even_where_nothing_can_follow_from_it() -> None:
    """An order is there, though all decisions that its coming brings are more than one record."""
    driver = AgentTestDriver(toy_agent())
    written = driver.pipe(LABELS, Label(text="red", grow=MAX_MESSAGE_BYTES), key="k")
    assert written == letters(written)

    driver.pipe(NUMBERS, Number(n=2), key="k")
    assert driver.of(ECHOES, Echo)[-1].label == "red"
