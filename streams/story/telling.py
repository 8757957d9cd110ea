"""Which records of an order make up the story of one return, and what can be said of each. Pure: no I/O, no clock."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import takewhile

from contracts.actions import AlertKind, ReturnAction, ReturnAlert
from contracts.keys import fact_id, folded_sku, split_order_key, tracking_key
from contracts.model import Model
from contracts.returns import Meaning, ReturnDecision, ReturnEvent, ReturnUnit, ReturnUpload
from contracts.tracking import Delivery
from streams.domain.decisions import consignments_of, content_of_upload
from streams.domain.ledger.state import OF_ONE_RETURN


@dataclass(frozen=True, slots=True)
class Said:
    """One record of the order. at: when it was written. replay_for: the one agent that a replay is for."""

    at: datetime
    value: Model
    replay_for: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the story. remark: what became of it, where the record alone does not say. times: how often the
    same was said."""

    at: datetime
    value: Model
    remark: str = ""
    times: int = 1


@dataclass(frozen=True, slots=True)
class Standing:
    """Where one unit stands. changed: when its row was written. since: from when on it waits for what it waits for
    now, None where it waits for nothing."""

    unit: ReturnUnit
    changed: datetime
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Story:
    """One return. entries: in the sequence in which they were heard of. decision: the newest, None before the first.
    others: RMAs of the order's other returns."""

    order_key: str
    rma: str
    entries: tuple[Entry, ...] = ()
    units: tuple[Standing, ...] = ()
    decision: ReturnDecision | None = None
    others: tuple[str, ...] = ()

    @property
    def empty(self) -> bool:
        """Whether nothing speaks of this very return: alerts and events of its order alone are not a return."""
        return not self.units and all(_rma_of(entry.value) != self.rma for entry in self.entries)


# Of records written in the same millisecond, the sequence in which one leads to the other.
_SEQUENCE: tuple[type[Model], ...] = (
    ReturnUpload,
    ReturnEvent,
    ReturnDecision,
    ReturnAction,
    ReturnAlert,
    Delivery,
)


def tell(order_key: str, rma: str, said: Iterable[Said]) -> Story:
    """The story of one return from all records of its order, in whatever sequence."""
    known = sorted(said, key=lambda each: (each.at, _rank(each.value)))
    order = _Order.of(order_key, known)
    entries: dict[Hashable, Entry] = {}
    for each in known:
        remark = None if isinstance(each.value, ReturnUnit) else order.remark(rma, each)
        if remark is None:
            continue
        identity = _identity(each.value)
        before = entries.get(identity) if identity is not None else None
        if before is not None:
            entries[identity] = replace(before, times=before.times + 1)
        else:
            entries[identity if identity is not None else len(entries)] = Entry(each.at, each.value, remark)
    decisions = [(e.at, e.value) for e in known if isinstance(e.value, ReturnDecision) and e.value.rma == rma]
    decisions.sort(key=lambda told: told[1].revision)
    return Story(
        order_key=order_key,
        rma=rma,
        entries=tuple(entries.values()),
        units=tuple(_standing(rma, known, decisions)),
        decision=decisions[-1][1] if decisions else None,
        others=tuple(other for other in order.parcels if other != rma),
    )


@dataclass(slots=True)
class _Order:
    """What all returns of the order decide together. parcels: tracking keys by RMA. alerts: ids of all."""

    key: str
    parcels: dict[str, set[str]] = field(default_factory=dict)
    alerts: set[str] = field(default_factory=set)
    _uploads: set[tuple[str, str]] = field(default_factory=set)

    @staticmethod
    def of(key: str, said: Iterable[Said]) -> _Order:
        order = _Order(key)
        for each in said:
            match each.value:
                case ReturnUpload() as upload:
                    order.parcels.setdefault(upload.rma.strip(), set()).update(consignments_of(upload))
                case ReturnDecision() as decision:
                    order.parcels.setdefault(decision.rma, set()).update(map(tracking_key, decision.consignments))
                case ReturnUnit() as unit:
                    order.parcels.setdefault(unit.rma, set())
                case ReturnAlert() as alert:
                    order.alerts.add(alert.alert_id)
        return order

    def remark(self, rma: str, said: Said) -> str | None:
        """What to say of a record beside what it says itself; None where it is about another return."""
        value = said.value
        if isinstance(value, ReturnEvent):
            remark = self._of_event(rma, value)
        elif _rma_of(value) not in (rma, None):
            return None
        elif isinstance(value, ReturnUpload):
            remark = self._of_upload(value)
        elif isinstance(value, Delivery) and value.rma is None and len(self.parcels) > 1:
            remark = "names no return"
        else:
            remark = ""
        if remark is None or said.replay_for is None:
            return remark
        return "; ".join(filter(None, (remark, f"sent again for {said.replay_for} alone")))

    def _of_upload(self, upload: ReturnUpload) -> str:
        content = upload.rma.strip(), content_of_upload(upload)
        if content in self._uploads:
            return "a repeat: it changes nothing"
        self._uploads.add(content)
        return ""

    def _of_event(self, rma: str, event: ReturnEvent) -> str | None:
        if not _about(self.parcels, rma, event):
            return None
        if not event.source.speaks_for(split_order_key(self.key)[0]):
            return f"ignored: {event.source.account} may not speak for this retailer"
        ambiguous = fact_id(AlertKind.AMBIGUOUS_EVENT, self.key, None, None, None, event.event_id)
        if ambiguous in self.alerts:
            return "ambiguous: it could mean several returns, and counts for none"
        return _whom_it_means(self.parcels, rma, event)


