"""Nobody speaks for another tenant: whatever is swapped between two of them, every record is the verified one's."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from contracts.topics import CARRIER_EVENTS
from contracts.tracking import CarrierReport
from producers.accounts import Account, LoginAccount, ShippoAccount, SigningAccount, TokenAccount
from producers.app import build
from producers.door import Door
from producers.messages import KEPT
from producers.retailers import path_token
from streams import event_loop
from tests.unit.producers.support import PATH_KEY, body, door_of, shippo_signature, shopify_headers
from tests.unit.producers.test_carriers import easypost_signature_of
from tests.unit.producers.test_door import MemoryPublisher

NAMES = {"acme": "Acme Outdoors", "bolt": "Bölt - Loop"}
TENANTS = sorted(NAMES)
NOW = 1_762_250_400.0


def secret(sender: str, tenant: str) -> str:
    """What this tenant proves itself with to this sender's path; its like is nowhere in a body."""
    return f"sesame-{sender}-{tenant}"


def accounts() -> dict[str, list[Account]]:
    """Each retailer brings its own app and its own carrier accounts."""

    def of(sender: str, tenant: str) -> Account:
        known = SecretStr(secret(sender, tenant))
        name, retailers = f"{tenant}-own", (tenant,)
        if sender == "omniparcel":
            return LoginAccount(name=name, retailers=retailers, username=tenant, password=known)
        if sender == "omnirps":
            return TokenAccount(name=name, retailers=retailers, token=known)
        if sender == "shippo":
            return ShippoAccount(name=name, retailers=retailers, secret=known)
        return SigningAccount(name=name, retailers=retailers, secret=known)

    senders = ("shopify", "easypost", "aftership", "shippo", "omniparcel", "omnirps")
    return {sender: [of(sender, tenant) for tenant in TENANTS] for sender in senders}


def mac64(raw: bytes, key: str) -> str:
    return base64.b64encode(hmac.digest(key.encode(), raw, hashlib.sha256)).decode()


SHOPIFY_BODIES = ["order_2026", "refund", "order_edited", "order_deleted", "customers_redact", "shop_redact",
                  "customers_data_request", "app_uninstalled"]  # fmt: skip
TOPICS = ["orders/create", "orders/updated", "orders/edited", "orders/delete", "refunds/create", "customers/redact",
          "shop/redact", "customers/data_request", "app/uninstalled", "orders/paid"]  # fmt: skip


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, str, bytes, dict[str, str]]:
    """(who signs, path, body, headers): everything that is not signed may be the other tenant's."""
    signs, claims, inside = (draw(st.sampled_from(TENANTS)) for _ in range(3))
    sender = draw(
        st.sampled_from(["shopify", "easypost", "aftership", "shippo", "omniparcel", "returns", "events", "status"])
    )
    if sender == "shopify":
        raw = body(f"shopify/{draw(st.sampled_from(SHOPIFY_BODIES))}.json").replace(b"acme.my", f"{inside}.my".encode())
        shop, topic = f"{claims}.myshopify.com", draw(st.sampled_from(TOPICS))
        own = path_token(PATH_KEY, draw(st.sampled_from(TENANTS)))
        path = draw(st.sampled_from(["/webhooks/shopify", f"/webhooks/shopify/{own}"]))
        return signs, path, raw, shopify_headers(raw, topic, shop, secret(sender, signs))
    if sender in ("returns", "events", "status"):
        name = {"returns": "returns", "events": "events", "status": "return_status"}[sender]
        raw = body(f"omnirps/{name}.json").replace(b"Acme Outdoors", NAMES[inside].encode())
        path = f"/omnirps/{'return-status' if sender == 'status' else sender}"
        return signs, path, raw, {"token": secret("omnirps", signs), "retailer": NAMES[claims]}
    file = {"easypost": "tracker_updated", "aftership": "tracking", "shippo": "track_updated", "omniparcel": "status"}
    raw = body(f"{sender}/{file[sender]}.json").replace(b"}", f',"retailer":"{inside}"}}'.encode(), 1)
    key = secret(sender, signs)
    headers = {
        "easypost": {"x-hmac-signature": easypost_signature_of(raw, key)},
        "aftership": {"aftership-hmac-sha256": mac64(raw, key)},
        "shippo": {"shippo-auth-signature": shippo_signature(raw, NOW, key)},
        "omniparcel": {"username": signs, "password": key},
    }[sender]
    return signs, f"/webhooks/{sender}", raw, {**headers, "retailer": NAMES[claims]}


class Outcome:
    """What one request led to."""

    def __init__(self, door: Door, publisher: MemoryPublisher) -> None:
        self.door, self.publisher = door, publisher

    def post(self, path: str, raw: bytes, headers: dict[str, str]) -> httpx.Response:
        """The answer."""
        encoded = [(name.encode(), value.encode()) for name, value in headers.items()]

        async def run() -> httpx.Response:
            transport = httpx.ASGITransport(build(self.door))
            async with httpx.AsyncClient(transport=transport, base_url="http://ingress") as client:
                return await client.post(path, content=raw, headers=encoded)

        return event_loop.run(run())


