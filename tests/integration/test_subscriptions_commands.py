"""`subscriptions audit|repair` against a simulated shop: shown first, then made right, and right the second time."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from demo.shopify.simulator import ShopifySimulator
from producers.retailers import path_token
from streams.domain.subscriptions import ORDER_FIELDS, TOPICS
from tests.command_line import Outcome
from tests.integration.conftest import Command
from tests.integration.test_commands import agents, ended
from tests.waiting import wait_until

pytestmark = pytest.mark.kafka

DOOR = "https://hooks.example.com/webhooks/shopify"
KEY = "a path key of the tests"
URI = f"{DOOR}/{path_token(KEY, 'acme')}"
RETAILERS = """\
retailers:
  - {id: acme, name: Acme, portal: omnireturns, return_action: first_scan,
     shopify: {shop: acme.myshopify.com, secret_ref: acme/shopify}}
  - {id: bolt, name: Bolt, portal: omnireturns, return_action: first_scan,
     shopify: {shop: bolt.myshopify.com, secret_ref: bolt/shopify}}
  - {id: cord, name: Cord, portal: omnireturns, return_action: first_scan, shopify: {shop: cord.myshopify.com}}
"""


@pytest.fixture
def shopify() -> Iterator[ShopifySimulator]:
    with ShopifySimulator() as simulator:
        simulator.add("acme.myshopify.com", access_token="shpat_acme")
        simulator.add("bolt.myshopify.com", access_token="shpat_bolt")
        yield simulator


@pytest.fixture
def settings(installed: None, command: Command, shopify: ShopifySimulator, tmp_path: Path) -> dict[str, str]:
    """With acme's secret, and a wrong one of bolt's."""
    for name, token in (("acme", "shpat_acme"), ("bolt", "shpat_old")):
        (tmp_path / "secrets" / name).mkdir(parents=True)
        (tmp_path / "secrets" / name / "shopify").write_text(json.dumps({"access_token": token}))
    (tmp_path / "retailers.yaml").write_text(RETAILERS)
    assert command("retailers", "apply", str(tmp_path / "retailers.yaml"), "--yes").code == 0
    return {
        "SECRETS_DIR": str(tmp_path / "secrets"),
        "SHOPIFY__BASE_URL": shopify.base_url,
        "INGRESS__SHOPIFY_PATH_KEY": KEY,
        "INGRESS__PUBLIC_URL": "https://hooks.example.com",
    }


@pytest.fixture
def asked(command: Command, settings: dict[str, str]) -> Command:
    def ask(*arguments: str, answer: str = "", **more: str) -> Outcome:
        return command("subscriptions", *arguments, answer=answer, **{**settings, **more})

    return ask


def found(shopify: ShopifySimulator) -> list[dict[str, Any]]:
    subscriptions = shopify.shops["acme.myshopify.com"].store.subscriptions.values()
    return sorted(subscriptions, key=lambda each: str(each["topic"]))


def test_a_shop_is_shown_repaired_and_then_right(asked: Command, shopify: ShopifySimulator) -> None:
    audit = asked("audit", "--retailer", "acme")
    assert audit.code == 1
    assert "acme (acme.myshopify.com): 7 to do, 0 as they should be" in audit.out
    assert path_token(KEY, "acme") not in audit.out, "nobody reads the path over a shoulder"
    assert found(shopify) == []

    assert asked("repair", "--retailer", "acme", answer="n\n").code == 1
    assert found(shopify) == []
    assert asked("repair", "--retailer", "acme", answer="y\n").code == 0

    assert [each["topic"] for each in found(shopify)] == sorted(TOPICS)
    assert {each["uri"] for each in found(shopify)} == {URI}
    created = next(each for each in found(shopify) if each["topic"] == "ORDERS_CREATE")
    assert (created["format"], created["name"]) == ("JSON", "returnstreams-orders-create")
    assert set(created["includeFields"]) == set(ORDER_FIELDS)
    again = asked("audit", "--retailer", "acme")
    assert (again.code, again.out) == (0, "acme (acme.myshopify.com): 7 as they should be\n")
    assert asked("repair", "--retailer", "acme").code == 0, "nothing is asked where there is nothing to do"


def test_what_shopify_removed_and_what_somebody_changed_is_mended_and_the_rest_left_alone(
    asked: Command, shopify: ShopifySimulator
) -> None:
    assert asked("repair", "--retailer", "acme", "--yes").code == 0
    store = shopify.shops["acme.myshopify.com"].store
    by_topic = {each["topic"]: each for each in found(shopify)}
    del store.subscriptions[by_topic["ORDERS_DELETE"]["id"]]
    by_topic["ORDERS_UPDATED"].update(includeFields=["id"], filter="total_price:>100")
    theirs = {
        **by_topic["ORDERS_CREATE"],
        "id": "gid://shopify/WebhookSubscription/99",
        "name": "erp",
        "uri": "https://erp",
    }
    old = {**theirs, "id": "gid://shopify/WebhookSubscription/98", "name": None, "uri": DOOR}
    store.subscriptions |= {each["id"]: each for each in (theirs, old)}

    shown = asked("audit", "--retailer", "acme").out
    for told in (
        "+ ORDERS_DELETE: missing",
        "~ ORDERS_UPDATED: fields: without",
        "- ORDERS_CREATE: double",
        "1 more of",
    ):
        assert told in shown
    assert asked("repair", "--retailer", "acme", "--yes").code == 0

    assert asked("audit", "--retailer", "acme").code == 0
    assert theirs in found(shopify)
    assert len(found(shopify)) == 8
    assert not store.subscriptions[by_topic["ORDERS_UPDATED"]["id"]]["filter"]


def test_a_new_path_key_moves_the_subscriptions(asked: Command, shopify: ShopifySimulator) -> None:
    assert asked("repair", "--retailer", "acme", "--yes").code == 0
    keys = {"INGRESS__SHOPIFY_PATH_KEY": "another", "INGRESS__SHOPIFY_PATH_KEY_PREVIOUS": KEY}

    assert asked("repair", "--retailer", "acme", "--yes", **keys).code == 0

    assert {each["uri"] for each in found(shopify)} == {f"{DOOR}/{path_token('another', 'acme')}"}


def test_one_shop_that_cannot_be_asked_holds_up_no_other(asked: Command, shopify: ShopifySimulator) -> None:
    outcome = asked("repair", "--yes")

    assert outcome.code == 1
    assert "bolt (bolt.myshopify.com) could not be asked" in outcome.err
    assert "shpat_" not in outcome.err
    assert "cord" not in outcome.out + outcome.err
    assert len(found(shopify)) == len(TOPICS)


def test_a_process_that_runs_looks_by_itself_and_calls_a_person(
    command: Command, environment: dict[str, str], settings: dict[str, str], tmp_path: Path
) -> None:
    with agents({**environment, **settings, "SHOPIFY__AUDIT_EVERY_S": "1"}, tmp_path) as (process, log):
        wait_until(lambda: "subscription_missing" in command("topics", "tail", "return-alerts").out, "an alert", 60)
        assert ended(process) == 0
    [alert] = [json.loads(line) for line in command("topics", "tail", "return-alerts").out.splitlines()]
    assert (alert["key"], alert["value"]["kind"]) == ("acme/?*", "subscription_missing")
    assert alert["headers"]["ce_id"] == alert["value"]["alert_id"]
    assert "shpat_" not in log.read_text()


@pytest.mark.parametrize("name", ["INGRESS__SHOPIFY_PATH_KEY", "INGRESS__PUBLIC_URL", "SECRETS_DIR"])
def test_a_setting_that_is_not_there_is_named(installed: None, command: Command, tmp_path: Path, name: str) -> None:
    (tmp_path / "retailers.yaml").write_text(RETAILERS)
    assert command("retailers", "apply", str(tmp_path / "retailers.yaml"), "--yes").code == 0
    settings = {
        "INGRESS__SHOPIFY_PATH_KEY": KEY,
        "INGRESS__PUBLIC_URL": "https://hooks.example.com",
        "SECRETS_DIR": str(tmp_path),
    }
    outcome = command("subscriptions", "audit", **{key: value for key, value in settings.items() if key != name})

    assert outcome.code == 78
    assert f"RETURNSTREAMS_{name} is not set" in outcome.err
