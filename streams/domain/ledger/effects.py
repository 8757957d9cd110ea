"""What follows from one input: actions to pay, units whose row changed, matters for a person."""

from __future__ import annotations

from dataclasses import dataclass

from contracts.actions import AlertKind, ReturnAction
from contracts.returns import ReturnUnit


@dataclass(frozen=True, slots=True)
class Alert:
    """One matter for a person. about: what tells it from others of its kind at the same place."""

    kind: AlertKind
    message: str
    rma: str | None = None
    sku: str | None = None
    ordinal: int | None = None
    about: str | None = None


@dataclass(frozen=True, slots=True)
class Effects:
    """Everything that one input causes outside the ledger."""

    actions: tuple[ReturnAction, ...] = ()
    units: tuple[ReturnUnit, ...] = ()
    alerts: tuple[Alert, ...] = ()