def rig() -> Outcome:
    publisher = MemoryPublisher()
    return Outcome(door_of(accounts(), publisher, clock=lambda: NOW), publisher)


UNAUTHENTICATED = rig().post("/webhooks/shopify", b"{}", {}).content


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(request=requests())
def test_every_record_is_about_the_tenant_who_proved_himself(
    request: tuple[str, str, bytes, dict[str, str]],
) -> None:
    signs, path, raw, headers = request
    outcome = rig()
    response = outcome.post(path, raw, headers)

    assert response.status_code in (200, 401, 422)
    written = outcome.publisher.written
    assert response.status_code == 200 or not written
    if response.status_code == 401:
        assert response.content == UNAUTHENTICATED
    for message in written:
        if message.topic == CARRIER_EVENTS:
            assert CarrierReport.model_validate_json(message.value).source.retailers == (signs,)
        elif message.topic != KEPT:
            assert (message.key or "").startswith(f"{signs}/")
            value = json.loads(message.value)
            assert value.get("retailer", signs) == signs
        else:
            assert message.key in (signs, None)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(request=requests())
def test_a_repeat_writes_the_same_facts(request: tuple[str, str, bytes, dict[str, str]]) -> None:
    _, path, raw, headers = request
    outcome = rig()
    answers = [outcome.post(path, raw, headers).status_code for _ in range(2)]
    written = outcome.publisher.written
    first, again = written[: len(written) // 2], written[len(written) // 2 :]
    assert answers[0] == answers[1]
    assert [(m.topic.name, m.key, m.header("ce_id")) for m in first] == [
        (m.topic.name, m.key, m.header("ce_id")) for m in again
    ]


@pytest.mark.parametrize("written", [0, 1, 2, 3])
def test_what_was_written_in_part_is_whole_after_a_repeat_and_counts_once(written: int) -> None:
    """A request of many records is no transaction: after a 503 some may be there, under the ids that a repeat has."""
    raw, headers = body("omnirps/events.json"), {"token": secret("omnirps", "acme"), "retailer": NAMES["acme"]}
    outcome = rig()
    outcome.publisher.breaks_after = written
    assert outcome.post("/omnirps/events", raw, headers).status_code == 503
    outcome.publisher.breaks_after = None
    assert outcome.post("/omnirps/events", raw, headers).status_code == 200
    ids = [message.header("ce_id") for message in outcome.publisher.written]
    assert len(ids) == written + 4
    assert len(set(ids)) == 4


@pytest.mark.parametrize("wrong", [None, "flip", "other path"])
def test_no_log_no_metric_and_no_answer_holds_a_secret(wrong: str | None, capfd: pytest.CaptureFixture[str]) -> None:
    @settings(max_examples=40, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(request=requests())
    def check(request: tuple[str, str, bytes, dict[str, str]]) -> None:
        _, path, raw, headers = request
        outcome = rig()
        body = raw + b" " if wrong == "flip" else raw
        answer = outcome.post("/webhooks/shopify/guess" if wrong == "other path" else path, body, headers)
        metrics = b"".join(str(sample).encode() for family in outcome.door.metrics.registry.collect()
                           for sample in family.samples)  # fmt: skip
        for said in (answer.content, metrics):
            assert b"sesame" not in said

    check()
    logs = "".join(capfd.readouterr())
    assert "sesame" not in logs
    for tenant in TENANTS:
        assert path_token(PATH_KEY, tenant) not in logs
    for personal in ("example.com", "Ann", "High Street", "555-625"):
        assert personal not in logs


def test_a_record_of_yesterday_is_signed_still_and_changes_nothing() -> None:
    """Shopify signs no time: what was recorded can be sent again, and is the same fact."""
    raw = body("shopify/order_2026.json")
    outcome = rig()
    for triggered in ("2026-11-03T18:00:42Z", "2030-01-01T00:00:00Z"):
        headers = shopify_headers(raw, "orders/create", secret=secret("shopify", "acme"))
        assert outcome.post("/webhooks/shopify", raw, {**headers, "x-shopify-triggered-at": triggered}).is_success
    assert len({message.header("ce_id") for message in outcome.publisher.written}) == 1


def test_a_signature_of_shippo_that_was_recorded_is_nobodys_later() -> None:
    raw = body("shippo/track_updated.json")
    outcome = rig()
    headers: dict[str, Any] = {"shippo-auth-signature": shippo_signature(raw, NOW, secret("shippo", "acme"))}
    assert outcome.post("/webhooks/shippo", raw, headers).status_code == 200
    outcome.door.clock = lambda: NOW + 301
    assert outcome.post("/webhooks/shippo", raw, headers).content == UNAUTHENTICATED
