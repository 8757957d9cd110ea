"""Run random histories through the chained agents and the reference, as many as wanted: `python -m tests.model`."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from random import Random

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from tests.model import parcels
from tests.model.differences import Tally, follow, permute, promised
from tests.model.knowledge import AnyStep


def main(arguments: Sequence[str] | None = None) -> int:
    """0 where nothing differs; a difference is shown as the smallest history that still has one."""
    parser = argparse.ArgumentParser(prog="python -m tests.model", description=__doc__)
    parser.add_argument("--histories", type=int, default=10_000, help="how many random histories (10000)")
    parser.add_argument("--permuted", type=int, default=2_000, help="how many under the promise of any order (2000)")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same histories (1)")
    wanted = parser.parse_args(arguments)
    same = _run("histories, compared after every step", wanted.histories, wanted.seed, _followed)
    same &= _run("histories under the promise: shuffled, doubled, late", wanted.permuted, wanted.seed, _permuted)
    return 0 if same else 1


def _followed(tally: Tally) -> Callable[[], None]:
    @given(parcels.histories, st.randoms(use_true_random=False))
    def followed(history: tuple[AnyStep, ...], random: Random) -> None:
        follow(history, random, tally)

    return followed


def _permuted(tally: Tally) -> Callable[[], None]:
    @given(promised(), st.randoms(use_true_random=False))
    def permuted(story: tuple[list[AnyStep], list[AnyStep]], random: Random) -> None:
        permute(*story, random, tally)

    return permuted


def _run(title: str, number: int, from_seed: int, made: Callable[[Tally], Callable[[], None]]) -> bool:
    if number == 0:
        return True
    tally, started = Tally(), time.monotonic()
    phases = (Phase.generate, Phase.shrink)
    many = settings(
        max_examples=number,
        deadline=None,
        database=None,
        phases=phases,
        suppress_health_check=list(HealthCheck),
        report_multiple_bugs=False,
    )
    _say(f"{title}: seed {from_seed}")
    try:
        seed(from_seed)(many(made(tally)))()
    except AssertionError as difference:
        _say(f"  DIFFERENCE\n{difference}\n" + "\n".join(getattr(difference, "__notes__", ())))
        return False
    _show(tally, time.monotonic() - started)
    return tally.histories >= number


def _show(tally: Tally, seconds: float) -> None:
    _say(f"  histories {tally.histories}, differences 0, in {seconds:.0f} s")
    for name, counted in (("steps", tally.steps), ("events", tally.events), ("units", tally.states)):
        _say(f"  {name}: {_listed(counted)}")
    _say(f"  paid: {_listed(tally.paid)}, {tally.cents / 100:.2f} USD in all; ambiguous events: {tally.ambiguous}")


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def _listed(counted: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counted.most_common())


if __name__ == "__main__":
    sys.exit(main())
