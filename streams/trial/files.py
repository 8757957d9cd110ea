"""An order and a return from files, in any of the forms that people have at hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import orjson
from pydantic import ValidationError

from contracts.keys import order_name
from contracts.model import Model
from contracts.orders import Order, ShopifyOrder
from contracts.retailers import Retailer
from contracts.returns import ReturnUpload, UploadedUnit
from streams.domain.orders import slim
from streams.engine.decoding import describe
from streams.engine.errors import ConfigError

M = TypeVar("M", bound=Model)

# Nothing of a trial is kept, so the hashes of e-mail and postcode in its order compare with nobody's.
_THROWAWAY_KEY = b"a trial keeps nothing"

_FORMS = {
    "order": 'a Shopify order (a webhook\'s body, or {"order": {...}}) or a row of the topic `orders`',
    "return": "an OmniRPS upload (an array with one element per unit) or a record of the topic `return-uploads`",
}


def read_order(path: Path, retailer: Retailer) -> Order:
    """The order in a file. ConfigError says what is wrong with it."""
    body = _json(path)
    if isinstance(body, dict) and isinstance(body.get("order"), dict):
        body = body["order"]
    if not isinstance(body, dict) or not body.keys() & {"line_items", "lines"}:
        raise ConfigError(f"{path} holds no order: it must be {_FORMS['order']}")
    if "lines" in body:
        return _as(Order, body, path)
    order = _as(ShopifyOrder, body, path)
    return slim(order, retailer=retailer.id, shop=retailer.shopify.shop, hash_key=_THROWAWAY_KEY)


def read_return(path: Path, retailer: Retailer, order: Order) -> tuple[ReturnUpload, ...]:
    """The returns in a file, one an RMA. Of an element only `Sku` must be there: this is a trial."""
    body = _json(path)
    if isinstance(body, dict) and "units" in body:
        return (_sound(_as(ReturnUpload, body, path), path),)
    elements = body if isinstance(body, list) else [body]
    if not elements or not all(isinstance(each, dict) and _text(each, "Sku") for each in elements):
        raise ConfigError(f"{path} holds no return: it must be {_FORMS['return']}, each with a Sku")
    returns: dict[tuple[str, str], list[UploadedUnit]] = {}
    for each in elements:
        key = order_name(_text(each, "OrderNumber") or order.name), _text(each, "RMA") or "(no RMA)"
        returns.setdefault(key, []).append(_unit(each))
    return tuple(
        ReturnUpload(retailer=retailer.id, order_name=number, rma=rma, units=tuple(units))
        for (number, rma), units in returns.items()
    )


def _sound(upload: ReturnUpload, path: Path) -> ReturnUpload:
    """ConfigError for what return-rules would refuse although it fits the model."""
    if not (upload.rma.strip() and order_name(upload.order_name) and all(unit.sku.strip() for unit in upload.units)):
        raise ConfigError(f"{path}: not a ReturnUpload: order_name, rma and every sku must say something")
    return upload


def _unit(element: dict[str, Any]) -> UploadedUnit:
    return UploadedUnit(
        sku=_text(element, "Sku"),
        reason=_text(element, "Reason"),
        return_action=_text(element, "ReturnAction"),
        exchange_variant_id=_text(element, "ExchangeVariantId") or None,
        exchange_sku=_text(element, "ExchangeSku") or None,
    )


def _text(element: dict[str, Any], name: str) -> str:
    value = element.get(name)
    return "" if value is None else str(value).strip()


def _json(path: Path) -> Any:
    try:
        body = orjson.loads(path.read_bytes())
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from None
    except orjson.JSONDecodeError as error:
        raise ConfigError(f"{path} is not JSON: {error}") from None
    # A line of `topics tail` has the record's value in it.
    return body["value"] if isinstance(body, dict) and body.keys() >= {"offset", "key", "value"} else body


def _as(model: type[M], body: dict[str, Any], path: Path) -> M:
    try:
        return model.model_validate_json(orjson.dumps(body))
    except ValidationError as error:
        raise ConfigError(f"{path}: {describe(error)}") from None
