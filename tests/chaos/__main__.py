"""python -m tests.chaos: random faults against the pipeline on a real Kafka, and what they did to it, counted."""

from __future__ import annotations

import argparse
import logging
import secrets
import shutil
import sys
import tempfile
from pathlib import Path

import structlog
from rich.console import Console

from streams import event_loop
from tests.chaos.faults import KINDS
from tests.chaos.mutants import ENGINES, NATIVE
from tests.chaos.report import show
from tests.chaos.soak import Plan, soak

# What two cores process beside the faults: more only makes the wait at the end longer.
RETURNS_PER_S = 10


def plan_of(arguments: list[str]) -> Plan:
    """The plan that a command line asks for. SystemExit(2) where it cannot be read."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000), help="of history and faults")
    parser.add_argument("--seconds", type=float, default=60.0, help="how long records and faults come")
    parser.add_argument("--returns", type=int, help=f"to tell of, each six or seven records; {RETURNS_PER_S} a second")
    parser.add_argument("--workers", type=int, default=2, help="processes with all agents; one or two more come and go")
    parser.add_argument("--faults", default=",".join(KINDS), help=f"some of {','.join(KINDS)}")
    parser.add_argument("--engine", choices=ENGINES, default=NATIVE, help="native, or one that is broken on purpose")
    parser.add_argument("--state", choices=("memory", "rocks"), default="memory", help="where rows are")
    parser.add_argument("--partitions", type=int, default=4)
    given = parser.parse_args(arguments)
    kinds = tuple(filter(None, given.faults.split(",")))
    if unknown := set(kinds) - set(KINDS):
        parser.error(f"no faults {', '.join(sorted(unknown))}; there are {', '.join(KINDS)}")
    return Plan(
        seed=given.seed,
        seconds=given.seconds,
        returns=given.returns or int(given.seconds * RETURNS_PER_S),
        workers=given.workers,
        kinds=kinds,
        engine=given.engine,
        state=given.state,
        partitions=given.partitions,
    )


def main() -> int:
    """0 when all is there once, 1 otherwise; then the workers' logs stay."""
    plan = plan_of(sys.argv[1:])
    # Clients of ours lose their broker by design; what the workers say stands in their logs.
    logging.disable(logging.CRITICAL)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    out = Console()
    out.print(f"seed {plan.seed}", highlight=False)
    directory = Path(tempfile.mkdtemp(prefix="returnstreams-chaos-"))
    verdict = event_loop.run(soak(plan, directory, lambda line: out.print(line, highlight=False)))
    show(verdict, out)
    if not verdict.clean:
        out.print(f"the workers' logs are in {directory}", highlight=False)
        return 1
    shutil.rmtree(directory)
    return 0


if __name__ == "__main__":
    sys.exit(main())
