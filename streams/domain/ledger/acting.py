"""When a unit is paid: at the stage that its return was uploaded under, once for ever, and never once stopped."""

from __future__ import annotations

from datetime import datetime

from contracts import keys
from contracts.actions import ActionEvidence, ReturnAction
from contracts.retailers import Portal, ReturnActionStage
from contracts.returns import Meaning, UnitState
from streams.domain.ledger.state import Ledger, LedgerReturn, LedgerUnit
from streams.domain.milestones import Evidence


def stop(ledger: Ledger) -> Ledger:
    """Take the claims from all units of rejected and cancelled returns that have not acted."""
    for known in ledger.returns.values():
        if not known.stopped:
            continue
        ended = (UnitState.ACTED, UnitState.WITHDRAWN, UnitState.STOPPED)
        stopped = [unit.left(UnitState.STOPPED) for unit in known.units if unit.state not in ended]
        ledger = ledger.with_return(known.with_units(stopped))
    return ledger


def act(ledger: Ledger, now: datetime) -> tuple[Ledger, tuple[ReturnAction, ...]]:
    """Pay every unit that is due, unless decisions about the same order are still to come."""
    if ledger.more > 0:
        return ledger, ()
    actions: list[ReturnAction] = []
    for known in ledger.returns.values():
        acted: list[LedgerUnit] = []
        for unit in known.units:
            evidence = due(known, unit)
            if evidence is not None:
                action = action_of(ledger.order_key, known, unit, evidence, now)
                paid = {"state": UnitState.ACTED, "action_id": action.action_id, "acted_at": now}
                acted.append(unit.model_copy(update=paid))
                actions.append(action)
        ledger = ledger.with_return(known.with_units(acted)) if acted else ledger
    return ledger, tuple(actions)


def due(known: LedgerReturn, unit: LedgerUnit) -> Evidence | None:
    """What makes the unit due now, None while nothing does. On Loop nothing ever does: Loop issues."""
    if unit.state is not UnitState.DECIDED or known.portal is Portal.LOOP or known.stopped or known.awaited:
        return None
    match known.stage:
        case ReturnActionStage.FIRST_SCAN:
            return known.progress.first_scan
        case ReturnActionStage.PROCESSING:
            return known.progress.of(Meaning.PROCESSED) if known.confirmed(unit.id) else None
        case ReturnActionStage.MANUAL:
            return known.progress.of(Meaning.CLOSED)


def action_of(order_key: str, known: LedgerReturn, unit: LedgerUnit, evidence: Evidence, now: datetime) -> ReturnAction:
    """The record that pays a unit. ValueError for a unit without option or claim: it was never decided."""
    claim, option = unit.claim, unit.option
    if claim is None or option is None:
        raise ValueError(f"{order_key} {known.rma} {unit.id}: decided without a claim or an option")
    return ReturnAction(
        action_id=keys.action_id(order_key, known.rma, unit.sku, unit.ordinal, option),
        retailer=keys.split_order_key(order_key)[0],
        order_key=order_key,
        order_id=claim.order_id,
        rma=known.rma,
        sku=unit.sku,
        ordinal=unit.ordinal,
        option=option,
        amount=claim.amount,
        tax=claim.tax,
        currency=claim.currency,
        taxes_included=claim.taxes_included,
        presentment_amount=claim.presentment_amount,
        presentment_tax=claim.presentment_tax,
        presentment_currency=claim.presentment_currency,
        line_id=claim.line_id,
        line_index=claim.index,
        variant_id=claim.variant_id,
        exchange_variant_id=unit.exchange_variant_id,
        exchange_sku=unit.exchange_sku,
        stage=known.stage,
        evidence=ActionEvidence(
            milestone=evidence.meaning, event_id=evidence.event_id, at=evidence.at, code=evidence.code
        ),
        decided_by=unit.decided_by,
        settings_version=known.settings_version,
        acted_at=now,
    )
