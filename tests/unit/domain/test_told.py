"""What a receiver has heard: each milestone of a return once, each RP once and again only where its counts rise."""

from __future__ import annotations

from typing import Any

from contracts.returns import EventItem, Meaning, ReturnEvent
from streams.domain.told import Told
from tests.builders import return_event

TEE, CAP = EventItem(sku="TEE"), EventItem(sku="CAP")


def rp(*items: EventItem, id: str = "rp", **changes: Any) -> ReturnEvent:
    return return_event(Meaning.PROCESSED, event_id=id, items=items, **changes)


def after(*events: ReturnEvent) -> tuple[Told, list[tuple[EventItem, ...] | None]]:
    """What is known once these RPs were told, and what was said of each."""
    told, said = Told(), list[tuple[EventItem, ...] | None]()
    for event in events:
        told = told.learned(event)
        answer = told.of_processing("RP", event)
        said.append(answer[1] if answer else None)
        told = answer[0] if answer else told
    return told, said


def test_an_rp_is_told_once_and_again_only_with_larger_counts() -> None:
    two = EventItem(sku="TEE", count=2)
    told, said = after(rp(TEE), rp(TEE), rp(two), rp(TEE), rp(CAP))

    assert said == [(TEE,), None, (two,), None, (two, CAP)]
    assert [(m.code, m.rma, m.consignment, m.event_id, m.items) for m in told.messages] == [
        ("RP", "R1", "SEK1", "rp", (two, CAP))
    ]


def test_a_recount_of_one_rp_leaves_the_others_as_they_were() -> None:
    told, said = after(rp(TEE, id="1"), rp(TEE, id="2"), rp(TEE, id="3"), rp(CAP, id="2"), rp(CAP, id="2"))

    assert said == [(TEE,), (TEE,), (TEE,), (TEE, CAP), None]
    assert [(m.event_id, m.items) for m in told.messages] == [("1", (TEE,)), ("2", (TEE, CAP)), ("3", (TEE,))]


def test_the_status_of_a_return_is_not_told_after_its_items_were_and_after_those_of_another_it_is() -> None:
    status = rp(id="status", whole_return=True, consignment=None)

    assert after(rp(TEE), status)[1] == [(TEE,), None]
    assert after(rp(TEE, rma="R2", consignment="SEK2"), status)[1] == [(TEE,), ()]
    assert after(status, status)[1] == [(), None]


def test_an_rp_that_names_no_return_is_heard_of_the_return_that_its_parcel_turns_out_to_be() -> None:
    nameless = rp(TEE, rma=None)
    told, _ = after(nameless)
    assert [(m.rma, m.consignment) for m in told.messages] == [(None, "SEK1")]

    scan = return_event(Meaning.DELIVERED)
    known = told.learned(scan)
    assert known.names == {"R1": ("SEK1",)}
    assert known.of_processing("RP", rp(id="status", whole_return=True, consignment=None)) is None
    assert known.of_processing("RP", rp(id="status", whole_return=True, consignment=None, rma="R2")) is not None


def test_a_milestone_is_told_once_a_return_under_whatever_name_it_came() -> None:
    by_parcel = return_event(Meaning.DELIVERED, rma=None)
    by_rma = return_event(Meaning.DELIVERED)

    first = Told().of_milestone("RDTPF", by_parcel)
    assert first is not None
    assert first.of_milestone("RDTPF", by_parcel) is None
    assert first.of_milestone("DS", by_parcel) is not None
    known = first.learned(by_rma)
    assert known.of_milestone("RDTPF", by_rma) is None
    other = return_event(Meaning.DELIVERED, rma="R2", consignment="SEK2")
    assert known.learned(other).of_milestone("RDTPF", other) is not None


def test_one_word_about_a_parcel_with_two_returns_is_told_until_both_have_heard_it() -> None:
    told = Told().learned(return_event(Meaning.CREATED)).learned(return_event(Meaning.CREATED, rma="R2"))
    first = told.of_milestone("DS", return_event(Meaning.DEPOT))
    assert first is not None
    assert first.milestones == {"R1": ("DS",)}

    both = first.of_milestone("DS", return_event(Meaning.DEPOT, rma=None))
    assert both is not None
    assert both.milestones == {"R1": ("DS",), "R2": ("DS",)}
    assert both.of_milestone("DS", return_event(Meaning.DEPOT, rma="R2")) is None
    after_it = both.of_milestone("RE", return_event(Meaning.EXPORTED, rma="R2"))
    assert after_it is not None
    assert after_it.milestones == {"R1": ("DS",), "R2": ("DS", "RE")}
    assert after_it.messages == ()


