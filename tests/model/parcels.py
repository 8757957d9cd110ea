"""What carriers and the hub say of parcels, in their own words, and what these mean by the table of semantics.md."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from hypothesis import strategies as st

from tests.model import steps
from tests.model.steps import CONTENTS, SKUS, Line, OrderVersion, Told, Unit, Upload

OUR_NAME, OTHER_NAME = "1001", "1002"


@dataclass(frozen=True)
class Word:
    """One sender's code, in an event with this text."""

    sender: str
    code: str
    meaning: str
    text: str = ""


# One or two of each row and column of the table; the awaited texts turn "in transit" into a label.
WORDS: dict[str, Word] = {
    f"{word.sender} {word.code} {word.text}".strip(): word
    for word in (
        Word("omniparcel", "OP-1", "label"),
        Word("omniparcel", "OP-10", "first_scan"),
        Word("omniparcel", "OP-33", "first_scan"),
        Word("omniparcel", "OP-3", "in_transit"),
        Word("omniparcel", "OP-3", "label", "Shipment information received by the carrier"),
        Word("omniparcel", "OP-28", "out_for_delivery"),
        Word("omniparcel", "OP-74", "delivered"),
        Word("omniparcel", "OP-60", "exception"),
        Word("omniparcel", "OP-999", "unknown"),
        Word("easypost", "pre_transit", "label"),
        Word("easypost", "in_transit", "in_transit"),
        Word("easypost", "in_transit", "label", "Label created, not yet received"),
        Word("easypost", "available_for_pickup", "out_for_delivery"),
        Word("easypost", "return_to_sender", "exception"),
        Word("aftership", "InfoReceived", "label"),
        Word("aftership", "InTransit", "in_transit"),
        Word("aftership", "AttemptFail", "out_for_delivery"),
        Word("aftership", "Expired", "exception"),
        Word("shippo", "PRE_TRANSIT", "label"),
        Word("shippo", "TRANSIT", "in_transit"),
        Word("shippo", "FAILURE", "exception"),
        Word("omnirps", "RC", "label"),
        Word("omnirps", "RT", "first_scan"),
        Word("omnirps", "RDTPF", "delivered"),
        Word("omnirps", "DS", "depot"),
        Word("omnirps", "RP", "processed"),
        Word("omnirps", "RE", "exported"),
        Word("omnirps", "RDBTC", "delivered_back"),
        Word("omnirps", "RR", "rejected"),
        Word("omnirps", "XX", "unknown"),
    )
}


@dataclass(frozen=True)
class Said:
    """One thing that happened. number: at which time and place. items: sku and count, of an RP."""

    word: str
    number: int = 1
    items: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Report:
    """One sender's report of one parcel. order: the number that the hub names with it. foreign: of another tenant."""

    parcel: str
    said: tuple[Said, ...]
    order: str | None = None
    foreign: bool = False

    @property
    def sender(self) -> str:
        """Whose words they are; a report has one sender."""
        return WORDS[self.said[0].word].sender


@dataclass(frozen=True)
class Neighbour:
    """A return of another order is uploaded, in the same parcels; of the same retailer or of another one."""

    parcels: frozenset[str]
    rma: str = "N1"
    retailer: str = "acme"


def events_of(step: object) -> list[Told]:
    """What a step tells: a report one event for each thing that it says."""
    if isinstance(step, Told):
        return [step]
    return [_told(step, said) for said in step.said] if isinstance(step, Report) else []


def _told(report: Report, said: Said) -> Told:
    return Told(
        meaning=WORDS[said.word].meaning,
        number=said.number,
        consignment=report.parcel,
        items=said.items,
        foreign=report.foreign,
        heard=said.word,
        order=report.order,
    )


# --- random ones

_NEVER_OR_SELDOM = st.sampled_from((False,) * 11 + (True,))
_PARCELS = st.sampled_from(steps.PARCELS)


def _words(sender: str, meanings: tuple[str, ...]) -> st.SearchStrategy[str]:
    return st.sampled_from([name for name, w in WORDS.items() if w.sender == sender and w.meaning in meanings])


def _of_carrier(sender: str, meanings: tuple[str, ...]) -> st.SearchStrategy[Report]:
    said = st.builds(Said, _words(sender, meanings), st.integers(1, 2))
    several = st.lists(said, min_size=1, max_size=4).map(tuple)
    return st.builds(Report, _PARCELS, several, st.none(), _NEVER_OR_SELDOM)


_items = st.lists(st.tuples(st.sampled_from(SKUS), st.integers(1, 2)), max_size=2).map(tuple)


def _of_hub(meanings: tuple[str, ...]) -> st.SearchStrategy[Report]:
    said = st.builds(Said, _words("omnirps", meanings), st.integers(1, 2), _items).map(_items_only_of_rp)
    order = st.sampled_from((None,) * 4 + (OUR_NAME, OTHER_NAME))
    return st.builds(Report, _PARCELS, said.map(lambda one: (one,)), order, _NEVER_OR_SELDOM)


