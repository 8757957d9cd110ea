"""Publishing for those who can wait: what the brokers do not take now is offered again, within a bound."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence

import structlog

from producers.messages import Message
from producers.problems import Unavailable
from producers.publisher import Publishes

log = structlog.get_logger(__name__)

PAUSE_S = 0.5
# A broker that is restarted is back in less; after two minutes somebody should know.
GIVE_UP_AFTER_S = 120.0


async def publish_patiently(
    publisher: Publishes, messages: Sequence[Message], give_up_after_s: float = GIVE_UP_AFTER_S
) -> None:
    """Return once all are acknowledged by all in-sync replicas. Unavailable after the bound, TooLarge at once.

    A record may be written twice where its acknowledgement was lost: it has the same id both times.
    """
    deadline = time.monotonic() + give_up_after_s
    while messages:
        try:
            return await publisher.publish(messages)
        except Unavailable as problem:
            if time.monotonic() > deadline:
                raise
            log.info("brokers not ready, offering again", action="publish_again", cause=problem.cause)
            await asyncio.sleep(PAUSE_S)
