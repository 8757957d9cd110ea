"""What the ledger remembers of one order: its returns and their units, the events kept for later, the attributions."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from pydantic import Field

from contracts.actions import AlertKind
from contracts.keys import folded_sku
from contracts.model import Amount, Id, Instant, Model
from contracts.retailers import Portal, ReturnActionStage
from contracts.returns import Meaning, Option, UnitState
from streams.domain.milestones import Evidence, Progress

# An event may come before the upload it belongs to; a label unused for a month is not used any more.
KEPT_FOR = timedelta(days=30)

UnitId = tuple[str, int]
"""The folded sku and its ordinal in the upload: which unit of a return, for ever."""


class Claim(Model):
    """One index of one order line, and what it was sold for, fixed when the unit was matched."""

    order_id: Id
    line_id: Id
    index: int
    variant_id: Id | None = None
    amount: Amount
    tax: Amount
    currency: str
    taxes_included: bool
    presentment_amount: Amount | None = None
    presentment_tax: Amount | None = None
    presentment_currency: str | None = None


class LedgerUnit(Model):
    """One returned unit.

    sku: its first spelling. revision: of the return in which it was decided; the same one again means unchanged.
    claim: None while it holds none.
    """

    sku: str
    ordinal: int
    revision: int
    state: UnitState
    option: Option | None = None
    decided_by: str = "nobody"
    exchange_variant_id: str | None = None
    exchange_sku: str | None = None
    claim: Claim | None = None
    action_id: str | None = None
    acted_at: Instant | None = None

    @property
    def id(self) -> UnitId:
        """What tells it from the other units of its return."""
        return folded_sku(self.sku), self.ordinal

    @property
    def acted(self) -> bool:
        """Whether it was paid: nothing touches it any more."""
        return self.state is UnitState.ACTED

    def left(self, state: UnitState) -> LedgerUnit:
        """The unit when it leaves the return for this state: it lets go of its index."""
        return self.model_copy(update={"state": state, "claim": None})


class LedgerReturn(Model):
    """One return. Portal and stage are those of its first upload.

    spellings: first spelling by folded sku. processed: per RP event how many of each folded sku; processed_whole: the
    whole return was. scans: ids of the physical events seen. late_scan: one came after the return had been stopped.
    awaited: parcels whose history is still to come; a rejection may be in it, so nothing acts before. since: when it
    reached the stages that are watched. called_for: what a person was called for already.
    """

    rma: str
    revision: int
    settings_version: int
    portal: Portal
    stage: ReturnActionStage
    consignments: tuple[str, ...] = ()
    awaited: tuple[str, ...] = ()
    awaited_since: Instant | None = None
    since: dict[Meaning, Instant] = Field(default_factory=dict)
    called_for: tuple[AlertKind, ...] = ()
    spellings: dict[str, str] = Field(default_factory=dict)
    units: tuple[LedgerUnit, ...] = ()
    progress: Progress = Progress()
    processed: dict[str, dict[str, int]] = Field(default_factory=dict)
    processed_whole: bool = False
    scans: tuple[str, ...] = ()
    late_scan: bool = False

    @property
    def stopped(self) -> bool:
        """Whether it was rejected or cancelled, which is for good."""
        return self.progress.stopped

    @property
    def open(self) -> bool:
        """Whether it can still be meant by an event that names no parcel."""
        return self.progress.of(Meaning.CLOSED, Meaning.REJECTED, Meaning.CANCELLED) is None

    def confirmed(self, unit: UnitId) -> bool:
        """Whether the hub has processed this unit: counts of different events add up, lowest ordinals first."""
        sku, ordinal = unit
        return self.processed_whole or ordinal <= sum(counts.get(sku, 0) for counts in self.processed.values())

    def with_units(self, units: Iterable[LedgerUnit]) -> LedgerReturn:
        """The return with these units, each in place of the one with the same identity, or behind all others."""
        known = {unit.id: unit for unit in self.units}
        return self.model_copy(update={"units": tuple((known | {unit.id: unit for unit in units}).values())})


class KeptEvent(Model):
    """As much of an event as the ledger needs, with the time of its first arrival.

    rma: None where the ledger must find the return. counts: of an RP, how many of each folded sku; whole: of a
    processed return without skus.
    """

    event_id: str
    rma: str | None = None
    consignment: str | None = None
    evidence: Evidence
    counts: dict[str, int] = Field(default_factory=dict)
    whole: bool = False
    arrived_at: Instant

    @property
    def id(self) -> tuple[str, str | None]:
        """The same fact may be told of several returns."""
        return self.event_id, self.rma

    @property
    def of_the_parcel(self) -> bool:
        """Whether it counts for every return that its parcel carries, and for those that will be uploaded."""
        return self.rma is None and self.consignment is not None and self.evidence.meaning not in OF_ONE_RETURN

    def expired(self, at: datetime) -> bool:
        """Whether it is no longer kept then: its thirty days end with the instant itself."""
        return at - self.arrived_at >= KEPT_FOR

    def again(self, other: KeptEvent) -> KeptEvent:
        """The same event after a repeat: the larger count per sku; its arrival stays the first one."""
        counts = larger(self.counts, other.counts)
        return self.model_copy(update={"counts": counts, "whole": self.whole or other.whole})


# They speak of one return, not of a parcel: told of several, nobody knows which one is meant.
OF_ONE_RETURN = frozenset({Meaning.PROCESSED, Meaning.REJECTED, Meaning.CANCELLED, Meaning.CLOSED})


class Ledger(Model):
    """Everything about one order that must agree about money, in one row.

    returns: by RMA, in the order in which they became known. kept: in the order of first arrival. attributions: the
    return that an event without one was found to mean, by event id; None for `ambiguous`. linked: by RMA, parcels
    whose history came before the decision that awaits it. more: how many decisions are still to come before anything
    may act; more_since: since when, None once a person was called for them.
    """

    order_key: str
    returns: dict[str, LedgerReturn] = Field(default_factory=dict)
    kept: tuple[KeptEvent, ...] = ()
    attributions: dict[str, str | None] = Field(default_factory=dict)
    linked: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    more: int = 0
    more_since: Instant | None = None

    @property
    def empty(self) -> bool:
        """Whether there is nothing to remember."""
        return not (self.returns or self.kept or self.attributions or self.linked)

    @property
    def next_expiry(self) -> datetime | None:
        """When the first kept event may be forgotten."""
        return min((event.arrived_at + KEPT_FOR for event in self.kept), default=None)

    def with_return(self, changed: LedgerReturn) -> Ledger:
        """The ledger with this return in place of the one with the same RMA, or behind all others."""
        return self.model_copy(update={"returns": {**self.returns, changed.rma: changed}})


def larger(one: dict[str, int], other: dict[str, int]) -> dict[str, int]:
    """Per sku the larger of two counts."""
    return {sku: max(one.get(sku, 0), other.get(sku, 0)) for sku in one.keys() | other.keys()}
