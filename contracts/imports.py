"""How far the import and the reconciliation of a retailer's orders are, so that they go on where they were."""

from __future__ import annotations

from pydantic import Field

from contracts.model import Instant, Model


class OrderImport(Model):
    """One import of a retailer's orders.

    since: orders created at or after it. imported: orders written so far; total: of all that there were at the start.
    cursor: the shop's own, behind the last page that was written. bulk: the id of the bulk operation that is read.
    finished_at: None while there is more.
    """

    retailer: str
    since: Instant
    started_at: Instant
    imported: int = Field(default=0, ge=0)
    total: int | None = None
    cursor: str | None = None
    bulk: str | None = None
    finished_at: Instant | None = None


class OrderReconciliation(Model):
    """How far a retailer's orders have been compared with the shop's.

    until: changes up to this instant were looked at. checked, missed: of the last run; missed: versions that no webhook
    had brought. runs: how many there have been.
    """

    retailer: str
    until: Instant
    at: Instant
    checked: int = 0
    missed: int = 0
    runs: int = 1
