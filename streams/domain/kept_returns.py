"""What return-rules keeps of an order's returns, and what an upload, the order or the end of a hold change in it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

from pydantic import Field

from contracts.keys import folded_sku, tracking_key
from contracts.model import Instant, Model
from contracts.orders import Order
from contracts.retailers import FrozenSettings
from contracts.returns import DecisionState, ReturnDecision, ReturnUpload, UnitDecision, UploadedUnit
from streams.domain.decisions import content_of_unit, content_of_upload, decide_unit, ordinals
from streams.domain.orders import facts

# A customer may post the parcel months after printing the label, and a scan that finds no link pays nobody: so a year
# and a month, far beyond any label's validity. Not for ever: carriers give old tracking numbers to new parcels.
FORGOTTEN_AFTER = timedelta(days=400)

UNDECIDED: frozenset[DecisionState] = frozenset({DecisionState.WAITING_FOR_ORDER, DecisionState.ORDER_NOT_FOUND})


class KeptReturn(Model):
    """One return.

    uploaded_at: of the first upload; last_upload_at: of the last that was no repeat. uploads: digests of all of them.
    hold_over: the order has not come in time. spellings: the first spelling by folded sku. consignments: tracking keys.
    """

    rma: str
    settings: FrozenSettings
    uploaded_at: Instant
    last_upload_at: Instant
    revision: int = 0
    hold_over: bool = False
    uploads: tuple[str, ...] = ()
    spellings: dict[str, str] = Field(default_factory=dict)
    units: tuple[UnitDecision, ...] = ()
    consignments: tuple[str, ...] = ()

    @property
    def hold_ends(self) -> datetime | None:
        """When it stops waiting for its order; None where it does not wait."""
        if not any(unit.state is DecisionState.WAITING_FOR_ORDER for unit in self.units):
            return None
        return self.uploaded_at + timedelta(hours=self.settings.hold_hours)

    @property
    def forgotten_at(self) -> datetime:
        """When it is forgotten."""
        return self.last_upload_at + FORGOTTEN_AFTER

    def taking(self, upload: ReturnUpload, at: datetime, order: Order | None) -> KeptReturn:
        """Once this upload is known: unchanged units keep their decision, changed and new ones are decided now."""
        spelt = {folded_sku(unit.sku): unit.sku.strip() for unit in reversed(upload.units)}
        known = self.knowing(upload).model_copy(update={"spellings": {**spelt, **self.spellings}})
        units = zip(upload.units, ordinals(upload.units), strict=True)
        decided = {(folded_sku(unit.sku), unit.ordinal): unit for unit in self.units}
        return known.model_copy(
            update={
                "last_upload_at": max(at, self.last_upload_at),
                "units": tuple(
                    _kept(decided.get((folded_sku(unit.sku), ordinal)), unit, order)
                    or known._decided(unit, ordinal, order)
                    for unit, ordinal in units
                ),
            }
        )

    def knowing(self, upload: ReturnUpload) -> KeptReturn:
        """Once this upload is known, its parcels count. Where a later one has overtaken it, that is all."""
        return self.model_copy(
            update={
                "revision": self.revision + 1,
                "uploads": (*self.uploads, content_of_upload(upload)),
                "consignments": tuple(dict.fromkeys((*self.consignments, *parcels(upload)))),
            }
        )

    def with_order(self, order: Order) -> KeptReturn:
        """Once its order is there: what was not decided is."""
        return self._deciding(UNDECIDED, order)

    def given_up(self) -> KeptReturn:
        """Once its order has not come in time; it is still decided should it come."""
        over = self.model_copy(update={"hold_over": True})
        return over._deciding({DecisionState.WAITING_FOR_ORDER}, None)

    def told(self, key: str, order: Order | None, more: int, parcels_before: Collection[str]) -> ReturnDecision:
        """What others are told of it; the order's facts only when units were decided in this very revision."""
        fresh = any(unit.revision == self.revision for unit in self.units)
        return ReturnDecision(
            retailer=key.partition("/")[0],
            order_key=key,
            rma=self.rma,
            revision=self.revision,
            uploaded_at=self.uploaded_at,
            settings=self.settings,
            units=self.units,
            consignments=self.consignments,
            awaited=tuple(parcel for parcel in self.consignments if parcel not in parcels_before),
            order=facts(order) if order is not None and fresh else None,
            more=more,
        )

    def _deciding(self, states: Collection[DecisionState], order: Order | None) -> KeptReturn:
        if not any(unit.state in states for unit in self.units):
            return self
        known = self.model_copy(update={"revision": self.revision + 1})
        units = tuple(
            known._decided(_as_uploaded(unit), unit.ordinal, order) if unit.state in states else unit
            for unit in self.units
        )
        return known.model_copy(update={"units": units})

    def _decided(self, unit: UploadedUnit, ordinal: int, order: Order | None) -> UnitDecision:
        spelt = unit.model_copy(update={"sku": self.spellings[folded_sku(unit.sku)]})
        holding = not self.hold_over
        return decide_unit(spelt, order, self.settings, ordinal=ordinal, revision=self.revision, holding=holding)


