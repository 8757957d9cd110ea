"""The orders that a shop has under one name: normally one; two are ambiguous until one of them is gone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from contracts.orders import Order
from streams.domain.orders import KEPT_MONTHS, expires_at, newer


@dataclass(frozen=True, slots=True)
class Namesakes:
    """All orders under one key, in the order in which they were met, each in its newest version.

    The first one's content is what readers see. The others are kept whole, because one of them takes its place when it
    is erased or expires, and would otherwise be lost until the shop happens to mention it again.
    """

    orders: tuple[Order, ...] = ()

    @staticmethod
    def read(row: Order | None, other: Callable[[str], Order | None]) -> Namesakes:
        """As stored: the row that readers see, and the others by their ids."""
        if row is None:
            return Namesakes()
        others = (other(order_id) for order_id in row.other_ids)
        return Namesakes((row.model_copy(update={"other_ids": ()}), *(order for order in others if order is not None)))

    @property
    def row(self) -> Order | None:
        """What readers see: the first one, with the ids of the others; None where there is none."""
        if not self.orders:
            return None
        return self.orders[0].model_copy(update={"other_ids": tuple(order.id for order in self.orders[1:])})

    @property
    def ids(self) -> frozenset[str]:
        """The ids of all of them."""
        return frozenset(order.id for order in self.orders)

    def next_expiry(self, months: int = KEPT_MONTHS) -> datetime | None:
        """When the first of them will be too old, where orders are kept so many calendar months."""
        return min((expires_at(order.created_at, months) for order in self.orders), default=None)

    def taking(self, order: Order) -> Namesakes:
        """Once this version is known too: it replaces an older one of the same order, or joins the others."""
        if order.id not in self.ids:
            return Namesakes((*self.orders, order))
        return Namesakes(tuple(order if o.id == order.id and newer(order, o) else o for o in self.orders))

    def without(self, order_id: str) -> Namesakes:
        """Once this order is gone."""
        return Namesakes(tuple(order for order in self.orders if order.id != order_id))

    def kept_at(self, now: datetime, months: int = KEPT_MONTHS) -> Namesakes:
        """Those that are not too old at `now`; at the very instant of expiry an order is."""
        return Namesakes(tuple(order for order in self.orders if now < expires_at(order.created_at, months)))