def _about(parcels: Mapping[str, set[str]], rma: str, event: ReturnEvent) -> bool:
    """Whether the event means this return, or may."""
    named = (event.rma or "").strip()
    if named:
        return named == rma
    parcel = tracking_key(event.consignment or "")
    under = [each for each, keys in parcels.items() if parcel in keys]
    return not parcel or not under or rma in under


def _whom_it_means(parcels: Mapping[str, set[str]], rma: str, event: ReturnEvent) -> str:
    parcel = tracking_key(event.consignment or "")
    if parcel and event.meaning is not Meaning.LINKED and not any(parcel in keys for keys in parcels.values()):
        return "waits: no return of this order has this parcel"
    if (event.rma or "").strip():
        return ""
    under = [each for each, keys in parcels.items() if not parcel or parcel in keys]
    if len(under) < 2:
        return ""
    if parcel and event.meaning not in OF_ONE_RETURN:
        return f"counts for each return in this parcel: {', '.join(under)}"
    return f"counts for at most one of {', '.join(under)}: it names none, and where it was open which, the ledger chose"


def _standing(rma: str, said: Iterable[Said], decisions: Sequence[tuple[datetime, ReturnDecision]]) -> list[Standing]:
    rows: dict[tuple[str, int], list[tuple[datetime, ReturnUnit]]] = {}
    for each in said:
        if isinstance(each.value, ReturnUnit) and each.value.rma == rma:
            identity = folded_sku(each.value.sku), each.value.ordinal
            rows.setdefault(identity, []).append((each.at, each.value))
    return [
        Standing(rows[identity][-1][1], rows[identity][-1][0], _waits_since(identity, rows[identity], decisions))
        for identity in sorted(rows)
    ]


def _waits_since(
    identity: tuple[str, int],
    rows: Sequence[tuple[datetime, ReturnUnit]],
    decisions: Sequence[tuple[datetime, ReturnDecision]],
) -> datetime | None:
    """A row is written anew with every milestone, and compaction takes the older ones: what the rows no longer tell,
    the decision does that the unit stands on, to within the moments between the agents."""
    waiting_for = rows[-1][1].waiting_for
    if waiting_for is None:
        return None
    if waiting_for == "order" and decisions:
        return decisions[-1][1].uploaded_at
    run = list(takewhile(lambda row: row[1].waiting_for == waiting_for, reversed(rows)))
    since = run[-1][0]
    if len(run) < len(rows):
        return since
    decided = [at for at, decision in decisions if _decides(decision, identity)]
    return min(since, decided[-1]) if decided else since


def _decides(decision: ReturnDecision, identity: tuple[str, int]) -> bool:
    return any(
        (folded_sku(unit.sku), unit.ordinal) == identity and unit.revision == decision.revision
        for unit in decision.units
    )


def _rma_of(value: Model) -> str | None:
    named = getattr(value, "rma", None)
    return named.strip() or None if isinstance(named, str) else None


def _rank(value: Model) -> int:
    return next((rank for rank, kind in enumerate(_SEQUENCE) if isinstance(value, kind)), len(_SEQUENCE))


def _identity(value: Model) -> Hashable | None:
    """What makes two records the same fact, told twice; None where each record is one of its own."""
    match value:
        case ReturnEvent() as event:
            return event.event_id, event.rma, event.items
        case ReturnAlert() as alert:
            return alert.alert_id
        case _:
            return None
