"""Every wire model: survives its own JSON, ignores what it does not know, writes money and times in one way."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from contracts.model import MOST_DIGITS, Amount, Instant, Model
from contracts.orders import Order, OrderLine, ShopifyLine, ShopifyOrder
from contracts.returns import UploadedUnit
from contracts.topics import CATALOGUE
from tests.contracts.values import AMOUNTS, INSTANTS, values_of

MODELS = sorted({event.model for topic in CATALOGUE for event in topic.events}, key=lambda model: model.__name__)
every_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
few = settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow], deadline=None)

PAST_DOUBLES = 2**53 + 1


class Money(Model):
    """One amount."""

    amount: Amount


class Moment(Model):
    """One instant."""

    at: Instant


def written(model: Model) -> Any:
    return json.loads(model.model_dump_json())


@every_model
@few
@given(st.data())
def test_a_value_survives_its_own_json(model: type[Model], data: st.DataObject) -> None:
    value = data.draw(values_of(model))
    assert model.model_validate_json(value.model_dump_json()) == value


@every_model
@few
@given(st.data())
def test_a_newer_writers_fields_are_ignored(model: type[Model], data: st.DataObject) -> None:
    value = data.draw(values_of(model))
    newer = json.dumps({**written(value), "a_field_of_tomorrow": {"deep": [1]}})
    assert model.model_validate_json(newer) == value


@every_model
@few
@given(st.data())
def test_a_value_cannot_be_changed(model: type[Model], data: st.DataObject) -> None:
    value = data.draw(values_of(model))
    name = next(iter(model.model_fields))
    with pytest.raises(ValidationError, match="frozen"):
        setattr(value, name, getattr(value, name))


@pytest.mark.parametrize("given_id", [PAST_DOUBLES, str(PAST_DOUBLES)])
def test_ids_that_a_double_cannot_hold_are_kept_to_the_digit(given_id: int | str) -> None:
    line = ShopifyLine.model_validate_json(json.dumps({"id": given_id, "quantity": 1, "price": "1.00"}))
    assert line.id == "9007199254740993"
    assert written(line)["id"] == "9007199254740993"
    assert UploadedUnit.model_validate({"sku": "A", "exchange_variant_id": PAST_DOUBLES}).exchange_variant_id == str(
        PAST_DOUBLES
    )


@pytest.mark.parametrize("no_id", [True, 1.5, None, ["1"]])
def test_what_is_no_id_is_not_made_one(no_id: object) -> None:
    with pytest.raises(ValidationError):
        ShopifyLine.model_validate({"id": no_id, "quantity": 1, "price": "1"})


# --- money ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("amount", "text"),
    [
        ("0E+2", "0"),
        ("1E+3", "1000"),
        ("1E-9", "0.000000001"),
        ("-0.00", "0.00"),
        ("100.00", "100.00"),
        ("-5", "-5"),
        (".5", "0.5"),
        ("0.1000", "0.1000"),
    ],
)
def test_money_is_written_in_plain_digits(amount: str, text: str) -> None:
    assert Money(amount=Decimal(amount)).model_dump_json() == f'{{"amount":"{text}"}}'
    assert Money(amount=Decimal(amount)).model_dump(mode="json") == {"amount": text}


@given(AMOUNTS)
def test_money_is_never_rounded_and_has_no_exponent(amount: Decimal) -> None:
    text = written(Money(amount=amount))["amount"]
    assert re.fullmatch(r"-?\d+(\.\d+)?", text)
    assert Decimal(text) == amount


def test_money_stays_a_decimal_inside() -> None:
    assert Money(amount=Decimal("1.50")).model_dump() == {"amount": Decimal("1.50")}


@pytest.mark.parametrize("amount", ["NaN", "Infinity", "1E+1000000", f"1E+{MOST_DIGITS}", "ten", "", "1,50"])
def test_what_is_no_money_is_refused(amount: str) -> None:
    with pytest.raises(ValidationError):
        Money.model_validate({"amount": amount})


def test_a_number_in_json_is_read_as_it_is_written() -> None:
    assert Money.model_validate_json('{"amount": 0.1}').amount == Decimal("0.1")


# --- times ------------------------------------------------------------------------------------------------------------


@given(INSTANTS)
def test_an_instant_is_written_in_utc(at: datetime) -> None:
    text = written(Moment(at=at))["at"]
    assert text.endswith("Z")
    assert datetime.fromisoformat(text) == at


def test_a_shops_local_time_is_the_same_instant_in_utc() -> None:
    moment = Moment.model_validate({"at": "2026-11-01T10:00:00-05:00"})
    assert moment.at.tzinfo is UTC
    assert moment.model_dump_json() == '{"at":"2026-11-01T15:00:00Z"}'


@pytest.mark.parametrize("at", ["2026-11-01T10:00:00", "0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00"])
def test_a_time_that_is_no_instant_is_refused(at: str) -> None:
    with pytest.raises(ValidationError):
        Moment.model_validate({"at": at})


# --- Shopify's ten years of shapes ------------------------------------------------------------------------------------


def test_null_where_shopify_leaves_nothing_is_nothing() -> None:
    order = ShopifyOrder.model_validate(
        {
            "id": 1,
            "name": "#1001",
            "created_at": "2026-11-01T10:00:00Z",
            "updated_at": "2026-11-01T10:00:00Z",
            "currency": "USD",
            "total_price": "1.00",
            "total_discounts": None,
            "taxes_included": None,
            "line_items": None,
            "refunds": None,
            "fulfillments": [{"id": 1, "line_items": [{"id": 2, "quantity": None}]}],
        }
    )
    assert (order.total_discounts, order.taxes_included, order.line_items) == (Decimal(0), False, ())
    assert order.fulfillments[0].line_items[0].quantity == 0


def test_a_newer_version_of_an_order_is_told_by_the_shops_clock() -> None:
    line = OrderLine(id="1", quantity=1, price=Decimal(1))
    order = Order(
        retailer="acme",
        shop="acme.myshopify.com",
        id="1",
        name="#1001",
        created_at=datetime(2026, 11, 1, tzinfo=UTC),
        updated_at=datetime(2026, 11, 2, tzinfo=UTC),
        currency="USD",
        total_price=Decimal(1),
        total_line_items_price=Decimal(1),
        lines=(line,),
    )
    assert order.version == (datetime(2026, 11, 2, tzinfo=UTC), None)


@pytest.mark.parametrize("body", [b'{"email": {"of": "ann@example.com"}}', b'{"email": "ann@example.com", '])
def test_the_text_of_an_error_holds_no_value_for_it_may_end_in_a_log(body: bytes) -> None:
    with pytest.raises(ValidationError) as wrong:
        ShopifyOrder.model_validate_json(body)
    assert "ann@" not in str(wrong.value)
