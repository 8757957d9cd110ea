"""What may happen to one order, in words of the semantics, and how to draw a random history of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from hypothesis import strategies as st

# Content of a unit: what the rules (not modelled here) make of it, as state and option.
CONTENTS: dict[str, tuple[str, str | None]] = {
    "faulty": ("decided", "refund"),
    "too small": ("decided", "refund"),
    "store credit": ("decided", "credit_note"),
    "other size": ("decided", "exchange"),
    "wants a pony": ("choice_unknown", None),
    "no exchanges": ("choice_not_offered", None),
    "worn": ("no_action", None),
    "no rule": ("none", None),
}

# The retailer's terms, frozen with the first upload, where they make something else of a content.
TERMS: dict[str, dict[str, tuple[str, str | None]]] = {
    "usual": {},
    "no exchange": {"other size": ("choice_not_offered", None)},
    "worn is taken back": {"worn": ("decided", "credit_note")},
}


@dataclass(frozen=True)
class Unit:
    """One element of an upload."""

    sku: str
    content: str


@dataclass(frozen=True)
class Upload:
    """All units of an RMA. stage, loop, terms: the retailer's settings at that time."""

    rma: str
    units: tuple[Unit, ...]
    consignments: frozenset[str] = frozenset()
    stage: str = "first_scan"
    loop: bool = False
    terms: str = "usual"


@dataclass(frozen=True)
class Line:
    """One order line; money in cents."""

    id: str
    sku: str
    quantity: int
    refunded: int = 0
    price: int = 1000
    discount: int = 0
    tax: int = 0


@dataclass(frozen=True)
class OrderVersion:
    """A version of the order comes. updated: its `updated_at`, relative to the time of its coming."""

    lines: tuple[Line, ...]
    updated: timedelta = timedelta(0)


@dataclass(frozen=True)
class HoldEnds:
    """Time is up for every return that waits for the order."""


@dataclass(frozen=True)
class Told:
    """An event. rma: None when only the ledger can say which return it means. items: sku and count, of an RP.

    heard: in which words, of an event that was told of its parcel and under no order. order: the number named with it.
    """

    meaning: str
    number: int = 1
    rma: str | None = None
    consignment: str | None = None
    items: tuple[tuple[str, int], ...] = ()
    foreign: bool = False
    heard: str = ""
    order: str | None = None

    @property
    def id(self) -> str:
        """The same fact has the same id; how many units a repeat counts is no part of it."""
        under = f"{self.rma}/{self.consignment}/{self.heard}/{self.order}"
        return f"{self.meaning}/{under}/{self.number}/{self.foreign}"


@dataclass(frozen=True)
class Wait:
    """Time passes."""

    by: timedelta


Step = Upload | OrderVersion | HoldEnds | Told | Wait
"""What the model's own strategies draw; tests/model/parcels.py adds what is said of parcels."""

RMAS = ("A", "B", "C")
PARCELS = ("P1", "P2")
SKUS = ("TEE", " tee", "CAP", "MUG")
STAGES = ("first_scan", "processing", "manual")
HUB_MEANINGS = ("label", "first_scan", "delivered", "depot", "processed", "rejected", "exception", "unknown")

units = st.builds(Unit, st.sampled_from(SKUS), st.sampled_from(tuple(CONTENTS)))
items = st.lists(st.tuples(st.sampled_from(SKUS), st.integers(1, 2)), max_size=2).map(tuple)
uploads = st.builds(
    Upload,
    st.sampled_from(RMAS),
    st.lists(units, min_size=1, max_size=3).map(tuple),
    st.frozensets(st.sampled_from(PARCELS), max_size=2),
    st.sampled_from(STAGES),
    st.sampled_from((False, False, False, True)),
)


def lines(refunds: bool) -> st.SearchStrategy[tuple[Line, ...]]:
    """The lines of an order, two of them with one sku."""
    many, refunded = st.sampled_from((1, 1, 2, 3, 0)), st.integers(0, 2) if refunds else st.just(0)
    cents = st.integers(0, 500)
    return st.tuples(
        st.builds(Line, st.just("1"), st.just("TEE"), many, refunded, cents, st.just(0), cents),
        st.builds(Line, st.just("2"), st.just("CAP"), many, refunded, cents, st.just(0), cents),
        st.builds(Line, st.just("3"), st.just("tee "), many, refunded, st.just(1000), cents, cents),
    )


