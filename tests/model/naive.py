"""Small words of the reference model: its units and facts, and the arithmetic of an unhurried clerk."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from tests.model.steps import Line, Told, Upload


@dataclass
class RefUnit:
    """One unit as it stands."""

    content: str
    state: str
    option: str | None = None
    slot: tuple[str, int] | None = None
    cents: tuple[int, int] = (0, 0)
    acted_at: datetime | None = None


@dataclass
class Fact:
    """An event that a return knows, and every occurrence of it that counts."""

    told: Told
    occurrences: list[Told]


def fold(sku: str) -> str:
    """Skus compare trimmed and case-folded."""
    return sku.strip().casefold()


def content_of(upload: Upload) -> object:
    """Units in order, consignments as a set."""
    return [(fold(unit.sku), unit.content) for unit in upload.units], upload.consignments


def counted(told: Told, sku: str) -> int:
    """How many of this sku an RP names."""
    return sum(count for named, count in told.items if fold(named) == sku)


def cents_of(line: Line, index: int) -> tuple[int, int]:
    """Share of net and tax: deal out cent by cent, from the lowest index on, over and over."""
    net = line.price * line.quantity - line.discount
    return _dealt(net, line.quantity, index), _dealt(line.tax, line.quantity, index)


def _dealt(cents: int, places: int, index: int) -> int:
    sign = 1 if cents >= 0 else -1
    shares = [0] * places
    for number in range(abs(cents)):
        shares[number % places if sign > 0 else places - 1 - number % places] += sign
    return shares[index - 1]
