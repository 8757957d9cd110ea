"""Subscriptions: what is missing, wrong or double, and that a repair, once done, leaves nothing to do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.domain.subscriptions import TOPICS, Audit, Step, Subscription, What, audit, wanted

DOOR = "https://hooks.example.com/webhooks/shopify"
URI = f"{DOOR}/sometoken"
VERSION = "2026-10"
WANTED = {want.topic: want for want in wanted(URI)}


def right(topic: str, id: str = "1", **changes: Any) -> Subscription:
    """The subscription of this topic as it should be."""
    want = WANTED[topic]
    found = Subscription(id, topic, URI, "JSON", want.include_fields, want.name, "", VERSION)
    return replace(found, **changes)


def all_right() -> list[Subscription]:
    return [right(topic, id=topic) for topic in TOPICS]


def audited(*found: Subscription) -> Audit:
    return audit(wanted(URI), found, DOOR, VERSION)


def of(topic: str, *found: Subscription) -> list[tuple[What, str, tuple[str, ...]]]:
    """What is to be done where all the other topics are right."""
    others = [each for each in all_right() if each.topic != topic]
    return [(step.what, step.found.id if step.found else "", step.differs) for step in audited(*others, *found).changes]


def after(found: list[Subscription], step: Step) -> list[Subscription]:
    """The shop once it is done, as Shopify does it: one address for a topic, one name for all."""
    if step.what is What.KEEP:
        return found
    rest = [each for each in found if step.found is None or each.id != step.found.id]
    if step.wanted is None:
        return rest
    want = step.wanted
    made = right(want.topic, id=step.found.id if step.found else f"new-{want.topic}")
    assert (made.topic, made.uri) not in {(each.topic, each.uri) for each in rest}, "address taken"
    assert made.name not in {each.name for each in rest}, "name taken"
    return [*rest, made]


def test_a_shop_that_has_all_needs_nothing() -> None:
    assert audited(*all_right()).changes == ()
    assert audited(*all_right()).missing == ()


def test_a_new_shop_gets_all() -> None:
    found = audited()

    assert [(step.what, step.topic) for step in found.changes] == [(What.CREATE, topic) for topic in TOPICS]
    assert found.missing == tuple(TOPICS)


@pytest.mark.parametrize(
    ("changes", "differs"),
    [
        ({"uri": f"{DOOR}/oldtoken"}, ("uri",)),
        ({"uri": DOOR}, ("uri",)),
        ({"uri": "https://old.example.com/hook"}, ("uri",)),
        ({"format": "XML"}, ("format",)),
        ({"include_fields": ()}, ("include_fields",)),
        ({"include_fields": ("id",)}, ("include_fields",)),
        ({"name": ""}, ("name",)),
        ({"filter": "total_price:>100"}, ("filter",)),
        ({"format": "XML", "name": "by hand"}, ("format", "name")),
    ],
)
def test_one_that_is_not_right_is_made_so(changes: dict[str, Any], differs: tuple[str, ...]) -> None:
    assert of("ORDERS_UPDATED", right("ORDERS_UPDATED", **changes)) == [(What.UPDATE, "1", differs)]


def test_the_order_of_the_fields_says_nothing() -> None:
    fields = tuple(reversed(WANTED["ORDERS_CREATE"].include_fields))

    assert of("ORDERS_CREATE", right("ORDERS_CREATE", include_fields=fields)) == []


def test_of_doubles_the_one_that_is_right_stays() -> None:
    old = right("ORDERS_CREATE", id="0", uri=f"{DOOR}/oldtoken", name="")

    assert of("ORDERS_CREATE", old, right("ORDERS_CREATE")) == [(What.DELETE, "0", ())]


def test_a_double_that_holds_the_name_goes_first_and_once() -> None:
    nearest = right("ORDERS_CREATE", id="1", name="")
    holder = right("ORDERS_CREATE", id="2", uri=f"{DOOR}/oldtoken")

    assert of("ORDERS_CREATE", nearest, holder) == [(What.DELETE, "2", ()), (What.UPDATE, "1", ("name",))]
    others = [each for each in all_right() if each.topic != "ORDERS_CREATE"]
    assert {step.topic for step in audited(*others, nearest, holder).changes} == {"ORDERS_CREATE"}


def test_what_others_use_the_app_for_is_left_alone() -> None:
    theirs = Subscription("9", "ORDERS_CREATE", "https://erp.example.com/orders", name="erp")
    paid = right("ORDERS_UPDATED", id="8")

    found = audited(*all_right(), theirs, replace(paid, topic="ORDERS_PAID"))
    near = audited(replace(theirs, uri=f"{DOOR}-of-others/x"))

    assert (found.changes, found.others) == ((), 2)
    assert near.others == 1


def test_a_topic_whose_events_go_elsewhere_is_missing_to_us() -> None:
    found = audited(
        *[each for each in all_right() if each.topic not in ("ORDERS_CREATE", "ORDERS_UPDATED", "ORDERS_DELETE")],
        right("ORDERS_UPDATED", uri=f"{DOOR}/oldtoken"),
        right("ORDERS_DELETE", id="2", name=""),
    )

    assert found.missing == ("ORDERS_CREATE", "ORDERS_UPDATED")


def test_another_api_version_is_told_and_is_no_step() -> None:
    found = audited(*[replace(each, api_version="2025-10") for each in all_right() if each.topic == "ORDERS_CREATE"])

    assert found.stale == ("ORDERS_CREATE",)
    assert "ORDERS_CREATE" not in {step.topic for step in found.changes}
    assert audited(*[replace(each, api_version="") for each in all_right()]).stale == (), "not told, not another"


subscriptions = st.builds(
    Subscription,
    id=st.none(),
    topic=st.sampled_from([*TOPICS, "ORDERS_PAID"]),
    uri=st.sampled_from([URI, DOOR, f"{DOOR}/oldtoken", "https://erp.example.com/orders"]),
    format=st.sampled_from(["JSON", "XML"]),
    include_fields=st.sampled_from([(), ("id", "name"), WANTED["ORDERS_CREATE"].include_fields]),
    name=st.sampled_from(["", "erp", "ours"]),
    filter=st.sampled_from(["", "total_price:>100"]),
)


@given(st.lists(subscriptions, max_size=12, unique_by=lambda each: (each.topic, each.uri)))
def test_after_a_repair_there_is_nothing_left_to_do_and_others_are_as_they_were(some: list[Subscription]) -> None:
    names = set[str]()
    shop: list[Subscription] = []
    for number, each in enumerate(some):
        name = WANTED[each.topic].name if each.name == "ours" and each.topic in WANTED else each.name
        shop.append(replace(each, id=str(number), name="" if name in names else name))  # no name twice in a shop
        names.add(name)
    alone = [each for each in shop if not each.name.startswith("returnstreams-") and not each.uri.startswith(DOOR)]

    for step in audited(*shop).steps:
        shop = after(shop, step)

    again = audited(*shop)
    assert again.changes == ()
    assert {want.topic for want in wanted(URI)} <= {each.topic for each in shop if each.uri == URI}
    assert all(each in shop for each in alone)