def _items_only_of_rp(said: Said) -> Said:
    return said if WORDS[said.word].meaning == "processed" else Said(said.word, said.number)


_ALL = tuple(dict.fromkeys(word.meaning for word in WORDS.values()))
_CARRIERS = ("omniparcel", "easypost", "aftership", "shippo")


def reports(meanings: tuple[str, ...] = _ALL) -> st.SearchStrategy[Report]:
    """Reports of carriers and of the hub, of these meanings only (of each sender there must be some)."""
    return st.one_of(*(_of_carrier(sender, meanings) for sender in _CARRIERS), _of_hub(meanings), _of_hub(meanings))


# "no exchanges" is a matter of the terms here.
_units = st.builds(Unit, st.sampled_from(SKUS), st.sampled_from([said for said in CONTENTS if said != "no exchanges"]))
uploads = st.builds(
    Upload,
    st.sampled_from(("A", "A", "B", "C")),
    st.lists(_units, min_size=1, max_size=3).map(tuple),
    st.frozensets(_PARCELS, min_size=1, max_size=2),
    st.sampled_from(("first_scan", "first_scan", "processing", "manual")),
    st.sampled_from((False,) * 7 + (True,)),
    st.sampled_from(tuple(steps.TERMS)),
)
neighbours = st.builds(
    Neighbour,
    st.frozensets(_PARCELS, min_size=1, max_size=2),
    st.sampled_from(("N1", "N2")),
    st.sampled_from(("acme", "acme", "other")),
)
statuses = steps.return_events(("closed", "closed", "processed", "rejected", "cancelled"))

# To either side of the end of a hold, which is 48 hours after the first upload.
_waits = st.one_of(steps.waits, st.sampled_from((timedelta(hours=48, seconds=-3), timedelta(hours=48))).map(steps.Wait))

# Everything that can happen to parcels and their returns; and its parts that random draws of everything seldom reach:
# edges of the thirty days, and RPs that are counted over repeats and shared parcels.
_anything = st.lists(
    st.one_of(uploads, uploads, reports(), reports(), reports(), steps.orders, _waits, statuses, neighbours),
    min_size=3,
    max_size=14,
)
# Nothing is short: what decides is which of the few things that are said of a parcel counts, and when.
_PLENTY = OrderVersion((Line("1", "TEE", 9, price=1001, tax=99), Line("2", "CAP", 9, price=2000, discount=1, tax=7)))
_paid = st.builds(Unit, st.sampled_from(("TEE", "tee", "CAP")), st.sampled_from(("faulty", "other size", "worn")))
_paid_uploads = st.builds(
    Upload,
    st.sampled_from(("A", "A", "B")),
    st.lists(_paid, min_size=1, max_size=2).map(tuple),
    st.frozensets(_PARCELS, min_size=1, max_size=1),
    st.sampled_from(("first_scan", "first_scan", "processing")),
    st.just(False),
    st.sampled_from(tuple(steps.TERMS)),
)
_rejections = st.builds(Report, _PARCELS, st.just((Said("omnirps RR"),)))
_scanned = st.tuples(
    st.lists(st.one_of(reports(), _rejections, steps.hub_events(("depot", "processed")), _waits), max_size=2),
    _paid_uploads.flatmap(lambda upload: st.permutations([_PLENTY, upload])),
    st.lists(st.one_of(reports(), reports(), reports(), _paid_uploads, _waits, neighbours), max_size=6),
).map(lambda parts: [step for part in parts for step in part])
_named = st.sampled_from((None, None, None, OUR_NAME, OTHER_NAME))
_rp = st.builds(Said, st.just("omnirps RP"), st.integers(1, 2), st.sampled_from(((("TEE", 1),), (("tee", 2),), ())))
_one_parcel = st.just("P1")
_counted = st.lists(
    st.one_of(
        st.builds(Report, _one_parcel, _rp.map(lambda one: (one,)), _named),
        st.builds(Report, _one_parcel, st.sampled_from(((Said("omnirps RR"),), (Said("omnirps DS"),))), _named),
        st.builds(
            Upload,
            st.sampled_from(("A", "A", "B")),
            st.lists(st.just(Unit("TEE", "faulty")), min_size=1, max_size=3).map(tuple),
            st.just(frozenset({"P1"})),
            st.sampled_from(("processing", "processing", "first_scan")),
        ),
        _waits,
        neighbours,
    ),
    min_size=3,
    max_size=9,
).map(lambda told: [OrderVersion((Line("1", "TEE", 6, price=1001, tax=99),), timedelta(days=-1)), *told])
histories = st.one_of(_anything, _scanned, _scanned, _counted, steps.histories.map(list)).map(tuple)
