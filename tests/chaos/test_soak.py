"""The soak, briefly: the engine comes through all faults with nothing lost or double, and each mutant is caught."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.faults import KINDS
from tests.chaos.mutants import MUTANTS, NATIVE
from tests.chaos.soak import Plan, Verdict, soak

# A fault may meet nothing in flight; not three times over.
SEEDS = (1, 2, 3)
# What exposes each mutant: a task that must do its batch again, or a zombie. (faults, seconds, returns, workers)
EXPOSED_BY: dict[str, tuple[str, float, int, int]] = {
    "offsets-first": ("fence", 5, 120, 1),
    "rows-first": ("fence", 5, 120, 1),
    "own-ids": ("stop", 8, 250, 2),
}
# Two tasks an agent are enough for a mutant, and quicker to start than four.
PARTITIONS = 2

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(300)]


def shown(verdict: Verdict) -> str:
    """For a failure: what is not as it must be, and how to see it again."""
    dirty = [tally for tally in verdict.tallies if not tally.clean]
    return f"seed {verdict.plan.seed}: {verdict.unsettled} {verdict.misbehaved} {dirty}"


async def test_nothing_is_lost_or_double_whatever_is_done_to_the_workers_and_the_broker(tmp_path: Path) -> None:
    """A broker of its own, since it is killed. Rows on disk, since that has more to go wrong than memory."""
    verdict = await soak(Plan(20261122, 15, 200, 2, KINDS, NATIVE, "rocks"), tmp_path)

    assert verdict.clean, shown(verdict)
    assert set(KINDS) == {fault.kind for fault in verdict.faults}
    assert verdict.starts > 3, "nobody was killed, nobody came or went"
    assert all(tally.found for tally in verdict.tallies if tally.expected)


@pytest.mark.parametrize("mutant", list(MUTANTS))
async def test_a_broken_engine_is_caught(mutant: str, kafka: str, tmp_path: Path) -> None:
    fault, seconds, returns, workers = EXPOSED_BY[mutant]
    for seed in SEEDS:
        directory = tmp_path / str(seed)
        directory.mkdir()
        plan = Plan(seed, seconds, returns, workers, (fault,), mutant, "memory", PARTITIONS, kafka, settle_s=30)
        verdict = await soak(plan, directory)
        if verdict.counts != (0, 0, 0):
            return
    raise AssertionError(f"{mutant} came through {len(SEEDS)} runs unseen")
