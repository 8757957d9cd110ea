"""How shops are called: what settings may say of it, without the clients that do it."""

from __future__ import annotations

from dataclasses import dataclass, field

API_VERSION = "2026-10"
OWN_HOST = "https://{shop}"
# An import of more orders than that is a bulk operation: their pages would cost more points, most of it costs none.
BULK_ABOVE = 5000


@dataclass(frozen=True, slots=True)
class Timeouts:
    """connect_s: for the connection and TLS. whole_s: from the start to the answer's last byte."""

    connect_s: float = 5.0
    whole_s: float = 30.0


@dataclass(frozen=True, slots=True)
class Retries:
    """attempts: of one call in all, for what is safe to repeat. pauses_s: before the next one, the last one repeated.

    throttled: how often a call waits for the bucket once more; it was not carried out, so any call may.
    """

    attempts: int = 4
    pauses_s: tuple[float, ...] = (0.5, 2.0, 5.0)
    throttled: int = 20

    def pause_s(self, attempt: int) -> float:
        """The pause after the attempt with this number (from 1)."""
        return self.pauses_s[min(attempt, len(self.pauses_s)) - 1]


@dataclass(frozen=True, slots=True)
class ShopifyOptions:
    """api_version: of the Admin API. base_url: where shops are called, `{shop}` being the shop's domain; only a
    simulator has another than the shop's own host."""

    api_version: str = API_VERSION
    base_url: str = OWN_HOST
    timeouts: Timeouts = field(default_factory=Timeouts)
    retries: Retries = field(default_factory=Retries)
