"""After a deletion: records of nothing, so that the brokers close the segments in which the deleted rows still stand.

Brokers compact no segment that is still written to, and close one only when something is written after its time. In a
partition to which nothing more comes (a shop that has left) what was deleted would stay on the disk for ever.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from streams.engine.agent import Agent, Store
from streams.engine.context import Context
from streams.engine.timers import Timer

# Longer than a segment stays open (`segment.ms` of contracts.topics.COMPACTED), so that each one closes a segment.
EVERY = timedelta(hours=25)
# The first closes the deleted row's segment; a compaction then drops the row and, seven days after that, its tombstone.
TIMES = 9
# No order has this key: it names no retailer.
NOBODY = "?/?"


class DiskSweep:
    """Of one store whose rows lie in an output topic. The agent's own changelog is written to by the timer itself."""

    def __init__(self, agent: Agent, store: Store[Any]) -> None:
        self._store = store
        self._timer = agent.timer("disk-sweep")
        self._timer.fires(self.sweep)

    def deleted(self, ctx: Context) -> None:
        """Something was; those of one day are swept together."""
        ctx.set_timer(self._timer, f"{ctx.now:%Y-%m-%d}", ctx.now + EVERY, b"1")

    def sweep(self, timer: Timer, ctx: Context) -> None:
        """A tombstone for a key that has no row, and the next one."""
        ctx.delete(self._store, NOBODY)
        done = int(timer.payload)
        if done < TIMES:
            ctx.set_timer(self._timer, timer.key, ctx.now + EVERY, str(done + 1).encode())
