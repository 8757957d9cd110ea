"""What has to come out, in the story's own words: nothing here is computed by the code that it is compared with."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Unit:
    """One returned unit. amount, tax: in the shop's currency; presented: amount and tax in the customer's.

    by: who decided (`customer`, `rule:<name>`, `order`, `nobody`). evidence: the milestone that made it act; it acts
    exactly when its state is `acted`.
    """

    sku: str
    state: str
    option: str | None = None
    by: str | None = None
    amount: str | None = None
    tax: str | None = None
    currency: str | None = None
    presented: tuple[str, str, str] | None = None
    ordinal: int = 1
    evidence: str | None = None
    exchange_variant: str | None = None


@dataclass(frozen=True, slots=True)
class Return:
    """One return. order_id: None where its order never comes. milestone: the furthest that it has come.

    told: the codes that the retailer's hook must accept, in this order; None where there is no hook.
    """

    retailer: str
    order: str
    rma: str
    parcel: str
    shows: str
    order_id: int | None
    units: tuple[Unit, ...]
    milestone: str | None
    told: tuple[str, ...] | None = None

    @property
    def order_key(self) -> str:
        """As it stands in topics."""
        return f"{self.retailer}/{self.order}"


@dataclass(frozen=True, slots=True)
class OrderRow:
    """One row of the order table. total: of the version that must have won."""

    key: str
    id: int
    total: str
    lines: int


@dataclass(frozen=True, slots=True)
class Letter:
    """One dead letter. reason: the error's class, or for the ingress its stable word."""

    agent: str
    reason: str
    key: str | None


@dataclass(frozen=True, slots=True)
class Call:
    """One alert for a person."""

    kind: str
    order_key: str
    rma: str | None = None
    sku: str | None = None


@dataclass(frozen=True, slots=True)
class Expected:
    """Everything together."""

    returns: tuple[Return, ...]
    orders: tuple[OrderRow, ...]
    letters: tuple[Letter, ...]
    calls: tuple[Call, ...]
