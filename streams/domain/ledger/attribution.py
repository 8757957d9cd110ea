"""Which returns of an order an event means, and what those returns then know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from contracts.actions import AlertKind
from contracts.returns import Meaning
from streams.domain.ledger.effects import Alert
from streams.domain.ledger.state import KeptEvent, Ledger, LedgerReturn, larger
from streams.domain.ledger.watch import noting
from streams.domain.milestones import PHYSICAL


@dataclass(frozen=True, slots=True)
class Meant:
    """rmas: the returns meant. waits: none is known yet. ambiguous: it could be several, and may be only one."""

    rmas: tuple[str, ...] = ()
    waits: bool = False
    ambiguous: bool = False


WAITS = Meant(waits=True)
AMBIGUOUS = Meant(ambiguous=True)


def returns_meant(ledger: Ledger, event: KeptEvent) -> Meant:
    """Which of the known returns the event means. What was found once stays, `ambiguous` too."""
    if event.rma is not None:
        known = ledger.returns.get(event.rma)
        # Of a parcel that the return does not have yet: the edit that brought it is on its way, and counts first.
        arrived = known is not None and (event.consignment is None or event.consignment in known.consignments)
        return Meant((event.rma,)) if arrived else WAITS
    if event.event_id in ledger.attributions:
        rma = ledger.attributions[event.event_id]
        return AMBIGUOUS if rma is None else Meant((rma,))
    if event.consignment is None:
        return _only_one([r for r in ledger.returns.values() if r.open] or list(ledger.returns.values()))
    under = [known for known in ledger.returns.values() if event.consignment in known.consignments]
    if event.of_the_parcel:
        return Meant(tuple(known.rma for known in under)) if under else WAITS
    return _only_one(under)


def _only_one(candidates: Sequence[LedgerReturn]) -> Meant:
    if not candidates:
        return WAITS
    return Meant((candidates[0].rma,)) if len(candidates) == 1 else AMBIGUOUS


def place(ledger: Ledger, event: KeptEvent) -> tuple[Ledger, tuple[Alert, ...]]:
    """Let the returns know of a kept event, as far as they are known; it stays kept while others may come."""
    meant = returns_meant(ledger, event)
    if meant.waits:
        return ledger, ()
    alerts: list[Alert] = []
    if meant.ambiguous and event.event_id not in ledger.attributions:
        alerts.append(_ambiguous(event))
    for rma in meant.rmas:
        known, late = learn(ledger.returns[rma], event)
        ledger = ledger.with_return(known)
        alerts += late
    return _settled(ledger, event, meant), tuple(alerts)


def _settled(ledger: Ledger, event: KeptEvent, meant: Meant) -> Ledger:
    if event.of_the_parcel:
        return ledger
    changes: dict[str, object] = {"kept": tuple(kept for kept in ledger.kept if kept.id != event.id)}
    if event.rma is None:
        changes["attributions"] = {**ledger.attributions, event.event_id: None if meant.ambiguous else meant.rmas[0]}
    return ledger.model_copy(update=changes)


def learn(known: LedgerReturn, event: KeptEvent) -> tuple[LedgerReturn, tuple[Alert, ...]]:
    """What a return knows once it knows this event too; a repeat teaches at most a larger count."""
    changes: dict[str, object] = {"progress": known.progress.after(event.evidence)}
    alerts: tuple[Alert, ...] = ()
    if event.evidence.meaning in PHYSICAL and event.event_id not in known.scans:
        changes["scans"] = (*known.scans, event.event_id)
        if known.stopped and not known.late_scan:
            changes["late_scan"] = True
            alerts = (_late_scan(known, event),)
    if event.evidence.meaning is Meaning.PROCESSED:
        changes["processed_whole"] = known.processed_whole or event.whole
        counts = larger(known.processed.get(event.event_id, {}), event.counts)
        changes["processed"] = {**known.processed, event.event_id: counts}
    return noting(known.model_copy(update=changes), event), alerts


def _ambiguous(event: KeptEvent) -> Alert:
    where = f"consignment {event.consignment}" if event.consignment else "no consignment"
    message = (
        f"event {event.evidence.code or event.evidence.meaning} ({where}) could mean several returns of this order "
        "and was counted for none: look it up and set the status of the return that is meant"
    )
    return Alert(AlertKind.AMBIGUOUS_EVENT, message, about=event.event_id)


def _late_scan(known: LedgerReturn, event: KeptEvent) -> Alert:
    message = (
        f"return {known.rma} was rejected or cancelled, and yet its parcel moves "
        f"({event.evidence.code or event.evidence.meaning}): nothing will be paid unless somebody does"
    )
    return Alert(AlertKind.SCAN_OF_STOPPED_RETURN, message, rma=known.rma, about=event.event_id)
