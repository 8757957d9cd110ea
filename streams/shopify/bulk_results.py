"""What the documents of bulk operations bring back."""

from __future__ import annotations

from enum import StrEnum

from streams.shopify.results import Fulfillment, Refund, Result


class BulkStatus(StrEnum):
    """How far a bulk operation is."""

    CREATED = "CREATED"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    CANCELING = "CANCELING"
    CANCELED = "CANCELED"
    FAILED = "FAILED"
    EXPIRED = "EXPIRED"


class BulkOperation(Result):
    """One bulk operation. url: of its result in JSON lines, None for an empty one; good for seven days."""

    id: str
    status: BulkStatus
    error_code: str | None = None
    object_count: int = 0
    root_object_count: int = 0
    url: str | None = None
    partial_data_url: str | None = None


class BulkStarted(Result):
    """BulkRun."""

    class Inner(Result):
        """Its payload."""

        bulk_operation: BulkOperation

    bulk_operation_run_query: Inner


class BulkSeen(Result):
    """BulkStatus."""

    bulk_operation: BulkOperation | None


class MovedParts(Result):
    """An order's refunds and fulfilments."""

    id: str
    updated_at: str
    refunds: tuple[Refund, ...]
    fulfillments: tuple[Fulfillment, ...]

    @property
    def complete(self) -> bool:
        """Whether all their lines are there."""
        pages = (*(r.refund_line_items for r in self.refunds), *(f.fulfillment_line_items for f in self.fulfillments))
        return not any(page.page_info.has_next_page for page in pages)


class SomeMovedParts(Result):
    """MovedLines, in the order of the ids asked for; None where there is none."""

    nodes: tuple[MovedParts | None, ...]
