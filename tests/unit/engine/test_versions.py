"""An upgrade and its rollback: rows of the neighbouring release are read, those of a stranger refused by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from contracts.model import Model
from streams.engine import versions
from streams.engine.agent import Agent
from streams.engine.context import decode
from streams.engine.errors import StateRefused
from streams.engine.keyvalue import KeyValue, MemoryKeyValue
from streams.engine.task import TaskCore
from tests.unit.engine.toys import NUMBERS, START, Count, Nudge, Number, record

Reads = Mapping[int, Callable[[bytes], Any]]


class Tally(Model):
    """What replaces Count: nothing of it can be read as that."""

    tally: int


def to_tally(row: bytes) -> Tally:
    return Tally(tally=Count.model_validate_json(row).n)


def to_count(row: bytes) -> Count:
    return Count(n=Tally.model_validate_json(row).tally)


def release(version: int, model: type[Model], reads: Reads) -> Agent:
    """An agent that counts numbers in rows of this version."""
    agent = Agent("toy")
    counts = agent.store("counts", model, version=version, reads=reads)
    (field,) = model.model_fields

    @agent.on(NUMBERS)
    def count(event: Any, ctx: Any) -> None:
        known = ctx.get(counts, event.key)
        ctx.put(counts, event.key, model(**{field: (getattr(known, field) if known else 0) + 1}))

    @agent.on(NUMBERS, Nudge)
    def forget(event: Any, ctx: Any) -> None:
        ctx.delete(counts, event.key)

    return agent


FIRST = release(1, Count, {})
PREPARED = release(1, Count, {2: to_count})
SECOND = release(2, Tally, {1: to_tally})
THIRD = release(3, Tally, {2: to_tally})


def run(agent: Agent, stored: KeyValue, *keys: str) -> None:
    """A life of this release: it checks what is there, then counts a number under each key, a batch each."""
    versions.check(agent, stored)
    core = TaskCore(agent, 0, stored, {})
    for number, key in enumerate(keys):
        batch = core.begin()
        core.handle(batch, record(Number(), key=key.encode(), offset=number), START)
        assert not batch.emitted, "no dead letter"
        versions.note(agent, stored, batch.rows.writes)
        stored.apply(batch.rows.writes, {})


def counted(agent: Agent, stored: KeyValue) -> dict[str, int]:
    rows = ((key, decode(agent.stores["counts"], row)) for key, row in stored.scan("counts"))
    return {key: next(iter(row.model_dump().values())) for key, row in rows}


@pytest.fixture
def stored() -> KeyValue:
    return MemoryKeyValue()


def test_upgrades_and_rollbacks_between_neighbours_count_on(stored: KeyValue) -> None:
    for agent in (FIRST, PREPARED, SECOND, PREPARED, SECOND, SECOND, PREPARED):
        run(agent, stored, "a", "b")
    run(SECOND, stored, "b")

    assert counted(SECOND, stored) == {"a": 7, "b": 8}


@pytest.mark.parametrize("back_to", [PREPARED, SECOND])
def test_a_release_that_cannot_read_what_a_later_one_wrote_is_refused_by_name(back_to: Agent, stored: KeyValue) -> None:
    run(SECOND, stored, "a")
    run(back_to, stored, "b")  # its own rows are no reason to forget the others

    with pytest.raises(StateRefused, match=r"toy: store counts holds rows of schema version 2, this release reads 1: "):
        run(FIRST, stored)


def test_an_upgrade_that_skips_a_release_is_refused_by_name(stored: KeyValue) -> None:
    run(FIRST, stored, "a")
    with pytest.raises(StateRefused, match=r"rows of schema version 1, this release reads 2, 3: start a release that"):
        run(THIRD, stored)


def test_a_row_that_was_overlooked_ends_the_task_and_blames_no_record(stored: KeyValue) -> None:
    run(FIRST, stored, "old", "a")
    run(SECOND, stored, "a")
    with pytest.raises(StateRefused, match="schema version 1"):
        run(THIRD, stored, "old")


def test_a_store_that_is_no_more_is_nobodys_concern(stored: KeyValue) -> None:
    run(SECOND, stored, "a")
    versions.check(Agent("toy"), stored)


def test_what_is_known_is_not_written_again(stored: KeyValue) -> None:
    run(SECOND, stored, "a")
    writes: dict[str, dict[str, bytes | None]] = {"counts": {"a": b"\x02{}"}}
    versions.note(SECOND, stored, writes)
    assert set(writes) == {"counts"}
