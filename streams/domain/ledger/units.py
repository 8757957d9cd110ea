"""Where each unit stands, as portals and support desks read it; and what of it changed."""

from __future__ import annotations

from contracts.keys import split_order_key
from contracts.retailers import Portal, ReturnActionStage
from contracts.returns import NEEDS_PERSON, ReturnUnit, UnitState
from streams.domain.ledger.state import Ledger, LedgerReturn, LedgerUnit

_WAITS_FOR_STAGE = {
    ReturnActionStage.FIRST_SCAN: "first scan",
    ReturnActionStage.PROCESSING: "processing of this unit",
    ReturnActionStage.MANUAL: "CLOSED",
}


def changed_units(before: Ledger, after: Ledger) -> tuple[ReturnUnit, ...]:
    """The rows that differ from what was said last, new ones too."""
    said = {(row.rma, row.sku, row.ordinal): row for row in rows(before)}
    return tuple(row for row in rows(after) if said.get((row.rma, row.sku, row.ordinal)) != row)


def rows(ledger: Ledger) -> tuple[ReturnUnit, ...]:
    """The row of every unit that any upload of any return ever held."""
    return tuple(_row(ledger, known, unit) for known in ledger.returns.values() for unit in known.units)


def _row(ledger: Ledger, known: LedgerReturn, unit: LedgerUnit) -> ReturnUnit:
    claim = unit.claim
    return ReturnUnit(
        retailer=split_order_key(ledger.order_key)[0],
        order_key=ledger.order_key,
        rma=known.rma,
        sku=unit.sku,
        ordinal=unit.ordinal,
        state=unit.state,
        needs_person=unit.state in NEEDS_PERSON,
        option=unit.option,
        decided_by=unit.decided_by,
        amount=claim.amount if claim else None,
        tax=claim.tax if claim else None,
        currency=claim.currency if claim else None,
        presentment_amount=claim.presentment_amount if claim else None,
        presentment_tax=claim.presentment_tax if claim else None,
        presentment_currency=claim.presentment_currency if claim else None,
        line_id=claim.line_id if claim else None,
        line_index=claim.index if claim else None,
        confirmed=known.confirmed(unit.id),
        milestone=known.progress.milestone,
        waiting_for=waiting_for(ledger, known, unit),
        action_id=unit.action_id,
        acted_at=unit.acted_at,
        settings_version=known.settings_version,
    )


def waiting_for(ledger: Ledger, known: LedgerReturn, unit: LedgerUnit) -> str | None:
    """What will make the unit act, in words for a support desk; None when nothing of ours will."""
    if unit.state in (UnitState.WAITING_FOR_ORDER, UnitState.ORDER_NOT_FOUND):
        return "order"
    if unit.state in NEEDS_PERSON:
        return "a person"
    if unit.state is not UnitState.DECIDED or known.portal is Portal.LOOP:
        return None
    if ledger.more:
        return "other returns of this order"
    return f"history of parcel {known.awaited[0]}" if known.awaited else _WAITS_FOR_STAGE[known.stage]