orders = st.builds(
    OrderVersion,
    lines(refunds=True),
    st.sampled_from((-3600, -1, 0, 1)).map(lambda seconds: timedelta(seconds=seconds)),
)


def hub_events(meanings: tuple[str, ...] = HUB_MEANINGS) -> st.SearchStrategy[Told]:
    """Events of the hub under the order: no RMA, a consignment or none."""
    drawn = st.builds(
        Told,
        st.sampled_from(meanings),
        st.integers(1, 2),
        st.none(),
        st.sampled_from((None, *PARCELS)),
        items,
        st.sampled_from((False,) * 9 + (True,)),
    )
    return drawn.map(_items_only_of_rp)


def _items_only_of_rp(told: Told) -> Told:
    kept = told.items if told.meaning == "processed" else ()
    return Told(told.meaning, told.number, told.rma, told.consignment, kept, told.foreign)


def return_events(meanings: tuple[str, ...]) -> st.SearchStrategy[Told]:
    """Events whose return is known: carriers' scans and return-status."""
    return st.builds(Told, st.sampled_from(meanings), st.integers(1, 2), st.sampled_from(RMAS))


statuses = return_events(("label", "in_transit", "delivered", "closed", "closed", "processed", "rejected", "cancelled"))
waits = st.sampled_from(
    (timedelta(hours=1), timedelta(days=15), timedelta(days=30, seconds=-9), timedelta(days=30), timedelta(days=40))
).map(Wait)

_anything = st.lists(
    st.one_of(uploads, uploads, orders, st.just(HoldEnds()), hub_events(), hub_events(), statuses, waits),
    max_size=16,
).map(tuple)

# Drawn from everything alike, few histories get far: these are narrow, so that returns fight for the same few units,
# act between two versions of the order, and are edited after that.
_few = st.builds(
    Unit,
    st.sampled_from(("TEE", "TEE", "tee", "CAP")),
    st.sampled_from(("faulty", "faulty", "too small", "store credit", "worn")),
)
_edits = st.builds(
    Upload,
    st.sampled_from(("A", "A", "B", "C")),
    st.lists(_few, min_size=1, max_size=3).map(tuple),
    st.frozensets(st.sampled_from(PARCELS), max_size=1),
    st.sampled_from(("first_scan", "first_scan", "processing")),
)
_scans = st.builds(
    Told, st.sampled_from(("first_scan", "processed", "delivered")), st.integers(1, 2), st.sampled_from(("A", "A", "B"))
)
_fights = st.tuples(
    st.lists(st.one_of(orders, _edits), min_size=1, max_size=2).map(tuple),
    st.lists(
        st.one_of(_edits, _edits, _edits, orders, _scans, _scans, hub_events(), statuses, waits),
        min_size=8,
        max_size=20,
    ).map(tuple),
).map(lambda parts: (*parts[0], *parts[1]))

# One sku, one order, RPs that name it: who is confirmed, by which count of which event.
_processed = st.builds(
    Told,
    st.just("processed"),
    st.integers(1, 3),
    st.sampled_from((None, None, "A")),
    st.sampled_from((None, "P1")),
    st.sampled_from(((("TEE", 1),), (("tee", 1),), (("TEE", 2),), (("CAP", 1),), ())),
)
_counted = st.tuples(
    st.permutations(
        [OrderVersion((Line("1", "TEE", 4),)), Upload("A", (Unit("TEE", "faulty"),) * 3, stage="processing")]
    ),
    st.lists(
        st.one_of(
            _processed,
            _processed,
            st.builds(
                Upload,
                st.just("A"),
                st.lists(st.just(Unit("TEE", "faulty")), min_size=1, max_size=4).map(tuple),
                st.sampled_from((frozenset(), frozenset({"P1"}))),
            ),
            waits,
        ),
        min_size=2,
        max_size=8,
    ),
).map(lambda parts: (*parts[0], *parts[1]))

# Returns in the same parcels, uploaded before and after what the hub says of them.
_sharing = st.lists(
    st.one_of(
        st.builds(Upload, st.sampled_from(RMAS), st.just((Unit("TEE", "faulty"),)), st.just(frozenset({"P1"}))),
        st.builds(Told, st.sampled_from(("first_scan", "processed", "rejected")), st.just(1), st.none(), st.just("P1")),
        waits,
    ),
    min_size=2,
    max_size=8,
).map(lambda told: (OrderVersion((Line("1", "TEE", 9),)), *told))

histories: st.SearchStrategy[tuple[Step, ...]] = st.one_of(_anything, _fights, _fights, _counted, _sharing)
