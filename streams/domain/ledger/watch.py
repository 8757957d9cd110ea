"""Watchdogs: a return that gets stuck on its way calls a person, once a stage, and so does an order that waits for more
decisions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from contracts.actions import AlertKind
from contracts.retailers import Watchdogs
from contracts.returns import Meaning
from streams.domain.ledger.effects import Alert
from streams.domain.ledger.state import KeptEvent, Ledger, LedgerReturn
from streams.domain.milestones import PHYSICAL

# Nothing more is to be waited for: the hub has done its work, or the return is over.
_ARRIVED = (Meaning.PROCESSED, Meaning.EXPORTED, Meaning.DELIVERED_BACK, Meaning.CLOSED)
# carrier-scans answers within a moment unless it stands still; without its answer nothing of the return is paid.
HISTORY_PATIENCE = timedelta(hours=1)
# All decisions of one breath come together, unless one of them became a dead letter.
DECISIONS_PATIENCE = timedelta(hours=1)

_SAYS: Mapping[AlertKind, str] = {
    AlertKind.PARCEL_HISTORY_MISSING: "what was said of its parcel before the upload has not come from carrier-scans, "
    "and nothing is paid before it has: see that carrier-scans runs, and its dead letters",
    AlertKind.RETURN_NOT_SCANNED: "was uploaded, and no carrier has scanned it: ask the customer whether it was posted",
    AlertKind.RETURN_NOT_DELIVERED: "was scanned, and is not delivered: ask the carrier for the parcel",
    AlertKind.RETURN_NOT_AT_DEPOT: "was delivered, and has no depot scan: ask the hub for the parcel",
    AlertKind.RETURN_NOT_PROCESSED: "is at the depot, and is not processed: ask the hub to process it",
}


@dataclass(frozen=True, slots=True)
class Watch:
    """What a return waits for: since when, and from when on that is too long."""

    kind: AlertKind
    since: datetime
    due: datetime


def noting(known: LedgerReturn, event: KeptEvent) -> LedgerReturn:
    """The return once it is noted when it was first heard to have reached a stage that is watched.

    Heard, not happened: a sender's clock may be wrong, and when what piled up during an outage comes at last, the next
    step is on its way too.
    """
    stage = _stage(event.evidence.meaning)
    if stage is None or (stage in known.since and known.since[stage] <= event.arrived_at):
        return known
    return known.model_copy(update={"since": {**known.since, stage: event.arrived_at}})


def watched(known: LedgerReturn, patience: Watchdogs) -> tuple[Watch, ...]:
    """What the return waits for now; nothing once it has arrived or was stopped."""
    watches: list[Watch] = []
    if known.stopped or known.progress.of(*_ARRIVED) is not None:
        return ()
    if known.awaited and known.awaited_since is not None:
        due = known.awaited_since + HISTORY_PATIENCE
        watches.append(Watch(AlertKind.PARCEL_HISTORY_MISSING, known.awaited_since, due))
    for stage, kind, days in (
        (Meaning.DEPOT, AlertKind.RETURN_NOT_PROCESSED, patience.processing_days),
        (Meaning.DELIVERED, AlertKind.RETURN_NOT_AT_DEPOT, patience.depot_days),
        (Meaning.FIRST_SCAN, AlertKind.RETURN_NOT_DELIVERED, patience.delivery_days),
        (Meaning.CREATED, AlertKind.RETURN_NOT_SCANNED, patience.scan_days),
    ):
        if stage in known.since:
            since = known.since[stage]
            watches.append(Watch(kind, since, since + timedelta(days=days)))
            break
    return tuple(watch for watch in watches if watch.kind not in known.called_for)


def next_watch(ledger: Ledger, patience: Watchdogs) -> datetime | None:
    """When the next return of the order will have waited too long, as it stands."""
    due = [watch.due for known in ledger.returns.values() for watch in watched(known, patience)]
    if ledger.more and ledger.more_since is not None:
        due.append(ledger.more_since + DECISIONS_PATIENCE)
    return min(due, default=None)


def call(ledger: Ledger, patience: Watchdogs, now: datetime) -> tuple[Ledger, tuple[Alert, ...]]:
    """The ledger once a person was called for every return that has waited too long by `now`, and the calls."""
    alerts: list[Alert] = []
    for known in ledger.returns.values():
        for watch in watched(known, patience):
            if watch.due <= now:
                known = known.model_copy(update={"called_for": (*known.called_for, watch.kind)})
                since = watch.since.isoformat(timespec="minutes")
                message = f"return {known.rma}, since {since}: {_SAYS[watch.kind]}"
                alerts.append(Alert(watch.kind, message, rma=known.rma))
        ledger = ledger.with_return(known)
    if ledger.more and ledger.more_since is not None and ledger.more_since + DECISIONS_PATIENCE <= now:
        alerts.append(_lacking(ledger, ledger.more_since))
        ledger = ledger.model_copy(update={"more_since": None})
    return ledger, tuple(alerts)


def _lacking(ledger: Ledger, since: datetime) -> Alert:
    message = (
        f"decisions that were made together with others ({ledger.more}) have not come since "
        f"{since.isoformat(timespec='minutes')}, and no return of the order is paid before: replay them from the dead "
        "letters of return-actions, with --again where they were dropped; a new or edited upload ends the waiting, too"
    )
    return Alert(AlertKind.DECISIONS_MISSING, message, about=since.isoformat())


def _stage(meaning: Meaning) -> Meaning | None:
    if meaning in (Meaning.DEPOT, Meaning.DELIVERED):
        return meaning
    return Meaning.FIRST_SCAN if meaning in PHYSICAL else None
