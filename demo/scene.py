"""A scene of the story: what is sent in which order, and what must come of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from demo.expected import Call, Letter, OrderRow, Return
from demo.senders import Post, Senders
from demo.shopify.webhooks import Change, Line, Sale


@dataclass(frozen=True, slots=True)
class Raw:
    """A record that somebody publishes past the ingress."""

    topic: str
    key: str
    value: bytes


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that is sent, or happens in a shop, of which the shop's webhook tells.

    status: what the ingress must answer; says: what its answer must hold. after: facts (see Observed.facts) that must
    have come out before, where the story needs it. sequence: steps of one sequence keep their order even when all else
    is turned around, because there the order decides. once: repeating it would be another story.
    """

    what: str
    send: Post | Raw | Change
    status: int = 200
    says: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    sequence: str | None = None
    once: bool = False
    twice: bool = False


@dataclass(frozen=True, slots=True)
class Scene:
    """Steps in their order, and what they lead to."""

    title: str
    steps: Sequence[Step]
    returns: Sequence[Return] = ()
    orders: Sequence[OrderRow] = ()
    letters: Sequence[Letter] = ()
    calls: Sequence[Call] = ()


@dataclass(frozen=True, slots=True)
class Stage:
    """What all scenes share: who sends, and what time it is. Everything happens in the days before `now`."""

    senders: Senders
    now: datetime
    shops: dict[str, str] = field(default_factory=dict)

    def day(self, number: float) -> datetime:
        """An instant of the story: day 0 is a fortnight ago."""
        return (self.now - timedelta(days=14) + timedelta(days=number)).replace(microsecond=0)

    def sale(self, retailer: str, name: str, id: int, *lines: Line, **details: Any) -> Sale:
        """An order of this retailer, bought on day 0."""
        return Sale(shop=self.shops[retailer], id=id, name=name, lines=lines, created_at=self.day(0), **details)
