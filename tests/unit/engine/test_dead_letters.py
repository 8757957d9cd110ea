"""A dead letter is the record as it came, and says beside it whence, why and how often."""

from __future__ import annotations

from typing import Any

import pytest

from streams.engine.dead_letters import MESSAGE_BYTES, Replay, is_for_another, letter
from streams.engine.driver import AgentTestDriver
from streams.engine.errors import Undecodable
from streams.engine.records import Record
from tests.unit.engine.toys import ECHOES, LABELS, NUMBERS, Echo, Label, Number, toy_agent

CAME = Record("numbers", 3, 17, 1_793_534_400_000, b"\xffkey", b"\x00junk", (("ce_id", b"\xff"), ("x", b"1")))


def test_bytes_and_headers_as_they_came_and_the_reason_beside_them() -> None:
    out = letter("toy", CAME, Undecodable("no good"))

    assert (out.topic, out.partition, out.key, out.value) == ("dead-letters.toy", 0, CAME.key, CAME.value)
    assert out.headers[:2] == CAME.headers
    assert dict(out.headers[2:]) == {
        "dl_topic": b"numbers",
        "dl_partition": b"3",
        "dl_offset": b"17",
        "dl_timestamp": b"1793534400000",
        "dl_kind": b"poison",
        "dl_error": b"Undecodable",
        "dl_message": b"no good",
        "dl_attempt": b"1",
    }


def test_anything_not_poison_is_a_bug() -> None:
    assert dict(letter("toy", CAME, KeyError("x")).headers)["dl_kind"] == b"bug"


def test_a_long_message_is_cut_between_characters() -> None:
    message = dict(letter("toy", CAME, ValueError("é" * 5000 + "\udcff")).headers)["dl_message"]
    odd = dict(letter("toy", CAME, ValueError("x" + "é" * 5000)).headers)["dl_message"]

    assert len(message) <= MESSAGE_BYTES
    assert set(odd.decode()) == {"x", "é"}


REPLAYED = CAME._replace(headers=(*CAME.headers, *Replay(of=5, attempt=2, agent="toy").headers))


def test_a_replay_that_fails_again_is_a_letter_of_the_next_attempt_with_the_first_ones_headers() -> None:
    out = letter("toy", REPLAYED, KeyError("x"))
    facts = dict(out.headers[2:])

    assert out.headers[:2] == CAME.headers
    assert (facts["dl_attempt"], facts["dl_replay_of"]) == (b"3", b"5")
    assert "dl_replay_for" not in facts


@pytest.mark.parametrize(
    "headers",
    [
        (("dl_replay_for", b"other"),),
        (("dl_replay_of", b"x"), ("dl_attempt", b"1"), ("dl_replay_for", b"other")),
        (("dl_replay_of", b"1"), ("dl_replay_for", b"other"), ("dl_attempt", b"1")),
        (("dl_replay_of", None), ("dl_attempt", None), ("dl_replay_for", None)),
        (("dl_replay_of", b"1" * 5000), ("dl_attempt", b"1"), ("dl_replay_for", b"other")),
    ],
    ids=["alone", "no number", "in another order", "null", "a number without an end"],
)
def test_headers_that_only_look_like_a_replay_change_nothing(headers: Any) -> None:
    record = CAME._replace(headers=headers)

    assert not is_for_another("toy", record)
    assert letter("toy", record, KeyError("x")).headers[: len(headers)] == headers


class TestForWhom:
    """A replay is for one agent, and all others pass it over."""

    def piped(self, agent: str) -> AgentTestDriver:
        driver = AgentTestDriver(toy_agent())
        headers = Replay(of=5, attempt=1, agent=agent).headers
        driver.pipe_record(NUMBERS, b"k", Number(n=7).model_dump_json().encode(), headers)
        driver.pipe_record(NUMBERS, b"k", b"junk", headers)
        return driver

    def test_the_one_that_failed_handles_it(self) -> None:
        driver = self.piped("toy")
        assert [echo.n for echo in driver.of(ECHOES, Echo)] == [7]
        assert [dict(w.record.headers)["dl_attempt"] for w in driver.dead_letters] == [b"2"]

    def test_another_passes_it_over_whatever_it_is(self) -> None:
        assert self.piped("other").written == []

    def test_a_mirror_takes_the_row_all_the_same(self) -> None:
        """A restore reads the topic without asking for whom a row was."""
        driver = AgentTestDriver(toy_agent())
        headers = Replay(of=5, attempt=1, agent="other").headers
        driver.pipe_record(LABELS, b"k", Label(text="new").model_dump_json().encode(), headers)
        driver.pipe(NUMBERS, Number(), key="k")
        assert driver.of(ECHOES, Echo)[-1].label == "new"
