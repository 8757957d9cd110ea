"""What a return knows: the whole history of one order, and which of its events mean which return, looked up each time.

From semantics.md alone, as the rest of the reference.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tests.model.naive import Fact
from tests.model.parcels import OTHER_NAME, OUR_NAME, Neighbour, Report, events_of
from tests.model.steps import Step, Told, Upload

MONTH = timedelta(days=30)
ENDING = ("closed", "rejected", "cancelled")
STOPPING = ("rejected", "cancelled")
OF_ONE_RETURN = ("processed", "rejected")

AnyStep = Step | Report | Neighbour
Life = list[int]
"""The steps at which one event was told, from its first arrival for thirty days."""


@dataclass
class History:
    """All that happened to one order."""

    history: list[tuple[datetime, AnyStep]] = field(default_factory=list)
    _cache: dict[tuple[str, int], list[Fact]] = field(default_factory=dict)

    @property
    def now(self) -> int:
        """The number of the step that is happening."""
        return len(self.history) - 1

    def uploads(self, rma: str, upto: int) -> list[tuple[int, Upload]]:
        """The uploads of an RMA with the number of their step."""
        found = [(i, step) for i, (_, step) in enumerate(self.history[: upto + 1]) if isinstance(step, Upload)]
        return [(i, upload) for i, upload in found if upload.rma == rma]

    def known_returns(self, upto: int) -> list[str]:
        """The RMAs in the order of their first uploads."""
        uploaded = [step.rma for _, step in self.history[: upto + 1] if isinstance(step, Upload)]
        return list(dict.fromkeys(uploaded))

    def parcels(self, rma: str, upto: int) -> set[str]:
        """Consignment numbers add up."""
        return {parcel for _, upload in self.uploads(rma, upto) for parcel in upload.consignments}

    def neighbours(self, parcel: str, upto: int) -> set[str]:
        """Returns of the retailer's other orders in a parcel. Of another retailer's, no source here may speak."""
        others = [step for _, step in self.history[: upto + 1] if isinstance(step, Neighbour)]
        return {f"neighbour {o.rma}" for o in others if o.retailer == "acme" and parcel in o.parcels}

    # --- events -------------------------------------------------------------------------------------------------------

    def told(self, upto: int) -> list[tuple[int, Told]]:
        """Every event that somebody told who may, with the number of the step."""
        steps = enumerate(self.history[: upto + 1])
        return [(i, told) for i, (_, step) in steps for told in events_of(step) if not told.foreign]

    def lives(self, event_id: str, upto: int) -> list[Life]:
        """A repeat belongs to the life of the first arrival within 30 days of it; a later one is a new event."""
        lives: list[Life] = []
        for i, told in self.told(upto):
            if told.id == event_id:
                if lives and self._age(lives[-1], i) < MONTH:
                    lives[-1].append(i)
                else:
                    lives.append([i])
        return lives

    def _age(self, life: Life, step: int) -> timedelta:
        return self.history[step][0] - self.history[life[0]][0]

    def knows(self, rma: str, upto: int) -> list[Fact]:
        """Every event that means this return, as at that step."""
        if (rma, upto) not in self._cache:
            self._cache[rma, upto] = self._look_up(rma, upto)
        return self._cache[rma, upto]

    def _look_up(self, rma: str, upto: int) -> list[Fact]:
        if rma not in self.known_returns(upto):
            return []
        told = self.told(upto)
        facts: list[Fact] = []
        for event in {each.id: each for _, each in told}.values():
            mine = {i for life in self.lives(event.id, upto) if self._means(event, life, rma, upto) for i in life}
            if mine:
                facts.append(Fact(event, [each for i, each in told if i in mine and each.id == event.id]))
        return facts

    def _means(self, event: Told, life: Life, rma: str, upto: int) -> bool:
        if self.of_one_return(event):
            found = self.attribution(event, life, upto)
            return found is not None and found[0] == rma
        if event.rma not in (None, rma) or event.order not in (None, OUR_NAME):
            return False
        if event.rma is not None and event.consignment is None:
            linked = self.uploads(rma, upto)[0][0]
        else:
            carrying = [i for i, upload in self.uploads(rma, upto) if event.consignment in upload.consignments]
            if not carrying:
                return False
            linked = carrying[0]
        return linked <= life[0] or self._age(life, linked) < MONTH

    # --- which return is meant ----------------------------------------------------------------------------------------

    def of_one_return(self, event: Told) -> bool:
        """Whether it needs exactly one return: it names none, and no parcel, or is an RP or RR."""
        return event.rma is None and (event.consignment is None or event.meaning in OF_ONE_RETURN)

    def attribution(self, event: Told, life: Life, upto: int) -> tuple[str | None, int] | None:
        """The return that an event means (None: ambiguous), since which step. Made once, it stays.

        Under an order it stays for whatever comes later of the event; of a parcel, what comes after thirty days is a
        new event, and attributed anew.
        """
        before = [] if event.heard else [each for each in self.lives(event.id, upto) if each[0] < life[0]]
        for each in (*before, life):
            for step in range(each[0], upto + 1):
                if self._age(each, step) >= MONTH:
                    break
                candidates = self._candidates(event, step)
                if candidates:
                    return candidates[0] if len(candidates) == 1 else None, step
        return None

    def _candidates(self, event: Told, step: int) -> list[str]:
        known = self.known_returns(step)
        if event.consignment is None:
            return [rma for rma in known if self.is_open(rma, step - 1)] or known
        ours = [rma for rma in known if event.consignment in self.parcels(rma, step)]
        others = sorted(self.neighbours(event.consignment, step)) if event.heard else []
        return (ours if event.order in (None, OUR_NAME) else []) + (others if event.order in (None, OTHER_NAME) else [])

    def is_open(self, rma: str, upto: int) -> bool:
        """Until CLOSED, REJECTED or CANCELLED."""
        return not any(fact.told.meaning in ENDING for fact in self.knows(rma, upto))

    def stopped(self, rma: str) -> bool:
        """Rejected or cancelled, for good."""
        return any(fact.told.meaning in STOPPING for fact in self.knows(rma, self.now))

    def ambiguous(self, *, of_parcels: bool = False) -> set[str]:
        """Ids of the events that a person of this order must look at: told under it, or of its parcels."""
        found: set[str] = set()
        for event in {each.id: each for _, each in self.told(self.now)}.values():
            if self.of_one_return(event) and bool(event.heard) == of_parcels:
                for life in self.lives(event.id, self.now):
                    meant = self.attribution(event, life, self.now)
                    if meant is not None and meant[0] is None and self._is_ours(event, meant[1]):
                        found.add(event.id)
        return found

    def _is_ours(self, event: Told, step: int) -> bool:
        return any(not rma.startswith("neighbour") for rma in self._candidates(event, step))
