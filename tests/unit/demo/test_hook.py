"""The hook simulator: what it takes for right and wrong, and how it fails when it is told to."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import orjson
import pytest
from standardwebhooks.webhooks import Webhook

from demo.hook import Access, HookSimulator
from demo.hook_format import COMMON_FIELDS, problems_of

SECRET = f"whsec_{base64.b64encode(bytes(range(24))).decode()}"
ACCESS = Access(SECRET, "acme", "pass")


@pytest.fixture
def hook() -> Iterator[HookSimulator]:
    with HookSimulator({"acme": ACCESS}) as simulator:
        yield simulator


def element(code: str = "RT", status: str = "Return in Transit", **fields: str) -> dict[str, str]:
    """One object of the format."""
    blank = dict.fromkeys(COMMON_FIELDS, "")
    return {**blank, "OrderNo": "1001", "Code": code, "Status": status, "EventDT": "2026-11-02 09:14:00", **fields}


def post(hook: HookSimulator, body: object, ident: str = "m1", secret: str = SECRET, **headers: str) -> int:
    """POST it, signed, and return the status."""
    raw, now = orjson.dumps(body), datetime.now(UTC)
    signed = {
        "webhook-id": ident,
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(secret).sign(ident, now, raw.decode()),
        "username": "acme",
        "password": "pass",
    }
    return httpx.post(hook.url("acme"), content=raw, headers={**signed, **headers}, timeout=2).status_code


def test_a_signed_message_in_the_format_is_accepted(hook: HookSimulator) -> None:
    assert post(hook, [element()]) == 200
    (received,) = hook.received
    assert (received.webhook_id, received.said("Code"), received.problems) == ("m1", "RT", ())


def test_a_wrong_signature_or_login_is_refused_and_says_so(hook: HookSimulator) -> None:
    other = f"whsec_{base64.b64encode(b'another secret').decode()}"
    assert post(hook, [element()], secret=other) == 401
    assert post(hook, [element()], password="wrong") == 401
    assert [bool(received.problems) for received in hook.received] == [True, True]
    assert hook.accepted() == []


def test_it_fails_as_often_as_it_is_told_and_then_accepts(hook: HookSimulator) -> None:
    hook.fail(2, 503)
    assert [post(hook, [element()]) for _ in range(3)] == [503, 503, 200]
    assert hook.accepted_twice() == []
    post(hook, [element()])
    assert hook.accepted_twice() == ["m1"]


def test_failing_for_one_retailer_leaves_the_others_alone(hook: HookSimulator) -> None:
    hook.fail(1, retailer="other")
    assert post(hook, [element()]) == 200


def test_a_post_that_hangs_is_received_and_never_answered(hook: HookSimulator) -> None:
    hook.hang(1)
    with pytest.raises(httpx.ReadTimeout):
        post(hook, [element()])
    assert [received.answered for received in hook.received] == [0]


def test_while_it_is_down_nobody_answers_and_afterwards_it_does_on_the_same_port(hook: HookSimulator) -> None:
    hook.down()
    with pytest.raises(httpx.ConnectError):
        post(hook, [element()])

    hook.up()
    assert post(hook, [element()]) == 200


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ({}, "array"),
        ([], "array"),
        ([element("XX")], "Code 'XX'"),
        ([element(Status="In Transit")], "Status of RT"),
        ([{**element(), "EventDT": 5}], "EventDT must be a string"),
        ([element(EventDT="2026-11-02T09:14:00Z")], "EventDT must be 'YYYY"),
        ([element(SourceLocation="Egham")], "SourceLocation must be"),
        ([element(ItemNo="TEE")], "ItemNo does not belong"),
        ([element("RC", "Return Created")], "ItemNo is missing"),
        ([element(), element()], "must come alone"),
    ],
)
def test_a_body_that_is_not_in_the_format_is_told_with_its_place(body: object, problem: str) -> None:
    assert any(problem in found for found in problems_of(orjson.dumps(body)))


def test_several_items_of_one_return_are_one_body() -> None:
    items = [
        element("RC", "Return Created", ItemNo=sku, ReturnReason="Faulty", ReturnAction="") for sku in ("TEE", "MUG")
    ]
    assert problems_of(orjson.dumps(items)) == ()
    items[1]["OrderNo"] = "1002"
    assert problems_of(orjson.dumps(items)) == ("/1: differs from the first in more than its item",)
