"""One process with all agents, as `returnstreams run all` runs them, with a short session and short calls.

python -m tests.chaos.worker ENGINE (settings: the product's environment variables)
"""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from unittest.mock import patch

from producers.logs import configure
from streams import event_loop, process
from streams.agents.tracking_forward import tracking_forward
from streams.engine.agent import Agent
from streams.engine.options import RunnerOptions
from streams.settings import Settings, load
from streams.wiring import AGENTS, build
from tests.chaos import mutants

# The shortest that brokers allow: whoever is silent for so long has lost its partitions.
SESSION_S = 6.0
# A call whose process died is repeated after this. Longer than any answer of the simulator takes on a busy machine.
CALL_TIMEOUT_S = 8.0


def agents(settings: Settings) -> list[Agent]:
    """All of them, the forwarder with less patience."""
    policy = replace(settings.forward.policy, timeout_s=CALL_TIMEOUT_S)
    others = [name for name in AGENTS if name != "tracking-forward"]
    return [*build(others, settings), tracking_forward(policy)]


def main(engine: str) -> None:
    """Run until SIGTERM."""
    mutants.become(engine)
    settings = load()
    configure(settings.log.format)
    options = partial(RunnerOptions, session_timeout_ms=int(SESSION_S * 1000))
    with patch.object(process, "RunnerOptions", options):
        event_loop.run(process.run(agents(settings), settings))


if __name__ == "__main__":
    main(sys.argv[1])
