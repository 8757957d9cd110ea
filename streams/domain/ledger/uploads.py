"""Taking a decision: the units that an upload leaves, adds and changes, and which index each of them claims."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from contracts.actions import AlertKind
from contracts.keys import folded_sku, tracking_key
from contracts.returns import NEEDS_PERSON, DecisionState, Meaning, ReturnDecision, UnitDecision, UnitState
from streams.domain.ledger.attribution import place
from streams.domain.ledger.effects import Alert, Effects
from streams.domain.ledger.events import settle
from streams.domain.ledger.matching import Held, Lines, claims_by_line, lines_by_sku, match
from streams.domain.ledger.parcels import awaiting
from streams.domain.ledger.state import Ledger, LedgerReturn, LedgerUnit, UnitId

# What the order itself says comes before matching; in all other states a unit is matched whatever its outcome.
_OF_THE_ORDER = frozenset(
    {
        DecisionState.WAITING_FOR_ORDER,
        DecisionState.ORDER_NOT_FOUND,
        DecisionState.ORDER_AMBIGUOUS,
        DecisionState.ORDER_CANCELLED,
    }
)


class FactsMissing(ValueError):
    """A decision asks for a match and brings no order to match with."""


def take_decision(
    ledger: Ledger, decision: ReturnDecision, arrived_at: datetime, now: datetime
) -> tuple[Ledger, Effects]:
    """The ledger once it knows this decision, and what follows; one that is not newer changes nothing.

    Raises FactsMissing where a unit is to be matched and the decision brings no order.
    """
    rma = decision.rma.strip()
    known = ledger.returns.get(rma)
    if known is not None and decision.revision <= known.revision:
        return ledger, Effects()
    # Kept events are for uploads within their time: the first one says when it came, of an edit only the record does.
    uploaded_at = decision.uploaded_at if known is None else arrived_at
    more_since = None if not decision.more else ledger.more_since if ledger.more else now
    after = ledger.with_return(_known(known, rma, decision))
    after = after.model_copy(update={"more": decision.more, "more_since": more_since})
    after, alerts = _place_kept(awaiting(after, rma, decision.awaited, now), uploaded_at)
    if after.returns[rma].stopped:
        after = after.with_return(_add_stopped(after.returns[rma], decision))
    else:
        after = _replace_units(after, rma, decision)
        alerts += _for_a_person(known, after.returns[rma])
    return settle(ledger, after, alerts, now)


def _known(known: LedgerReturn | None, rma: str, decision: ReturnDecision) -> LedgerReturn:
    """The return with its revision, consignments and spellings; its settings are those of the first decision."""
    if known is None:
        known = LedgerReturn(
            rma=rma,
            revision=decision.revision,
            settings_version=decision.settings.version,
            portal=decision.settings.portal,
            stage=decision.settings.return_action,
            since={Meaning.CREATED: decision.uploaded_at},
        )
    named = filter(None, map(tracking_key, decision.consignments))
    spelt = {folded_sku(unit.sku): unit.sku.strip() for unit in reversed(decision.units)}
    return known.model_copy(
        update={
            "revision": decision.revision,
            "consignments": tuple(sorted({*known.consignments, *named})),
            "spellings": {**spelt, **known.spellings},
        }
    )


def _place_kept(ledger: Ledger, uploaded_at: datetime) -> tuple[Ledger, tuple[Alert, ...]]:
    alerts: tuple[Alert, ...] = ()
    for event in ledger.kept:
        if not event.expired(uploaded_at):
            ledger, more = place(ledger, event)
            alerts += more
    return ledger, alerts


def _add_stopped(known: LedgerReturn, decision: ReturnDecision) -> LedgerReturn:
    """Units of a stopped return are stopped and stay undecided; those known keep what was decided of them."""
    units = {unit.id: unit for unit in known.units}
    stopped = (
        LedgerUnit(
            sku=known.spellings[folded_sku(decided.sku)],
            ordinal=decided.ordinal,
            revision=decided.revision,
            state=UnitState.STOPPED,
        )
        for decided in decision.units
        if (unit := units.get(_id(decided))) is None or unit.state is UnitState.WITHDRAWN
    )
    return known.with_units(stopped)


def _replace_units(ledger: Ledger, rma: str, decision: ReturnDecision) -> Ledger:
    """First all withdrawn and changed units let go, then the changed and new ones are matched in upload order."""
    known = ledger.returns[rma]
    uploaded = {_id(decided): decided for decided in decision.units}
    units: dict[UnitId, LedgerUnit] = {}
    for unit in known.units:
        kept = uploaded.get(unit.id)
        goes = not unit.acted and (kept is None or _is_new(unit, kept))
        units[unit.id] = unit.left(UnitState.WITHDRAWN) if goes else unit
    ledger = ledger.with_return(known.with_units(units.values()))
    held, lines = claims_by_line(ledger), lines_by_sku(decision.order) if decision.order else Lines(list)
    for decided in decision.units:
        before = units.get(_id(decided))
        if before is None or _is_new(before, decided):
            units[_id(decided)] = _matched(known, decision, decided, lines, held)
    return ledger.with_return(known.with_units(units.values()))


def _is_new(unit: LedgerUnit, decided: UnitDecision) -> bool:
    """Whether the unit is to be matched anew: it came back, or its content changed; never once it acted."""
    return not unit.acted and (unit.state is UnitState.WITHDRAWN or unit.revision != decided.revision)


def _matched(
    known: LedgerReturn, decision: ReturnDecision, decided: UnitDecision, lines: Lines, held: Held
) -> LedgerUnit:
    unit = LedgerUnit(
        sku=known.spellings[folded_sku(decided.sku)],
        ordinal=decided.ordinal,
        revision=decided.revision,
        state=UnitState(decided.state),
        option=decided.option,
        decided_by=decided.decided_by,
        exchange_variant_id=decided.exchange_variant_id,
        exchange_sku=decided.exchange_sku,
    )
    if decided.state in _OF_THE_ORDER:
        return unit
    if decision.order is None:
        raise FactsMissing(
            f"decision {decision.revision} of return {known.rma} decides {decided.sku!r} and brings no order to match "
            "with"
        )
    found = match(unit.sku, known.rma, decision.order, lines, held)
    if isinstance(found, UnitState):
        return unit.model_copy(update={"state": found, "option": None})
    unit = unit.model_copy(update={"claim": found})
    held[found.line_id].append((known.rma, unit))
    return unit


def _id(decided: UnitDecision) -> UnitId:
    return folded_sku(decided.sku), decided.ordinal


_OWN_KIND = {
    UnitState.ORDER_NOT_FOUND: AlertKind.ORDER_NOT_FOUND,
    UnitState.ORDER_AMBIGUOUS: AlertKind.ORDER_AMBIGUOUS,
}


def _for_a_person(before: LedgerReturn | None, after: LedgerReturn) -> tuple[Alert, ...]:
    """One alert for each unit that now calls for somebody; one for the return where it is the order that does."""
    known = before.units if before else ()
    said = {(unit.id, unit.state) for unit in known}
    calling = [u for u in after.units if u.state in NEEDS_PERSON and (u.id, u.state) not in said]
    orders = {unit.state for unit in calling if unit.state in _OWN_KIND} - {unit.state for unit in known}
    return (*_of_return(after, sorted(orders)), *_of_units(after, calling))


def _of_return(known: LedgerReturn, states: Iterable[UnitState]) -> tuple[Alert, ...]:
    remedy = {
        UnitState.ORDER_NOT_FOUND: "its order did not come in time: import it, or correct the order number",
        UnitState.ORDER_AMBIGUOUS: "two orders have this name: decide by hand",
    }
    return tuple(
        Alert(_OWN_KIND[state], f"return {known.rma}: {remedy[state]}", rma=known.rma, about=state) for state in states
    )


def _of_units(known: LedgerReturn, units: Iterable[LedgerUnit]) -> tuple[Alert, ...]:
    return tuple(
        Alert(
            AlertKind.NEEDS_PERSON,
            f"return {known.rma}, {unit.sku} number {unit.ordinal}: {unit.state}; decide by hand",
            rma=known.rma,
            sku=unit.sku,
            ordinal=unit.ordinal,
            about=unit.state,
        )
        for unit in units
        if unit.state not in _OWN_KIND
    )