def test_what_a_release_before_kept_as_messages_was_heard_too() -> None:
    row = b'{"messages":[{"code":"DS","rma":"R1"}],"names":{"R1":["SEK1"]}}'
    told = Told.model_validate_json(row)

    assert told.of_milestone("DS", return_event(Meaning.DEPOT)) is None
    after_it = told.of_milestone("RE", return_event(Meaning.EXPORTED))
    assert after_it is not None
    assert after_it.milestones == {"R1": ("RE",)}


def test_the_hubs_number_is_a_name_too_in_any_spelling() -> None:
    named = return_event(Meaning.DEPOT, omnirps_no="rps7")
    told = Told().learned(named)
    assert told.names == {"R1": ("SEK1", "RPS7")}

    by_number = return_event(Meaning.DEPOT, rma=None, consignment=None, omnirps_no="Rps7")
    heard = told.of_milestone("DS", by_number)
    assert heard is not None
    assert heard.milestones == {"R1": ("DS",)}
    assert heard.of_milestone("DS", named) is None


def test_what_was_said_of_the_order_alone_was_the_first_returns_and_no_later_ones() -> None:
    of_the_order = return_event(Meaning.DEPOT, rma=None, consignment=None)
    told = Told().of_milestone("DS", of_the_order)
    assert told is not None

    first = told.learned(return_event(Meaning.CREATED))
    assert first.of_milestone("DS", return_event(Meaning.DEPOT)) is None
    second = return_event(Meaning.DEPOT, rma="R2", consignment="SEK2")
    assert first.learned(second).of_milestone("DS", second) is not None
    # Of two returns nobody knows which the order's own event means: it is heard under the order's name.
    both = first.learned(second)
    assert both.of_milestone("RE", of_the_order) is not None


def test_names_of_a_return_add_up() -> None:
    told = Told().learned(return_event(Meaning.CREATED, consignment=None))
    assert told.names == {"R1": ()}
    told = told.learned(return_event(Meaning.DEPOT)).learned(return_event(Meaning.DEPOT, consignment="SEK2"))
    assert told.names == {"R1": ("SEK1", "SEK2")}
    assert told.learned(return_event(Meaning.DEPOT)) == told
    assert told.learned(return_event(Meaning.DEPOT, rma=None, consignment="SEK3")) == told

    heard = told.of_milestone("DS", return_event(Meaning.DEPOT, rma=None, consignment="SEK2"))
    assert heard is not None
    assert heard.of_milestone("DS", return_event(Meaning.DEPOT)) is None


def test_an_event_that_names_nothing_means_the_only_return_and_none_of_several() -> None:
    of_the_order = return_event(Meaning.DEPOT, rma=None, consignment=None)
    one = Told().learned(return_event(Meaning.CREATED))
    two = one.learned(return_event(Meaning.CREATED, rma="R2", consignment="SEK2"))

    of_one, of_two = one.of_milestone("DS", of_the_order), two.of_milestone("DS", of_the_order)
    assert of_one is not None
    assert of_two is not None
    assert of_one.milestones == {"R1": ("DS",)}
    assert [message.rma for message in of_two.messages] == [None]


def test_hub_numbers_of_returns_not_known_yet_are_told_apart() -> None:
    def depot(number: str, **changes: Any) -> ReturnEvent:
        return return_event(Meaning.DEPOT, **{"rma": None, "consignment": None, "omnirps_no": number, **changes})

    first = Told().of_milestone("DS", depot("rps1"))
    assert first is not None
    assert first.of_milestone("DS", depot("RPS1")) is None
    second = first.of_milestone("DS", depot("rps2"))
    assert second is not None
    assert [message.hub_no for message in second.messages] == ["RPS1", "RPS2"]
