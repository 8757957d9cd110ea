"""Shopify: who signed, which record an order, a hint, an erasure becomes, and what is kept instead of being refused."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from contracts.envelope import from_headers
from contracts.orders import AppUninstalled, DataRequest, OrderErasure, OrderHint, ShopifyOrder
from contracts.topics import ORDER_EVENTS
from producers.messages import KEPT, Message
from producers.problems import Unauthenticated, Unknown
from producers.retailers import path_token
from producers.sources.base import Split
from producers.sources.shopify import split, verify
from tests.unit.producers.support import ACME_APP, APP, PATH_KEY, body, directory, shopify

ORDER = body("shopify/order_2026.json")
KNOWN = directory()


def taken(raw: bytes, topic: str, shop: str = "acme.myshopify.com", token: str | None = None) -> Split:
    return split(APP, shopify(raw, topic, shop, token), directory())


def only(result: Split) -> Message:
    (message,) = result.messages
    return message


def test_the_current_and_the_previous_secret_count() -> None:
    for secret in ("hush", "old-hush"):
        assert verify(shopify(ORDER, "orders/create", secret=secret), [ACME_APP, APP]) is APP
    assert verify(shopify(ORDER, "orders/create", secret="acme-hush"), [ACME_APP, APP]) is ACME_APP


@pytest.mark.parametrize("at", [0, len(ORDER) // 2, len(ORDER) - 1])
def test_one_flipped_byte_is_nobodys(at: int) -> None:
    flipped = bytearray(ORDER)
    flipped[at] ^= 1
    signed = shopify(ORDER, "orders/create")

    assert verify(type(signed)(signed.headers, bytes(flipped)), [APP]) is None


def test_no_signature_is_nobodys() -> None:
    received = shopify(ORDER, "orders/create")
    assert verify(type(received)({}, ORDER), [APP]) is None


@pytest.mark.parametrize(
    "topic",
    [
        "orders/create",
        "orders/updated",
        "orders/cancelled",
        "orders/paid",
        "orders/fulfilled",
        "orders/partially_fulfilled",
    ],
)
def test_an_order_goes_out_as_it_came(topic: str) -> None:
    message = only(taken(ORDER, topic))

    assert (message.topic, message.key, message.value) == (ORDER_EVENTS, "acme/AC-1001", ORDER)
    envelope = from_headers(message.headers)
    assert envelope.type == ORDER_EVENTS.event_for(ShopifyOrder).type
    assert envelope.source == "shopify://acme.myshopify.com"
    assert envelope.subject == "acme/AC-1001"
    assert envelope.time is not None
    assert envelope.time.isoformat() == "2026-11-03T18:00:41+01:00"
    assert envelope.extensions["shop"] == "acme.myshopify.com"
    assert envelope.extensions["triggeredat"] == "2026-11-03T18:00:42.5Z"
    assert not message.everywhere


@pytest.mark.parametrize(("name", "key"), [("order_2019", "acme/9999"), ("order_2016", "acme/1001")])
def test_orders_of_older_years_are_taken(name: str, key: str) -> None:
    assert only(taken(body(f"shopify/{name}.json"), "orders/updated")).key == key


def test_the_same_version_has_the_same_id_under_any_topic_and_another_version_another() -> None:
    later = ORDER.replace(b"2026-11-03T18:00:41", b"2026-11-03T18:00:42")
    ids = [
        only(taken(raw, topic)).header("ce_id")
        for raw, topic in [(ORDER, "orders/create"), (ORDER, "orders/updated"), (later, "orders/updated")]
    ]
    assert ids[0] == ids[1] != ids[2]


@pytest.mark.parametrize(("name", "topic"), [("refund", "refunds/create"), ("order_edited", "orders/edited")])
def test_what_knows_only_an_order_id_is_a_hint(name: str, topic: str) -> None:
    raw = body(f"shopify/{name}.json")
    message = only(taken(raw, topic))

    hint = OrderHint.model_validate_json(message.value)
    assert (hint.retailer, hint.order_id, hint.topic) == ("acme", "9007199254740993", topic)
    assert hint.body == json.loads(raw)
    assert message.key == "acme/?9007199254740993"
    assert message.header("ce_type") == ORDER_EVENTS.event_for(OrderHint).type


@pytest.mark.parametrize(
    ("name", "topic", "orders", "whole_shop"),
    [
        ("order_deleted", "orders/delete", ("9007199254740993",), False),
        ("customers_redact", "customers/redact", ("9007199254740993", "299938"), False),
        ("shop_redact", "shop/redact", (), True),
    ],
)
def test_an_erasure_goes_to_every_partition(name: str, topic: str, orders: tuple[str, ...], whole_shop: bool) -> None:
    message = only(taken(body(f"shopify/{name}.json"), topic))

    erasure = OrderErasure.model_validate_json(message.value)
    assert (erasure.retailer, erasure.order_ids, erasure.whole_shop) == ("acme", orders, whole_shop)
    assert erasure.reason == topic
    assert message.everywhere
    assert b"example.com" not in message.value


def test_a_customer_who_asks_for_their_data_is_recorded_without_saying_who() -> None:
    raw = body("shopify/customers_data_request.json")
    message = only(taken(raw, "customers/data_request"))

    request = DataRequest.model_validate_json(message.value)
    assert (request.retailer, request.request_id, request.order_ids) == ("acme", "9999", ("299938", "280263"))
    assert (message.topic, message.key, message.everywhere) == (ORDER_EVENTS, "acme/?299938", False)
    for personal in (b"191167", b"ann@example.com"):
        assert personal in raw
        assert personal not in message.value


def test_the_request_of_a_customer_without_orders_is_recorded_too() -> None:
    raw = body("shopify/customers_data_request.json").replace(b"[299938,280263]", b"[]")
    assert only(taken(raw, "customers/data_request")).key == "acme/?*"


def test_a_request_counts_from_when_it_came_and_is_one_fact_however_often() -> None:
    raw = body("shopify/customers_data_request.json")
    received = shopify(raw, "customers/data_request")
    first, again = (
        only(split(APP, replace(received, at=at, headers={**received.headers, "x-shopify-webhook-id": f"{at}"}), KNOWN))
        for at in (1_762_250_400.0, 1_762_254_000.0)
    )
    assert DataRequest.model_validate_json(first.value).requested_at == datetime(2025, 11, 4, 10, tzinfo=UTC)
    assert first.header("ce_id") == again.header("ce_id")


def test_a_removed_app_is_recorded_without_the_shops_particulars() -> None:
    message = only(taken(body("shopify/app_uninstalled.json"), "app/uninstalled"))
    assert AppUninstalled.model_validate_json(message.value).retailer == "acme"
    assert (message.topic, message.key) == (ORDER_EVENTS, "acme/?*")
    assert b"shop@example.com" not in message.value


@pytest.mark.parametrize(
    "topic", ["orders/risk_assessment_changed", "orders/shopify_protect_eligibility_changed", "orders/link_requested"]
)
def test_order_topics_without_an_order_need_nothing(topic: str) -> None:
    assert taken(b'{"order_id":1,"risk_level":"low"}', topic).outcome == "ignored"


@pytest.mark.parametrize(
    ("name", "topic", "reason"),
    [
        ("order_2026", "themes/publish", "unknown_topic"),
        ("order_2026", "", "unknown_topic"),
    ],
)
def test_what_no_agent_reads_is_kept_for_a_person(name: str, topic: str, reason: str) -> None:
    raw = body(f"shopify/{name}.json")
    result = taken(raw, topic)

    message = only(result)
    assert (message.topic, message.value, message.header("dl_reason")) == (KEPT, raw, reason)
    assert result.kept == (reason,)
    assert message.header("x-shopify-hmac-sha256") is None


@pytest.mark.parametrize(
    ("name", "topic"),
    [
        ("order_2026", "orders/delete"),
        ("order_2026", "refunds/create"),
        ("order_2026", "customers/redact"),
        ("order_2026", "shop/redact"),
        ("order_2026", "orders/edited"),
        ("refund", "orders/create"),
        ("app_uninstalled", "orders/updated"),
        ("customers_redact", "shop/redact"),
        ("customers_data_request", "shop/redact"),
        ("customers_data_request", "customers/redact"),
        ("customers_redact", "customers/data_request"),
        ("shop_redact", "customers/data_request"),
        ("order_2026", "customers/data_request"),
        ("order_2026", "app/uninstalled"),
        ("shop_redact", "app/uninstalled"),
    ],
)
def test_a_body_replayed_under_another_topic_becomes_nothing_but_a_dead_letter(name: str, topic: str) -> None:
    assert only(taken(body(f"shopify/{name}.json"), topic)).header("dl_reason") == "wrong_shape"


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        (b'"total_price":"70.00"', b'"total_price":"much"', "/total_price"),
        (b'"name":"#AC-1001"', b'"name":null', "/name"),
        (b'"name":"#AC-1001"', b'"name":" # "', "/name"),
        (b'"updated_at":"2026-11-03T18:00:41+01:00"', b'"updated_at":"2026-11-03T18:00:41"', "/updated_at"),
        (b'"quantity":2,"price"', b'"quantity":"two","price"', "/line_items/0/quantity"),
        (b'"id":9007199254740993,', b'"id":{},', "/id"),
    ],
)
def test_signed_fields_of_the_wrong_type_are_kept_with_their_path(old: bytes, new: bytes, path: str) -> None:
    assert old in ORDER
    message = only(taken(ORDER.replace(old, new, 1), "orders/updated"))

    assert (message.header("dl_reason"), message.header("dl_path")) == ("wrong_fields", path)
    assert "much" not in (message.header("dl_message") or "")


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff", b"[" * 2000, b"1" * 5000])
def test_what_is_signed_and_no_json_is_kept(raw: bytes) -> None:
    message = only(taken(raw, "orders/updated"))
    assert (message.topic, message.value, message.header("dl_reason")) == (KEPT, raw, "not_json")


@pytest.mark.parametrize("raw", [b"[]", b'"x"', b"1", b"null"])
def test_json_that_is_no_object_is_kept(raw: bytes) -> None:
    assert only(taken(raw, "orders/updated")).header("dl_reason") == "wrong_shape"


def test_a_hint_nested_too_deep_is_kept() -> None:
    deep = b'{"id":1,"order_id":2,"refund_line_items":' + b"[" * 500 + b"]" * 500 + b"}"
    assert only(taken(deep, "refunds/create")).header("dl_reason") == "not_json"


def test_an_unknown_shop_is_told_the_near_one() -> None:
    with pytest.raises(Unknown, match=r"shop 'acmee.myshopify.com' is not known; 'acme.myshopify.com' is"):
        taken(ORDER, "orders/create", "acmee.myshopify.com")


def test_the_near_one_is_never_another_tenant() -> None:
    with pytest.raises(Unknown) as problem:
        split(ACME_APP, shopify(ORDER, "orders/create", "bollt.myshopify.com"), directory())
    assert "bolt." not in str(problem.value)


def test_one_retailers_own_app_cannot_speak_for_another_shop() -> None:
    received = shopify(body("shopify/order_2019.json"), "orders/create", "bolt.myshopify.com", secret="acme-hush")
    with pytest.raises(Unauthenticated):
        split(ACME_APP, received, directory())


def test_the_own_path_binds_the_shop() -> None:
    acme, bolt = (path_token(PATH_KEY, ident) for ident in ("acme", "bolt"))

    assert only(taken(ORDER, "orders/create", token=acme)).key == "acme/AC-1001"
    for shop, token in [("acme.myshopify.com", bolt), ("bolt.myshopify.com", acme), ("acme.myshopify.com", "guess")]:
        with pytest.raises(Unauthenticated):
            taken(ORDER, "orders/create", shop, token)


@pytest.mark.parametrize(
    ("name", "topic"),
    [
        ("order_2026", "orders/create"),
        ("customers_redact", "customers/redact"),
        ("shop_redact", "shop/redact"),
        ("customers_data_request", "customers/data_request"),
        ("app_uninstalled", "app/uninstalled"),
    ],
)
def test_a_body_that_names_one_shop_cannot_be_replayed_as_another_s(name: str, topic: str) -> None:
    with pytest.raises(Unauthenticated):
        taken(body(f"shopify/{name}.json"), topic, "bolt.myshopify.com")
