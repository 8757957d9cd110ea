"""How a runner works: the bounds of a batch, how a stop is bounded, how a member is named."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from contracts.controls import PauseLifted
from contracts.model import Model
from streams.engine.clock import Clock, utc_now
from streams.engine.destinations import Destinations
from streams.engine.keyvalue import KeyValue, MemoryKeyValue
from streams.engine.limits import Limits
from streams.engine.outbox import Call

Caller = Callable[[Call[Any]], Awaitable[Model]]
"""Makes one call and returns its answer, whatever happened; it must not raise, and ends before the call's deadline."""


def memory(agent: str, partition: int) -> KeyValue:
    """Rows in memory."""
    return MemoryKeyValue()


@dataclass(frozen=True, slots=True)
class RunnerOptions:
    """Bounds and seams of a runner.

    max_batch: records of one checkpoint. handler_budget_s: handler time after which a batch is closed; far below the
    session timeout, because heartbeats share the loop. stop_timeout_s: for the batch in flight of a revoked partition.
    session_timeout_ms: after this a silent member's partitions go to others; the broker's lower bound is 6 s.
    instance_id: static membership, from the StatefulSet's ordinal; a restart then moves nothing.
    address: where this process answers who asks for rows, `host:port` or `:port`; None for nowhere.
    callers: by outbox name. clock: this machine's; `ctx.now` is never ahead of it, nor of the brokers'.
    clock_tolerance_s: by how much the two may differ before it is told.
    destinations: which of the places that calls go to are well; of the whole process.
    limits: bugs past which a task pauses. controls: what lifts pauses, by `<agent>/<partition>`, read live.
    """

    max_batch: int = 2000
    handler_budget_s: float = 0.2
    stop_timeout_s: float = 5.0
    session_timeout_ms: int = 10_000
    instance_id: str | None = None
    address: str | None = None
    callers: Mapping[str, Caller] = field(default_factory=dict)
    destinations: Destinations = field(default_factory=Destinations)
    clock: Clock = utc_now
    clock_tolerance_s: float = 60.0
    storage: Callable[[str, int], KeyValue] = memory
    limits: Limits = field(default_factory=Limits)
    controls: Mapping[str, PauseLifted] = field(default_factory=dict)
