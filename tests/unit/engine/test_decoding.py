"""From bytes to an event, or to poison that says what is wrong and where, but never repeats a value."""

from __future__ import annotations

import pytest

from contracts.topics import Topic
from streams.engine.decoding import read_event
from streams.engine.errors import ContractViolation, Poison, Undecodable
from streams.engine.records import Record
from tests.unit.engine.toys import LABELS, NUMBERS, Label, Nudge, Number, record

# None at all; in seconds, in microseconds, in nanoseconds; the last that fits.
NO_TIMES = (-1, 1_793_534_400, 1_793_534_400_000_000, 1_793_534_400_000_000_000, 2**63 - 1)


def test_the_type_decides_the_model_and_its_absence_means_the_first() -> None:
    plain, _ = read_event(NUMBERS, record(Number(n=3)))
    model, event = read_event(NUMBERS, record(Nudge(why="x"), headers=(("ce_type", b"toy.nudge"),)))

    assert (plain, model, event.key, event.value) == (Number, Nudge, "k", Nudge(why="x"))


def test_a_tombstone_of_a_compacted_topic_has_no_value() -> None:
    model, event = read_event(LABELS, record(None, topic="labels"))

    assert (model, event.value) == (Label, None)


@pytest.mark.parametrize(
    ("topic", "bad", "kind", "says"),
    [
        (NUMBERS, record(Number(), key=None), Undecodable, "no key"),
        (NUMBERS, record(Number(), key=b"\xff"), Undecodable, "key is not UTF-8"),
        (NUMBERS, record(Number(), headers=(("ce_id", b"\xff"),)), Undecodable, "'ce_id' is not UTF-8"),
        (NUMBERS, record(Number(), headers=(("ce_time", b"now"),)), Undecodable, "'ce_time' is 'now'"),
        (NUMBERS, record(Number(), headers=(("ce_type", b"other"),)), ContractViolation, "'other' is none of"),
        (NUMBERS, record(None), ContractViolation, "not compacted"),
        (NUMBERS, record(b"junk"), Undecodable, "not a Number"),
        (NUMBERS, record(b'{"n": "secret@example.com"}'), ContractViolation, "/n: "),
        (NUMBERS, record(b"\xff\xfe"), Undecodable, "not a Number"),
        *(
            (NUMBERS, record(Number())._replace(timestamp_ms=ms), Undecodable, f"timestamp {ms} is no")
            for ms in NO_TIMES
        ),
    ],
)
def test_poison_says_what_and_where(topic: Topic, bad: Record, kind: type[Poison], says: str) -> None:
    with pytest.raises(kind) as caught:
        read_event(topic, bad)

    assert says in str(caught.value)
    assert str(caught.value).startswith("numbers[0]@0: ")
    assert "secret@example.com" not in str(caught.value)
