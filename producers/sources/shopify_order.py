"""An order's webhook read in one pass over its bytes: what the order table needs is sound, and whose the order is.

By far the most frequent body. Made a `ShopifyOrder` it takes three times as long, most of it for objects and Decimals
that the door throws away again (docs/decisions/0010). What is taken here, `ShopifyOrder` takes; what is not, gets a
closer look: a test holds the two together, field by field.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any, NamedTuple, Required

from pydantic import AwareDatetime, Field, Strict, StringConstraints, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from contracts.orders import MOST_OF_A_LINE

_Id = Annotated[Annotated[int, Strict()] | Annotated[str, Strict()], Field(union_mode="left_to_right")]
# As Shopify writes them; numbers and exponents get the closer look.
_Amount = Annotated[str, StringConstraints(pattern=r"^-?[0-9]{1,20}(\.[0-9]{1,20})?$", strict=True)]
# Not so near to the ends of the calendar that its UTC could lie outside.
_Instant = Annotated[AwareDatetime, Field(ge=datetime(2, 1, 1, tzinfo=UTC), le=datetime(9998, 1, 1, tzinfo=UTC))]
_Count = Annotated[int, Field(ge=0)]
_LineCount = Annotated[int, Field(ge=0, le=MOST_OF_A_LINE)]


class _Money(TypedDict, total=False):
    amount: _Amount | None
    currency_code: str | None


class _MoneySet(TypedDict, total=False):
    shop_money: _Money | None
    presentment_money: _Money | None


class _DiscountAllocation(TypedDict, total=False):
    amount: Required[_Amount]
    amount_set: _MoneySet | None


class _TaxLine(TypedDict, total=False):
    price: _Amount | None
    price_set: _MoneySet | None


class _Line(TypedDict, total=False):
    id: Required[_Id]
    sku: str | None
    variant_id: _Id | None
    quantity: Required[_LineCount]
    current_quantity: _Count | None
    price: Required[_Amount]
    price_set: _MoneySet | None
    discount_allocations: list[_DiscountAllocation] | None
    tax_lines: list[_TaxLine] | None


class _Address(TypedDict, total=False):
    country_code: str | None
    zip: str | None


class _DiscountCode(TypedDict, total=False):
    code: str | None


class _RefundLine(TypedDict):
    line_item_id: _Id
    quantity: _Count


class _Refund(TypedDict, total=False):
    id: _Id | None
    refund_line_items: list[_RefundLine] | None


class _FulfilmentLine(TypedDict, total=False):
    id: Required[_Id]
    quantity: _Count | None


class _Fulfilment(TypedDict, total=False):
    id: Required[_Id]
    line_items: list[_FulfilmentLine] | None


class _Body(TypedDict, total=False):
    id: Required[_Id]
    name: Required[str]
    created_at: Required[_Instant]
    updated_at: Required[_Instant]
    cancelled_at: _Instant | None
    currency: Required[str]
    presentment_currency: str | None
    taxes_included: bool | None
    total_price: Required[_Amount]
    total_discounts: _Amount | None
    total_line_items_price: _Amount | None
    tags: str | list[str] | None
    discount_codes: list[_DiscountCode] | None
    email: str | None
    shipping_address: _Address | None
    billing_address: _Address | None
    line_items: Required[list[_Line] | None]
    refunds: list[_Refund] | None
    fulfillments: list[_Fulfilment] | None
    # What tells whose it is, and that it is an order.
    said_updated_at: Annotated[Any, Field(validation_alias="updated_at")]
    order_id: Any
    shop_domain: Any
    myshopify_domain: Any
    order_status_url: Any


# The one call of TypeAdapter.validate_json that matters, without its three frames.
_validated = TypeAdapter(_Body).validator.validate_json
# `in` takes twice as long for so short a needle.
_nan = re.compile(rb"NaN").search


class OrderFacts(NamedTuple):
    """What the record's key, id and envelope are made of. said_updated_at: as it was written, with its offset."""

    id: str
    name: str
    updated_at: datetime
    said_updated_at: Any


def read(raw: bytes) -> tuple[OrderFacts, _Body] | None:
    """The order, and the body as far as anybody looks at it; None for anything that is none, or needs a closer look."""
    # No JSON, though pydantic takes them in fields that nobody reads.
    if b"Infinity" in raw or _nan(raw) is not None:
        return None
    try:
        body: _Body = _validated(raw)
    except ValidationError:
        return None
    if "order_id" in body:
        return None
    facts = OrderFacts(str(body["id"]), body["name"], body["updated_at"].astimezone(UTC), body["said_updated_at"])
    return facts, body
