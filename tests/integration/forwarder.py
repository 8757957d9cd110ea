"""tracking-forward as a process that can be killed, as `returnstreams run` runs it, with a short session and calls.

python -m tests.integration.forwarder (settings: the product's environment variables)
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from unittest.mock import patch

from producers.logs import configure
from streams import event_loop, process
from streams.agents.tracking_forward import tracking_forward
from streams.engine.options import RunnerOptions
from streams.settings import load

# The shortest that brokers allow: whoever is silent for so long has lost its partitions.
SESSION_MS = 6_000
# A call whose process died is repeated after this.
CALL_TIMEOUT_S = 4.0


def main() -> None:
    """Run until SIGTERM."""
    settings = load()
    configure(settings.log.format)
    agent = tracking_forward(replace(settings.forward.policy, timeout_s=CALL_TIMEOUT_S))
    with patch.object(process, "RunnerOptions", partial(RunnerOptions, session_timeout_ms=SESSION_MS)):
        event_loop.run(process.run([agent], settings))


if __name__ == "__main__":
    main()
