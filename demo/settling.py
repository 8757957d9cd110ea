"""Waits until all has come out, and then a little longer, to see that nothing more does."""

from __future__ import annotations

from demo.compare import differences
from demo.expected import Expected
from demo.hook import HookSimulator
from demo.reading import TopicReader

# All that had to come is equal to its expectation after some 10 s; a stack that needs longer has stopped.
BOUND_S = 60.0
# A surplus record would be on its way by then: every agent's batch ends within 0.2 s, a retry comes after 2 s at most.
QUIET_S = 2.5


async def settled(
    expected: Expected,
    reader: TopicReader,
    hook: HookSimulator,
    *,
    in_order: bool = True,
    bound_s: float = BOUND_S,
    quiet_s: float = QUIET_S,
) -> list[str]:
    """The differences that are left: none as soon as everything is equal and stays so for a while."""

    def found() -> list[str]:
        return differences(expected, reader.seen, list(hook.received), in_order=in_order)

    if await reader.until(lambda: not found(), bound_s):
        await reader.quiet(quiet_s, timeout_s=4 * quiet_s)
    return found()
