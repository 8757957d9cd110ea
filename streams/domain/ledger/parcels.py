"""Which parcels' histories are still to come: a rejection may stand in one, so their return does not act before.

The links of an upload go to carrier-scans while its decision comes here: either may be first. carrier-scans answers a
link behind everything that it had kept of the parcel.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from contracts.keys import tracking_key
from contracts.returns import ReturnEvent
from streams.domain.ledger.state import Ledger


def awaiting(ledger: Ledger, rma: str, parcels: Iterable[str], now: datetime) -> Ledger:
    """The ledger once this known return awaits these parcels, but for those whose history was here first."""
    here = ledger.linked.get(rma, ())
    asked = tuple(parcels)
    known = ledger.returns[rma]
    still = (*known.awaited, *(parcel for parcel in asked if parcel not in here and parcel not in known.awaited))
    since = known.awaited_since if known.awaited else now
    ledger = ledger.with_return(known.model_copy(update={"awaited": still, "awaited_since": since if still else None}))
    return _with_linked(ledger, rma, tuple(parcel for parcel in here if parcel not in asked))


def history_told(ledger: Ledger, event: ReturnEvent) -> Ledger:
    """The ledger once a parcel's history has come; one that nobody awaits yet is noted for its decision."""
    rma, parcel = (event.rma or "").strip(), tracking_key(event.consignment or "")
    known = ledger.returns.get(rma)
    if known is not None and parcel in known.awaited:
        still = tuple(other for other in known.awaited if other != parcel)
        since = known.awaited_since if still else None
        return ledger.with_return(known.model_copy(update={"awaited": still, "awaited_since": since}))
    if known is not None and parcel in known.consignments:
        return ledger
    return _with_linked(ledger, rma, tuple(sorted({*ledger.linked.get(rma, ()), parcel})))


def _with_linked(ledger: Ledger, rma: str, parcels: tuple[str, ...]) -> Ledger:
    others = {other: here for other, here in ledger.linked.items() if other != rma}
    return ledger.model_copy(update={"linked": {**others, rma: parcels} if parcels else others})
