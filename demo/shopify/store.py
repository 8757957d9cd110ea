"""What a simulated shop holds: its orders, found by id, creation and last change, and its webhook subscriptions."""

from __future__ import annotations

import base64
import random
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson
from sortedcontainers import SortedList

from demo.shopify.nodes import Body, gid, order_node

Place = tuple[str, int]
"""Where an order stands in a sort order: the sort key's value, then its number."""

_TERM = re.compile(r"(created_at|updated_at):\s*(>=|<=|>|<)?\s*'?([^'\s]+)'?")
_SORTED_BY = {"CREATED_AT": "created_at", "UPDATED_AT": "updated_at"}


class BadSearch(ValueError):
    """A search or a sort key that this shop does not understand."""


@dataclass(slots=True)
class ShopStore:
    """Everything may be called from any thread. Times are RFC 3339 in UTC with a Z, so that they sort as texts."""

    domain: str
    subscriptions: dict[str, dict[str, Any]] = field(default_factory=dict)
    _bodies: dict[int, Body] = field(default_factory=dict)
    _sorted: dict[str, Any] = field(default_factory=lambda: {name: SortedList() for name in _SORTED_BY.values()})
    _owners: dict[str, int] = field(default_factory=dict)
    _lock: threading.RLock = field(default_factory=threading.RLock)

    def __len__(self) -> int:
        return len(self._bodies)

    def put(self, body: Body) -> None:
        """A new order, or a new version of one."""
        number = int(body["id"])
        with self._lock:
            self.remove(number)
            self._bodies[number] = body
            for name, places in self._sorted.items():
                places.add((body[name], number))
            for kind, parts in (("Refund", body["refunds"]), ("Fulfillment", body["fulfillments"])):
                self._owners.update({gid(kind, part["id"]): number for part in parts})

    def remove(self, number: int) -> None:
        """Delete an order; nothing happens where there is none."""
        with self._lock:
            known = self._bodies.pop(number, None)
            if known is not None:
                for name, places in self._sorted.items():
                    places.remove((known[name], number))

    def body(self, number: int) -> Body | None:
        """An order as its webhook has it now."""
        return self._bodies.get(number)

    def bodies(self) -> list[Body]:
        """All orders as they are now."""
        with self._lock:
            return list(self._bodies.values())

    def any_body(self, rng: random.Random) -> Body:
        """One of the orders; IndexError where there is none."""
        with self._lock:
            places = self._sorted["created_at"]
            return self._bodies[places[rng.randrange(len(places))][1]]

    def node(self, of: str) -> dict[str, Any] | None:
        """The order, refund or fulfilment with this GraphQL id."""
        kind, number = of.rsplit("/", 2)[1:]
        if kind == "Order":
            body = self._bodies.get(int(number))
            return None if body is None else order_node(body)
        owner = self._bodies.get(self._owners.get(of, -1))
        if owner is None:
            return None
        parts = order_node(owner)["refunds" if kind == "Refund" else "fulfillments"]()
        return next((part for part in parts if part["id"] == of), None)

    def page(self, query: str, sort_key: str, after: str | None, first: int) -> tuple[list[Body], list[str], bool]:
        """The next orders of a search: bodies, their cursors, and whether more follow."""
        sorted_by = _SORTED_BY.get(sort_key)
        if sorted_by is None:
            raise BadSearch(f"sort key {sort_key} is not simulated")
        with self._lock:
            found = self._search(query, sorted_by, _place(after) if after else None)
            some = [place for place, _ in zip(found, range(first + 1), strict=False)]
            bodies = [self._bodies[number] for _, number in some[:first]]
        return bodies, [_cursor(place) for place in some[:first]], len(some) > first

    def count(self, query: str) -> int:
        """How many orders a search finds."""
        with self._lock:
            return sum(1 for _ in self._search(query, "created_at", None))

    def _search(self, query: str, sorted_by: str, after: Place | None) -> Iterator[Place]:
        terms = _terms(query)
        lowest = max((value for name, sign, value in terms if name == sorted_by and sign in (">=", ">")), default="")
        start = max((lowest, -1), after or ("", -1))
        for place in self._sorted[sorted_by].irange(minimum=start, inclusive=(False, False)):
            if all(_holds(self._bodies[place[1]][name], sign, value) for name, sign, value in terms):
                yield place


def _terms(query: str) -> list[tuple[str, str, str]]:
    terms = [(name, sign or "=", value) for name, sign, value in _TERM.findall(query)]
    rest = re.sub(r"\bAND\b", "", _TERM.sub("", query)).strip()
    if rest:
        raise BadSearch(f"search {rest!r} is not simulated")
    return terms


def _holds(seen: str, sign: str, value: str) -> bool:
    signs = {">=": seen >= value, ">": seen > value, "<=": seen <= value, "<": seen < value, "=": seen == value}
    return signs[sign]


def _cursor(place: Place) -> str:
    return base64.b64encode(orjson.dumps(place)).decode()


def _place(cursor: str) -> Place:
    try:
        value, number = orjson.loads(base64.b64decode(cursor, validate=True))
    except ValueError:
        raise BadSearch("the cursor is not valid") from None
    return str(value), int(number)
