"""Milestones: every code of the table, and a lattice that no order and no repetition can change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.returns import Meaning, ReturnEvent
from contracts.tracking import CarrierFormat, Source
from streams.domain import milestones
from streams.domain.milestones import LADDER, PHYSICAL, Evidence, Progress, meaning_of, rank

SEKO, EASYPOST, AFTERSHIP, SHIPPO, OMNIRPS = (
    CarrierFormat.OMNIPARCEL,
    CarrierFormat.EASYPOST,
    CarrierFormat.AFTERSHIP,
    CarrierFormat.SHIPPO,
    CarrierFormat.OMNIRPS,
)

# The table of the semantics, written out apart from the data file.
SEKO_NUMBERS: dict[Meaning, set[int]] = {
    Meaning.LABEL: {1, 8, 9, 11, 12},
    Meaning.FIRST_SCAN: {10, 14, 33, 89},
    Meaning.IN_TRANSIT: {3, 4, 5, 7, 18, 79},
    Meaning.OUT_FOR_DELIVERY: {19, 21, 24, 25, 27, 28, 37, 38, 42, 45, 86},
    Meaning.DELIVERED: set(range(71, 78)),
    Meaning.EXCEPTION: {15, 17, 29, 34, 55, *range(57, 70), 85, 94},
}
WORDS: list[tuple[CarrierFormat, str, Meaning]] = [
    (EASYPOST, "pre_transit", Meaning.LABEL),
    (EASYPOST, "in_transit", Meaning.IN_TRANSIT),
    (EASYPOST, "out_for_delivery", Meaning.OUT_FOR_DELIVERY),
    (EASYPOST, "available_for_pickup", Meaning.OUT_FOR_DELIVERY),
    (EASYPOST, "delivered", Meaning.DELIVERED),
    (EASYPOST, "return_to_sender", Meaning.EXCEPTION),
    (EASYPOST, "failure", Meaning.EXCEPTION),
    (EASYPOST, "cancelled", Meaning.EXCEPTION),
    (EASYPOST, "error", Meaning.EXCEPTION),
    (EASYPOST, "unknown", Meaning.UNKNOWN),
    (AFTERSHIP, "InfoReceived", Meaning.LABEL),
    (AFTERSHIP, "Pending", Meaning.LABEL),
    (AFTERSHIP, "InTransit", Meaning.IN_TRANSIT),
    (AFTERSHIP, "OutForDelivery", Meaning.OUT_FOR_DELIVERY),
    (AFTERSHIP, "AttemptFail", Meaning.OUT_FOR_DELIVERY),
    (AFTERSHIP, "AvailableForPickup", Meaning.OUT_FOR_DELIVERY),
    (AFTERSHIP, "Delivered", Meaning.DELIVERED),
    (AFTERSHIP, "Exception", Meaning.EXCEPTION),
    (AFTERSHIP, "Expired", Meaning.EXCEPTION),
    (AFTERSHIP, "in_transit", Meaning.UNKNOWN),
    (SHIPPO, "PRE_TRANSIT", Meaning.LABEL),
    (SHIPPO, "TRANSIT", Meaning.IN_TRANSIT),
    (SHIPPO, "DELIVERED", Meaning.DELIVERED),
    (SHIPPO, "RETURNED", Meaning.EXCEPTION),
    (SHIPPO, "FAILURE", Meaning.EXCEPTION),
    (SHIPPO, "UNKNOWN", Meaning.UNKNOWN),
    (OMNIRPS, "RC", Meaning.LABEL),
    (OMNIRPS, "RT", Meaning.FIRST_SCAN),
    (OMNIRPS, "RDTPF", Meaning.DELIVERED),
    (OMNIRPS, "DS", Meaning.DEPOT),
    (OMNIRPS, "RP", Meaning.PROCESSED),
    (OMNIRPS, "RE", Meaning.EXPORTED),
    (OMNIRPS, "RDBTC", Meaning.DELIVERED_BACK),
    (OMNIRPS, "RR", Meaning.REJECTED),
    (OMNIRPS, "", Meaning.UNKNOWN),
]


@pytest.mark.parametrize("number", range(120))
def test_every_seko_code_means_what_the_table_says(number: int) -> None:
    expected = [meaning for meaning, numbers in SEKO_NUMBERS.items() if number in numbers] or [Meaning.UNKNOWN]

    assert [meaning_of(SEKO, f"OP-{number}")] == expected


@pytest.mark.parametrize(("sender", "code", "meaning"), WORDS)
def test_every_word_means_what_the_table_says(sender: CarrierFormat, code: str, meaning: Meaning) -> None:
    assert meaning_of(sender, code) is meaning
    assert meaning_of(sender, f" {code.swapcase()} ") is meaning


def test_a_code_of_one_sender_means_nothing_from_another() -> None:
    assert meaning_of(EASYPOST, "OP-10") is Meaning.UNKNOWN
    assert meaning_of(SEKO, "10") is Meaning.UNKNOWN


@pytest.mark.parametrize(
    "text",
    [
        "USPS Awaiting  Item",
        "awaiting package",
        "Shipping Label Created, awaiting parcel",
        "Not yet received by carrier",
        "LABEL PRINTED",
        "Pre-Shipment Info Sent",
        "Shipment information received",
        "Shipment information sent to FedEx",
        "Electronic Notification Received: Your item is not yet here",
        "Electronically notified",
    ],
)
def test_in_transit_that_says_the_parcel_is_awaited_is_a_label(text: str) -> None:
    assert meaning_of(EASYPOST, "in_transit", text) is Meaning.LABEL
    assert meaning_of(SEKO, "OP-3", text) is Meaning.LABEL


def test_the_awaited_texts_change_no_other_meaning() -> None:
    assert meaning_of(EASYPOST, "delivered", "label created") is Meaning.DELIVERED
    assert meaning_of(OMNIRPS, "RT", "awaiting parcel") is Meaning.FIRST_SCAN
    assert meaning_of(EASYPOST, "in_transit", "Arrived at facility") is Meaning.IN_TRANSIT


def test_what_is_physical_is_what_the_table_says() -> None:
    not_physical = {
        Meaning.CREATED,
        Meaning.LABEL,
        Meaning.CLOSED,
        Meaning.REJECTED,
        Meaning.CANCELLED,
        Meaning.EXCEPTION,
        Meaning.UNKNOWN,
        Meaning.LINKED,
    }

    assert set(Meaning) - not_physical == PHYSICAL


def test_the_ladder_rises_and_what_stands_beside_it_has_no_rank() -> None:
    assert [rank(meaning) for meaning in LADDER] == list(range(len(LADDER)))
    assert {m for m in Meaning if rank(m) is None} == {
        Meaning.EXPORTED,
        Meaning.DELIVERED_BACK,
        Meaning.REJECTED,
        Meaning.CANCELLED,
        Meaning.EXCEPTION,
        Meaning.UNKNOWN,
        Meaning.LINKED,
    }


NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)

evidence = st.builds(
    Evidence,
    meaning=st.sampled_from(Meaning),
    event_id=st.sampled_from("abc"),
    code=st.sampled_from(["x", "y"]),
    at=st.none() | st.sampled_from([NOON, NOON + timedelta(hours=1), NOON + timedelta(microseconds=1)]),
    local_time=st.sampled_from(["", "2026-11-02 09:00:00"]),
)


def of(*seen: Evidence) -> Progress:
    progress = Progress()
    for one in seen:
        progress = progress.after(one)
    return progress


@given(st.lists(evidence, max_size=8), st.randoms(use_true_random=False))
def test_no_order_and_no_repetition_of_events_changes_the_progress(seen: list[Evidence], random: object) -> None:
    again = seen + seen[::2]
    random.shuffle(again)  # type: ignore[attr-defined]  # a random.Random

    assert of(*again) == of(*seen)


@given(st.lists(evidence, max_size=5), st.lists(evidence, max_size=5), st.lists(evidence, max_size=5))
def test_merging_is_commutative_associative_and_idempotent(
    a: list[Evidence], b: list[Evidence], c: list[Evidence]
) -> None:
    first, second, third = of(*a), of(*b), of(*c)

    assert first.merge(second) == second.merge(first)
    assert first.merge(second).merge(third) == first.merge(second.merge(third))
    assert first.merge(first) == first


@given(st.lists(evidence, max_size=8), evidence)
def test_a_milestone_never_falls(seen: list[Evidence], more: Evidence) -> None:
    before, after = of(*seen).milestone, of(*seen, more).milestone

    assert before is None or (after is not None and LADDER.index(after) >= LADDER.index(before))


def test_a_later_physical_event_implies_a_missed_first_scan() -> None:
    depot = Evidence(Meaning.DEPOT, "d", "DS", NOON)

    assert of(depot).first_scan == depot
    assert of(depot).milestone is Meaning.DEPOT
    assert of(Evidence(Meaning.EXPORTED, "e", "RE")).milestone is Meaning.FIRST_SCAN


@pytest.mark.parametrize("meaning", sorted(set(Meaning) - PHYSICAL))
def test_nothing_else_implies_one(meaning: Meaning) -> None:
    assert of(Evidence(meaning, "e", "c", NOON)).first_scan is None


def test_the_first_scan_is_the_earliest_physical_event_not_the_first_to_arrive() -> None:
    late = Evidence(Meaning.FIRST_SCAN, "late", "OP-10", NOON)
    early = Evidence(Meaning.IN_TRANSIT, "early", "OP-3", NOON - timedelta(hours=2))
    local = Evidence(Meaning.DEPOT, "local", "DS", None, "2026-11-01 09:00:00")

    assert of(late, early, local).first_scan == early
    assert of(local).first_scan == local


def test_a_return_is_stopped_by_a_rejection_or_a_cancellation_and_not_by_an_exception() -> None:
    assert [of(Evidence(m, "e", "c")).stopped for m in (Meaning.REJECTED, Meaning.CANCELLED, Meaning.EXCEPTION)] == [
        True,
        True,
        False,
    ]


def test_an_event_is_its_own_evidence_in_utc() -> None:
    event = ReturnEvent(
        event_id="e1",
        retailer="acme",
        order_key="acme/1001",
        meaning=Meaning.IN_TRANSIT,
        code="OP-3",
        at=datetime.fromisoformat("2026-11-02T13:00:00+01:00"),
        local_time="2026-11-02T13:00:00+01:00",
        source=Source(sender="omniparcel", account="a", retailers=("acme",)),
    )

    seen = Progress().after(event).of(Meaning.IN_TRANSIT, Meaning.DELIVERED)

    assert seen == Evidence(Meaning.IN_TRANSIT, "e1", "OP-3", NOON, "2026-11-02T13:00:00+01:00")
    assert seen is not None
    assert seen.at is not None
    assert seen.at.tzinfo is UTC


@pytest.mark.parametrize(
    ("known", "milestone"),
    [
        ((), None),
        ((Meaning.EXCEPTION,), None),
        ((Meaning.LABEL,), Meaning.LABEL),
        ((Meaning.LABEL, Meaning.REJECTED), Meaning.LABEL),
        ((Meaning.EXPORTED,), Meaning.FIRST_SCAN),
        ((Meaning.LABEL, Meaning.DELIVERED_BACK), Meaning.FIRST_SCAN),
        ((Meaning.DELIVERED, Meaning.IN_TRANSIT), Meaning.DELIVERED),
        ((Meaning.CLOSED,), Meaning.CLOSED),
    ],
)
def test_the_milestone_is_the_furthest_that_is_known_or_implied(
    known: tuple[Meaning, ...], milestone: Meaning | None
) -> None:
    progress = Progress(tuple(Evidence(meaning, meaning, meaning) for meaning in known))

    assert progress.milestone is milestone


def test_the_vocabularies_are_what_the_packaged_data_says() -> None:
    # Read when the module is imported, which is before a mutant of the reading could show itself.
    assert milestones._load() == milestones.VOCABULARIES


def test_a_code_that_means_two_things_is_refused() -> None:
    with pytest.raises(ValueError, match="'op-1' means both label and delivered"):
        milestones._vocabulary({"label": ["OP-1"], "delivered": ["op-1 "]})
