"""How often Python looks for cycles in a process that runs agents: rarely."""

from __future__ import annotations

import gc

# A batch of 2,000 records holds tens of thousands of objects, all in use and hardly one in a cycle. Python looks again
# after each 700 new ones, and again and again at those that stay: 4 to 8 % of an agent's CPU (decision 0007). What
# there is of cycles (exceptions, connections) waits for 50,000 objects more: some megabytes.
THRESHOLDS = 50_000, 20, 100


def collect_rarely() -> None:
    """From here on look for cycles rarely, and never among what is there already: imports stay for good."""
    gc.set_threshold(*THRESHOLDS)
    gc.freeze()
