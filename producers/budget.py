"""How many bytes may be in flight at once: beyond it a request is refused at once instead of queueing for memory."""

from __future__ import annotations


class OverBudget(Exception):
    """Too much is in flight."""


class Budget:
    """A count with a bound. Not a lock: whoever does not fit is sent away, nobody waits."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.used = 0

    def take(self, amount: int) -> None:
        """Count `amount` in. OverBudget when it does not fit; whatever comes alone fits, however large."""
        if self.used and self.used + amount > self.limit:
            raise OverBudget(f"{self.used} of {self.limit} in flight, {amount} more do not fit")
        self.used += amount

    def give(self, amount: int) -> None:
        """Count `amount` out."""
        self.used -= amount
