"""A dead letter is the record as it came, and says beside it whence, why and how often."""

from __future__ import annotations

from streams.engine.dead_letters import MESSAGE_BYTES, letter
from streams.engine.errors import Undecodable
from streams.engine.records import Record

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
