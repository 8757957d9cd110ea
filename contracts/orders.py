"""Orders: what Shopify sends of one, what the order table keeps, and how one is forgotten."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any, TypeVar

from pydantic import ConfigDict, Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema
from pydantic_core.core_schema import no_info_before_validator_function, nullable_schema

from contracts.model import Amount, Id, Instant, Model

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _NullIs:
    """Read null as this value; the schema for writers says that null may come."""

    value: object

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        def read(value: object) -> object:
            return self.value if value is None else value

        inner = handler(source)
        return no_info_before_validator_function(read, inner, json_schema_input_schema=nullable_schema(inner))


# Shopify writes null where other years' bodies leave the field out.
Many = Annotated[tuple[T, ...], _NullIs(())]
AmountOrZero = Annotated[Amount, _NullIs(0)]
# Shopify's own numbers end here. One beyond any price's digits would be no order, but a bug in whoever splits it.
MOST_OF_A_LINE = 2**31 - 1
CountOrZero = Annotated[int, Field(ge=0), _NullIs(0)]
Truth = Annotated[bool, _NullIs(False)]


class ShopifyMoney(Model):
    """One side of a `*_set`. What it does not say is unknown, and no reason to lose an order."""

    amount: Amount | None = None
    currency_code: str | None = None


class ShopifyMoneySet(Model):
    """Shop and presentment amounts of one figure (`price_set` and its like, since 2018)."""

    shop_money: ShopifyMoney | None = None
    presentment_money: ShopifyMoney | None = None


class ShopifyDiscountAllocation(Model):
    """The part of a discount that fell to one line."""

    amount: Amount
    amount_set: ShopifyMoneySet | None = None


class ShopifyTaxLine(Model):
    """One tax of one line."""

    price: Amount | None = None
    price_set: ShopifyMoneySet | None = None


class ShopifyLine(Model):
    """`line_items[]`: a null sku and a null variant do occur.

    current_quantity: what edits and refunds have left of `quantity`, which itself stays (since 2024-01).
    """

    id: Id
    sku: str | None = None
    variant_id: Id | None = None
    quantity: int = Field(ge=0, le=MOST_OF_A_LINE)
    current_quantity: Annotated[int, Field(ge=0)] | None = None
    price: Amount
    price_set: ShopifyMoneySet | None = None
    discount_allocations: Many[ShopifyDiscountAllocation] = ()
    tax_lines: Many[ShopifyTaxLine] = ()


class ShopifyAddress(Model):
    """The two fields of an address that decide something here."""

    country_code: str | None = None
    zip: str | None = None


class ShopifyDiscountCode(Model):
    """`discount_codes[]`: an order without a code may carry one empty code."""

    code: str | None = None


class ShopifyRefundLine(Model):
    """`refunds[].refund_line_items[]`."""

    line_item_id: Id
    quantity: int = Field(ge=0)


class ShopifyRefund(Model):
    """`refunds[]`: settled ones, as the order carries them."""

    id: Id | None = None
    refund_line_items: Many[ShopifyRefundLine] = ()


class ShopifyFulfilmentLine(Model):
    """`fulfillments[].line_items[]`."""

    id: Id
    quantity: CountOrZero = 0


class ShopifyFulfilment(Model):
    """`fulfillments[]`."""

    id: Id
    line_items: Many[ShopifyFulfilmentLine] = ()


class ShopifyOrder(Model):
    """An order as the Admin REST API and the order webhooks write it (2026-10), as far as a return needs it.

    Ten years' shapes are read: fields that older versions lack have defaults.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    id: Id
    name: str
    created_at: Instant
    updated_at: Instant
    cancelled_at: Instant | None = None
    currency: str
    presentment_currency: str | None = None
    taxes_included: Truth = False
    total_price: Amount
    total_discounts: AmountOrZero = Decimal(0)
    total_line_items_price: Amount | None = None
    tags: str | tuple[str, ...] | None = None
    discount_codes: Many[ShopifyDiscountCode] = ()
    email: str | None = None
    shipping_address: ShopifyAddress | None = None
    billing_address: ShopifyAddress | None = None
    line_items: Many[ShopifyLine] = ()
    refunds: Many[ShopifyRefund] = ()
    fulfillments: Many[ShopifyFulfilment] = ()


class OrderHint(Model):
    """Something happened to an order that only its id names (refunds/create, orders/edited).

    order_id: Shopify's id, as text. body: the webhook's body, untouched.
    """

    retailer: str
    order_id: Id
    topic: str
    body: dict[str, Any] = Field(default_factory=dict)


class ErasureReason(StrEnum):
    """Which webhook asked for it."""

    ORDER_DELETED = "orders/delete"
    CUSTOMER_REDACTED = "customers/redact"
    SHOP_REDACTED = "shop/redact"


class OrderErasure(Model):
    """Forget these orders, or all of a shop. One copy goes to each partition, for nobody knows where an id lies."""

    retailer: str
    order_ids: tuple[Id, ...] = ()
    whole_shop: bool = False
    reason: ErasureReason


class DataRequest(Model):
    """A customer asks a shop what is known of them (customers/data_request). Nothing personal: the shop knows who asks.

    request_id: Shopify's. order_ids: the orders that the shop names. requested_at: when the ingress heard of it.
    """

    retailer: str
    request_id: Id
    order_ids: tuple[Id, ...] = ()
    requested_at: Instant


class AppUninstalled(Model):
    """A shop removed the app: its webhooks end (app/uninstalled). delivery_id: Shopify's, the same for a repeat."""

    retailer: str
    delivery_id: str


class OrderLine(Model):
    """One line of a kept order; amounts in shop currency, presentment amounts beside them where they differ.

    discount: the sum of the line's discount allocations. tax: the sum of its tax lines.
    refunded: how many of it have been refunded in this version, or removed by an edit.
    """

    id: Id
    sku: str | None = None
    variant_id: Id | None = None
    quantity: int
    price: Amount
    discount: Amount = Decimal(0)
    tax: Amount = Decimal(0)
    presentment_price: Amount | None = None
    presentment_discount: Amount | None = None
    presentment_tax: Amount | None = None
    refunded: int = 0


class Fulfilment(Model):
    """Which lines one shipment held."""

    id: Id
    lines: dict[str, int] = Field(default_factory=dict)


class Order(Model):
    """The slim order: all that rules, portal and outcomes need, and nothing personal but two keyed hashes.

    triggered_at: `X-Shopify-Triggered-At` of the webhook that brought this version; decides between equal `updated_at`.
    other_ids: ids of further orders met under the same key; not empty means that a person must look.
    """

    retailer: str
    shop: str
    id: Id
    name: str
    created_at: Instant
    updated_at: Instant
    triggered_at: Instant | None = None
    cancelled_at: Instant | None = None
    currency: str
    presentment_currency: str | None = None
    taxes_included: bool = False
    total_price: Amount
    total_discounts: Amount = Decimal(0)
    total_line_items_price: Amount
    tags: tuple[str, ...] = ()
    discount_codes: tuple[str, ...] = ()
    country: str | None = None
    email_hash: str | None = None
    postcode_hash: str | None = None
    lines: tuple[OrderLine, ...] = ()
    fulfilments: tuple[Fulfilment, ...] = ()
    other_ids: tuple[Id, ...] = ()

    @property
    def version(self) -> tuple[datetime, datetime | None]:
        """What decides which of two versions is newer."""
        return self.updated_at, self.triggered_at
