"""Which stage a return has reached: a lattice that only rises, whatever order the events come in."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.resources import files
from typing import Any

from contracts.returns import Meaning, ReturnEvent
from contracts.tracking import CarrierFormat

# From first to last; a return's milestone is the furthest of these that is known. `created` is our own upload.
LADDER: tuple[Meaning, ...] = (
    Meaning.CREATED,
    Meaning.LABEL,
    Meaning.FIRST_SCAN,
    Meaning.IN_TRANSIT,
    Meaning.OUT_FOR_DELIVERY,
    Meaning.DELIVERED,
    Meaning.DEPOT,
    Meaning.PROCESSED,
    Meaning.CLOSED,
)
_RANKS: Mapping[Meaning, int] = {meaning: rank for rank, meaning in enumerate(LADDER)}

# A label or manifest proves that somebody printed something; only these prove or imply that the carrier held the
# parcel. CLOSED is a clerk's word and implies nothing.
PHYSICAL: frozenset[Meaning] = frozenset(
    {
        Meaning.FIRST_SCAN,
        Meaning.IN_TRANSIT,
        Meaning.OUT_FOR_DELIVERY,
        Meaning.DELIVERED,
        Meaning.DEPOT,
        Meaning.PROCESSED,
        Meaning.EXPORTED,
        Meaning.DELIVERED_BACK,
    }
)

# They end a return for good, for every unit that has not acted.
STOPPING: frozenset[Meaning] = frozenset({Meaning.REJECTED, Meaning.CANCELLED})


@dataclass(frozen=True, slots=True)
class Vocabularies:
    """The senders' words as loaded from the packaged data: code (folded) to meaning, by format."""

    meanings: Mapping[CarrierFormat, Mapping[str, Meaning]]
    awaited_texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Evidence:
    """What shows a milestone. at: UTC, None where only a local time without zone is known (`local_time`)."""

    meaning: Meaning
    event_id: str
    code: str
    at: datetime | None = None
    local_time: str = ""

    @staticmethod
    def of(event: ReturnEvent) -> Evidence:
        """The evidence that an event is."""
        at = event.at.astimezone(UTC) if event.at else None
        return Evidence(event.meaning, event.event_id, event.code, at, event.local_time)

    @property
    def age(self) -> tuple[bool, str, str, str, str]:
        """Smaller is earlier. Instants come before local times, which cannot be compared with them; ties by content."""
        at = self.at.astimezone(UTC).isoformat(timespec="microseconds") if self.at else ""
        return not at, at, self.local_time, self.code, self.event_id


@dataclass(frozen=True, slots=True)
class Progress:
    """How far one return has come: the earliest evidence of each meaning, in the order of Meaning."""

    evidence: tuple[Evidence, ...] = ()

    def after(self, event: ReturnEvent | Evidence) -> Progress:
        """The progress once this is known too. Commutative and idempotent: order and repeats do not matter."""
        return self.merge(Progress((event if isinstance(event, Evidence) else Evidence.of(event),)))

    def merge(self, other: Progress) -> Progress:
        """What both know together. Commutative, associative and idempotent."""
        earliest: dict[Meaning, Evidence] = {}
        for seen in (*self.evidence, *other.evidence):
            known = earliest.get(seen.meaning)
            if known is None or seen.age < known.age:
                earliest[seen.meaning] = seen
        return Progress(tuple(earliest[meaning] for meaning in Meaning if meaning in earliest))

    def of(self, *meanings: Meaning) -> Evidence | None:
        """The earliest evidence of any of these, None where there is none."""
        return self._earliest(frozenset(meanings))

    @property
    def first_scan(self) -> Evidence | None:
        """The earliest physical evidence, for a later physical event implies a missed first scan."""
        return self._earliest(PHYSICAL)

    @property
    def milestone(self) -> Meaning | None:
        """The furthest step of the ladder that is known or implied, None before any."""
        known = {evidence.meaning for evidence in self.evidence}
        if known & PHYSICAL:
            known.add(Meaning.FIRST_SCAN)
        return max(known & _RANKS.keys(), key=_RANKS.__getitem__, default=None)

    @property
    def stopped(self) -> bool:
        """Whether the return was rejected or cancelled."""
        return self._earliest(STOPPING) is not None

    def _earliest(self, meanings: frozenset[Meaning]) -> Evidence | None:
        return min((e for e in self.evidence if e.meaning in meanings), key=lambda e: e.age, default=None)


def rank(meaning: Meaning) -> int | None:
    """The step of the ladder, None for what stands beside it."""
    return _RANKS.get(meaning)


def meaning_of(sender: CarrierFormat, code: str, text: str = "") -> Meaning:
    """What a sender's code says. An in-transit event whose text says that the parcel is awaited is a label event."""
    meaning = VOCABULARIES.meanings[sender].get(_folded(code), Meaning.UNKNOWN)
    if meaning is Meaning.IN_TRANSIT and says_awaited(text):
        return Meaning.LABEL
    return meaning


def says_awaited(text: str) -> bool:
    """Whether a carrier's text says that it does not have the parcel yet."""
    folded = _folded(text)
    return any(awaited in folded for awaited in VOCABULARIES.awaited_texts)


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _vocabulary(table: Mapping[str, Iterable[str]]) -> dict[str, Meaning]:
    codes: dict[str, Meaning] = {}
    for meaning, written in table.items():
        for code in map(_folded, written):
            if code in codes:
                raise ValueError(f"carriers.toml: code {code!r} means both {codes[code]} and {meaning}: leave one")
            codes[code] = Meaning(meaning)
    return codes


def _load() -> Vocabularies:
    data: dict[str, Any] = tomllib.loads((files("streams.domain") / "data" / "carriers.toml").read_text("utf-8"))
    return Vocabularies(
        meanings={sender: _vocabulary(data[sender.value]) for sender in CarrierFormat},
        awaited_texts=tuple(map(_folded, data["awaited_texts"])),
    )


VOCABULARIES = _load()
