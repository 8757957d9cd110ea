"""Orders and returns in every form that people have at hand, and what is said of files that hold neither."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from contracts.orders import Order
from contracts.returns import ReturnUpload
from streams.domain.orders import slim
from streams.engine.errors import ConfigError
from streams.trial.files import read_order, read_return
from tests.builders import HASH_KEY, retailer, shopify_order, unit, upload

ACME = retailer()
BODY: dict[str, Any] = json.loads(shopify_order().model_dump_json())
ROW: Order = slim(shopify_order(), retailer="acme", shop="acme.myshopify.com", hash_key=HASH_KEY)
UPLOAD = {"OrderNumber": "1001", "RMA": "R1", "Sku": "TEE-M", "Reason": "Too small", "ReturnAction": "REFUND"}


def holding(folder: Path, content: object) -> Path:
    """A file with this as JSON, or with these bytes."""
    file = folder / "file.json"
    file.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return file


def tailed(value: dict[str, Any]) -> dict[str, Any]:
    """A line of `topics tail`."""
    return {"partition": 0, "offset": 7, "key": "acme/1001", "headers": {}, "value": value}


def returns(folder: Path, content: object) -> tuple[ReturnUpload, ...]:
    return read_return(holding(folder, content), ACME, ROW)


@pytest.mark.parametrize(
    "content",
    [BODY, {"order": BODY}, json.loads(ROW.model_dump_json()), tailed(json.loads(ROW.model_dump_json()))],
    ids=["webhook body", "order of the Admin API", "row of orders", "line of topics tail"],
)
def test_an_order_in_any_form_is_the_same_order(tmp_path: Path, content: object) -> None:
    order = read_order(holding(tmp_path, content), ACME)

    assert (order.name, order.country, order.total_price) == ("#1001", "US", ROW.total_price)
    assert order.lines == ROW.lines


@pytest.mark.parametrize(
    "content",
    [
        [UPLOAD],
        UPLOAD,
        [{name: value for name, value in UPLOAD.items() if name != "OrderNumber"}],
        json.loads(upload(unit(action="REFUND")).model_dump_json()),
        tailed(json.loads(upload(unit(action="REFUND")).model_dump_json())),
    ],
    ids=["upload", "one element", "without order number", "record", "line of topics tail"],
)
def test_a_return_in_any_form_is_the_same_return(tmp_path: Path, content: object) -> None:
    [found] = returns(tmp_path, content)

    assert (found.rma, found.order_name.removeprefix("#")) == ("R1", "1001")
    [returned] = found.units
    assert (returned.sku, returned.reason, returned.return_action) == ("TEE-M", "Too small", "REFUND")


def test_an_element_needs_a_sku_and_no_more(tmp_path: Path) -> None:
    [found] = returns(tmp_path, [{"Sku": " TEE-M "}])

    assert (found.rma, found.order_name) == ("(no RMA)", "1001")
    assert (found.units[0].sku, found.units[0].reason, found.units[0].exchange_sku) == ("TEE-M", "", None)


def test_elements_with_the_same_rma_are_units_of_one_return(tmp_path: Path) -> None:
    elements = [UPLOAD, {**UPLOAD, "RMA": "R2"}, {**UPLOAD, "RMA": " R1 ", "OrderNumber": "#1001", "Sku": "CAP"}]

    assert [(found.rma, [u.sku for u in found.units]) for found in returns(tmp_path, elements)] == [
        ("R1", ["TEE-M", "CAP"]),
        ("R2", ["TEE-M"]),
    ]


def test_the_wanted_variant_is_read(tmp_path: Path) -> None:
    wanted = {**UPLOAD, "ReturnAction": "EXCHANGE", "ExchangeVariantId": 44_002, "ExchangeSku": "TEE-L"}
    [found] = returns(tmp_path, [wanted])

    assert (found.units[0].exchange_variant_id, found.units[0].exchange_sku) == ("44002", "TEE-L")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"{", "is not JSON"),
        (b"", "is not JSON"),
        ([], "holds no order: it must be a Shopify order"),
        ({"id": 1, "name": "#1001"}, "holds no order"),
        ({"order": [BODY]}, "holds no order"),
        ({**BODY, "currency": None}, "not a ShopifyOrder: /currency: Input should be a valid string"),
        ({**BODY, "line_items": [{"id": 1}]}, "/line_items/0/quantity: Field required"),
        ({"lines": []}, "not a Order: /retailer: Field required"),
    ],
)
def test_what_is_no_order_is_told_with_what_is_wrong(tmp_path: Path, content: object, told: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read_order(holding(tmp_path, content), ACME)

    assert told in str(refused.value)
    assert "file.json" in str(refused.value)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"[", "is not JSON"),
        ([], "holds no return: it must be an OmniRPS upload"),
        ("R1", "holds no return"),
        ([UPLOAD, "TEE-M"], "each with a Sku"),
        ([UPLOAD, {"RMA": "R1", "Sku": " "}], "each with a Sku"),
        ({"units": [], "retailer": "acme", "order_name": "1", "rma": "R1"}, "not a ReturnUpload: /units: Tuple"),
        ({**json.loads(upload(unit(" ")).model_dump_json())}, "every sku must say something"),
        ({**json.loads(upload(rma=" ").model_dump_json())}, "every sku must say something"),
    ],
)
def test_what_is_no_return_is_told_with_what_is_wrong(tmp_path: Path, content: object, told: str) -> None:
    with pytest.raises(ConfigError) as refused:
        returns(tmp_path, content)

    assert told in str(refused.value)
    assert "file.json" in str(refused.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"absent\.json cannot be read: No such file or directory"):
        read_order(tmp_path / "absent.json", ACME)
