"""Poison is counted by its sender, within bounds, and told once a burst."""

from __future__ import annotations

from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from streams.engine.keyvalue import MemoryKeyValue
from streams.engine.senders import LONGEST_NAME, MOST_NAMES, OTHERS, QUIET, UNNAMED, Senders
from streams.engine.task import TaskCore
from tests.unit.engine.toys import START, record, toy_agent


def name(source: bytes | None) -> str:
    headers = (("ce_source", source),) if source is not None else ()
    return Senders().name(record(b"junk", headers=headers))


@pytest.mark.parametrize(
    ("source", "shown"),
    [(b"seko", "seko"), (None, UNNAMED), (b"", UNNAMED), (b"\xff", "\\xff"), (b"x" * 500, "x" * LONGEST_NAME)],
)
def test_a_sender_is_named_readably_and_cut(source: bytes | None, shown: str) -> None:
    assert name(source) == shown


def test_made_up_names_do_not_grow_the_metric() -> None:
    senders = Senders()
    names = set()
    for n in range(3 * MOST_NAMES):
        shown = senders.name(record(b"junk", headers=(("ce_source", str(n).encode()),)))
        senders.worth_a_line(shown, START)
        names.add(shown)

    assert len(names) == MOST_NAMES + 1
    assert OTHERS in names
    assert senders.name(record(b"junk", headers=(("ce_source", b"0"),))) == "0", "the known keep their names"


def test_a_burst_is_one_line_a_minute_that_says_how_many_there_were() -> None:
    core = TaskCore(toy_agent(), 0, MemoryKeyValue(), {})
    with capture_logs() as logs:
        batch = core.begin()
        for n in range(100):
            core.handle(batch, record(b"junk", offset=n, headers=(("ce_source", b"seko"),)), START)
        core.handle(batch, record(b"junk", offset=100, headers=(("ce_source", b"loop"),)), START)
        core.handle(batch, record(b"junk", offset=101, headers=(("ce_source", b"seko"),)), START + QUIET)

    told = [(line["sender"], line["offset"], line["untold"]) for line in logs if line["action"] == "dead_letter"]
    assert told == [("seko", 0, 0), ("loop", 100, 0), ("seko", 101, 99)]
    assert batch.poison == {"seko": 101, "loop": 1}
    assert batch.dead == 102


def test_a_clock_that_jumps_back_silences_nobody_for_long() -> None:
    senders = Senders()
    assert senders.worth_a_line("seko", START) == 0
    assert senders.worth_a_line("seko", START - timedelta(days=1)) == 0
