"""`python -m tests.wire --histories 10000`: compares as many as wanted and shows the first difference, shortened."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter

from tests.wire.differences import drawn, follow, shortest


def main(arguments: list[str] | None = None) -> int:
    """Exit code 0 where nothing differs, 1 where something does."""
    parser = argparse.ArgumentParser(prog="python -m tests.wire", description=__doc__)
    parser.add_argument("--histories", type=int, default=1000)
    parser.add_argument("--from", dest="first", type=int, default=0, help="the number of the first one (0)")
    wanted = parser.parse_args(arguments)
    states = Counter[str]()
    for seed in range(wanted.first, wanted.first + wanted.histories):
        steps = drawn(seed)
        try:
            states.update(unit.state.value for unit in follow(steps, seed).units.values())
        except AssertionError as difference:
            _say(f"history {seed}: {difference}")
            for step in shortest(steps, seed):
                _say(json.dumps(step, ensure_ascii=False))
            return 1
    _say(f"{wanted.histories} histories, nothing differs; units: {dict(states.most_common())}")
    return 0


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    sys.exit(main())