class ForgottenReturn(Model):
    """What is left of a return for ever, so that a repeat stays a repeat and revisions go on rising."""

    revision: int
    uploads: tuple[str, ...]


class OrderReturns(Model):
    """All returns of one order, in the sequence of their first uploads."""

    returns: tuple[KeptReturn, ...] = ()
    forgotten: dict[str, ForgottenReturn] = Field(default_factory=dict)

    @property
    def next_hold_end(self) -> datetime | None:
        """When the next return stops waiting."""
        return min((known.hold_ends for known in self.returns if known.hold_ends is not None), default=None)

    @property
    def next_forgotten(self) -> datetime | None:
        """When the next return is forgotten."""
        return min((known.forgotten_at for known in self.returns), default=None)

    def of(self, rma: str) -> KeptReturn | None:
        """The return with this RMA."""
        return next((known for known in self.returns if known.rma == rma), None)

    def first(self, rma: str, settings: FrozenSettings, at: datetime) -> KeptReturn:
        """A return that is not known, before its first upload. One that was forgotten goes on counting."""
        forgotten = self.forgotten.get(rma, ForgottenReturn(revision=0, uploads=()))
        return KeptReturn(
            rma=rma,
            settings=settings,
            uploaded_at=at,
            last_upload_at=at,
            revision=forgotten.revision,
            uploads=forgotten.uploads,
        )

    def repeats(self, upload: ReturnUpload) -> bool:
        """Whether this upload equals any earlier one of its return."""
        rma = upload.rma.strip()
        known = self.of(rma) or self.forgotten.get(rma)
        return known is not None and content_of_upload(upload) in known.uploads

    def having(self, changed: KeptReturn) -> OrderReturns:
        """With this return as it is now; a new one comes last."""
        if self.of(changed.rma) is None:
            return self.model_copy(update={"returns": (*self.returns, changed)})
        returns = tuple(changed if known.rma == changed.rma else known for known in self.returns)
        return self.model_copy(update={"returns": returns})

    def with_order(self, order: Order | None) -> OrderReturns:
        """Once the order is there: all returns that waited for it are decided."""
        if order is None:
            return self
        return self.model_copy(update={"returns": tuple(known.with_order(order) for known in self.returns)})

    def after_holds(self, now: datetime) -> OrderReturns:
        """Once the holds that end by `now` are over."""
        over = (known.given_up() if known.hold_ends and known.hold_ends <= now else known for known in self.returns)
        return self.model_copy(update={"returns": tuple(over)})

    def forgetting(self, now: datetime) -> OrderReturns:
        """Without the returns whose time is up by `now`.

        An upload after that is a first one again: it takes new settings. That pays nobody twice, for the ledger never
        acts twice for a unit; and its order is gone, so it ends before a person.
        """
        gone = [known for known in self.returns if known.forgotten_at <= now]
        remains = {known.rma: ForgottenReturn(revision=known.revision, uploads=known.uploads) for known in gone}
        return OrderReturns(
            returns=tuple(known for known in self.returns if known not in gone),
            forgotten={**self.forgotten, **remains},
        )


def parcels(upload: ReturnUpload) -> dict[str, str]:
    """The consignment numbers as they were first spelt, by tracking key, in the order of the upload."""
    named = (*upload.consignments, *(unit.consignment_no for unit in upload.units))
    spelt = {tracking_key(number): number.strip() for number in reversed(named) if tracking_key(number)}
    return {key: spelt[key] for key in dict.fromkeys(map(tracking_key, named)) if key}


def _kept(known: UnitDecision | None, unit: UploadedUnit, order: Order | None) -> UnitDecision | None:
    """The decision that an unchanged unit has, unless it is none and could be made now."""
    if known is None or known.content != content_of_unit(unit):
        return None
    return known if order is None or known.state not in UNDECIDED else None


def _as_uploaded(unit: UnitDecision) -> UploadedUnit:
    return UploadedUnit(
        sku=unit.sku,
        reason=unit.reason,
        return_action=unit.return_action,
        exchange_variant_id=unit.exchange_variant_id,
        exchange_sku=unit.exchange_sku,
    )
