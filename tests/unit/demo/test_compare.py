"""The comparison sees what is missing, too much, otherwise or twice; and nothing where all is as it must be."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from contracts.actions import ActionEvidence, AlertKind, ReturnAction, ReturnAlert
from contracts.orders import Order
from contracts.returns import Meaning, Option, ReturnUnit, UnitState
from contracts.tracking import Delivery, DeliveryResult
from demo.compare import differences
from demo.expected import Call, Expected, Letter, OrderRow, Return, Unit
from demo.hook import Received
from demo.observed import DeadLetter, Observed

NOW = datetime(2026, 11, 22, 10, tzinfo=UTC)
TEE = Unit("TEE", "acted", "refund", "customer", "10.00", "1.60", "EUR", evidence="first_scan")
MUG = Unit("MUG", "more_than_ordered")
EXPECTED = Expected(
    returns=(Return("acme", "1001", "R1", "P-1", "a test", 1, (TEE, MUG), "first_scan", ("RC", "RT")),),
    orders=(OrderRow("acme/1001", 1, "10.00", 0),),
    letters=(Letter("ingress", "wrong_shape", "acme"),),
    calls=(Call("needs_person", "acme/1001", "R1", "MUG"),),
)


def unit(sku: str, state: UnitState, **values: object) -> ReturnUnit:
    known = {"retailer": "acme", "order_key": "acme/1001", "rma": "R1", "sku": sku, "ordinal": 1, "state": state}
    more = {"needs_person": False, "milestone": Meaning.FIRST_SCAN, "settings_version": 1}
    return ReturnUnit.model_validate({**known, **more, **values})


def action(**changes: object) -> ReturnAction:
    values = {
        "action_id": "a1", "retailer": "acme", "order_key": "acme/1001", "order_id": "1", "rma": "R1", "sku": "TEE",
        "ordinal": 1, "option": "refund", "amount": "10.00", "tax": "1.60", "currency": "EUR", "taxes_included": True,
        "line_id": "2", "line_index": 1, "stage": "first_scan", "evidence": ActionEvidence(milestone="first_scan"),
        "decided_by": "customer", "settings_version": 1, "acted_at": NOW,
    }  # fmt: skip
    return ReturnAction.model_validate({**values, **changes})


def posted(code: str, status: int = 200, ident: str = "", **fields: str) -> Received:
    body = {"OrderNo": "1001", "ConsignmentNo": "p 1", "Code": code, **fields}
    return Received(0.0, "acme", ident or f"id-{code}", (body,), status)


def delivery(code: str) -> Delivery:
    return Delivery(
        delivery_id=f"id-{code}", retailer="acme", order_key="acme/1001", code=code, url="http://h", attempt=1,
        result=DeliveryResult.DELIVERED, at=NOW,
    )  # fmt: skip


def seen() -> Observed:
    """All as it must be."""
    amounts = {"option": Option.REFUND, "decided_by": "customer", "amount": "10.00", "tax": "1.60", "currency": "EUR"}
    rows = (unit("TEE", UnitState.ACTED, **amounts), unit("MUG", UnitState.MORE_THAN_ORDERED))
    order = Order(
        retailer="acme", shop="s", id="1", name="#1001", created_at=NOW, updated_at=NOW, currency="EUR",
        total_price=Decimal("10"), total_line_items_price=Decimal("10"),
    )  # fmt: skip
    alert = ReturnAlert(
        alert_id="x", kind=AlertKind.NEEDS_PERSON, retailer="acme", order_key="acme/1001", rma="R1", sku="MUG",
        message="look", at=NOW,
    )  # fmt: skip
    return Observed(
        orders={"acme/1001": order},
        units={(row.order_key, row.rma, row.sku, row.ordinal): row for row in rows},
        actions=[action()],
        deliveries=[delivery("RC"), delivery("RT")],
        alerts={"x": alert},
        letters=[DeadLetter("ingress", "wrong_shape", "no order", "acme")],
    )


TOLD = [posted("RC", 500), posted("RC"), posted("RT")]


def test_all_as_it_must_be_is_no_difference_though_a_hook_failed_once() -> None:
    assert differences(EXPECTED, seen(), TOLD) == []


def test_nothing_at_all_differs_everywhere() -> None:
    found = differences(EXPECTED, Observed(), [])
    assert {line.split()[0] for line in found} == {"order", "unit", "action", "deliveries", "dead", "alert"}


@pytest.mark.parametrize(
    ("actions", "said"),
    [
        ([action(), action()], "2 times, must be once"),
        ([action(), action(action_id="a2", option="exchange")], "2 times, must be once"),
        ([action(amount="10.01")], "amount is 10.01, must be 10.00"),
        ([action(), action(sku="MUG")], "nobody may act on it"),
        ([action(order_id="3")], "order is 3, must be 1"),
        ([action(presentment_amount="1", presentment_tax="1", presentment_currency="USD")], "presentment is"),
        ([], "not there"),
    ],
)
def test_an_action_that_is_wrong_missing_or_twice_is_told(actions: list[ReturnAction], said: str) -> None:
    observed = seen()
    observed.actions = actions
    assert any(line.startswith("action ") and said in line for line in differences(EXPECTED, observed, TOLD))


def test_codes_out_of_order_differ_only_where_the_order_was_kept() -> None:
    turned = list(reversed(TOLD))
    assert any("RT RC, must be RC RT" in line for line in differences(EXPECTED, seen(), turned))
    assert differences(EXPECTED, seen(), turned, in_order=False) == []


def test_a_message_that_nobody_recorded_or_that_belongs_to_no_return_is_told() -> None:
    found = differences(EXPECTED, seen(), [*TOLD, posted("DS", OrderNo="9")])
    assert "deliveries: 1 messages belong to no return" in found
    assert "recorded delivery id-DS: not there" in found


def test_what_the_hook_found_wrong_is_told() -> None:
    found = differences(EXPECTED, seen(), [*TOLD, replace(posted("RT", 401), problems=("signature: wrong",))])
    assert found == ["hook of acme, RT: signature: wrong"]
