"""`python -m demo`: the same as `returnstreams demo`, without the rest of the command line."""

from __future__ import annotations

import argparse
import sys

from demo.app import DEFAULT_SEED, main

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m demo", description=main.__doc__)
    parser.add_argument("--keep", action="store_true", help="leave everything running, and say how to look inside")
    parser.add_argument("--broker", choices=("embedded", "docker"), help="which broker to start")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED, help="decides in which order the traffic comes")
    given = parser.parse_args()
    sys.exit(main(keep=given.keep, broker=given.broker, seed=given.seed))
