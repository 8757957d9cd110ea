"""What the documents bring back, one model a selection. Names in Python's way, read from GraphQL's."""

from __future__ import annotations

from decimal import Decimal
from typing import Generic, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

N = TypeVar("N")


class Result(BaseModel):
    """A part of an answer. What is asked for and not used here is ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True)


class PageInfo(Result):
    """Where the next page begins."""

    has_next_page: bool
    end_cursor: str | None = None


class Page(Result, Generic[N]):
    """One page of a connection."""

    page_info: PageInfo
    nodes: tuple[N, ...]


class Node(Result):
    """Something of which only the id is asked for."""

    id: str


class Money(Result):
    """An amount in major units; `currency_code` where it was asked for."""

    amount: Decimal
    currency_code: str | None = None


class MoneyBag(Result):
    """The same figure in both currencies, or in the shop's alone where that was asked for."""

    shop_money: Money
    presentment_money: Money | None = None


class Address(Result):
    """What decides something here."""

    country_code: str | None = Field(default=None, alias="countryCodeV2")
    zip: str | None = None


class Allocation(Result):
    """The part of a discount that fell to one line."""

    allocated_amount_set: MoneyBag


class Tax(Result):
    """One tax of one line."""

    price_set: MoneyBag


class Line(Result):
    """One line item. quantity: as ordered; current_quantity: what refunds and edits have left of it."""

    id: str
    sku: str | None = None
    quantity: int
    current_quantity: int
    variant: Node | None = None
    original_unit_price_set: MoneyBag
    discount_allocations: tuple[Allocation, ...] = ()
    tax_lines: tuple[Tax, ...] = ()


class MovedLine(Result):
    """So many of a line, in a refund or a fulfilment."""

    quantity: int | None = None
    line_item: Node


class Refund(Result):
    """What was given back."""

    id: str
    refund_line_items: Page[MovedLine]


class Fulfillment(Result):
    """One shipment."""

    id: str
    status: str
    fulfillment_line_items: Page[MovedLine]


class Order(Result):
    """An order with the first page of its lines, and of those of its refunds and fulfilments. Times as written."""

    id: str
    name: str
    email: str | None = None
    created_at: str
    updated_at: str
    cancelled_at: str | None = None
    currency_code: str
    presentment_currency_code: str
    taxes_included: bool
    tags: tuple[str, ...] = ()
    discount_codes: tuple[str, ...] = ()
    total_price_set: MoneyBag
    total_discounts_set: MoneyBag | None = None
    shipping_address: Address | None = None
    billing_address: Address | None = None
    line_items: Page[Line]
    refunds: tuple[Refund, ...] = ()
    fulfillments: tuple[Fulfillment, ...] = ()


class OrderVersion(Result):
    """Which version of an order the shop has."""

    id: str
    name: str
    created_at: AwareDatetime
    updated_at: AwareDatetime


class OrderVersions(Result):
    """OrderVersions."""

    orders: Page[OrderVersion]


class Orders(Result):
    """OrdersCreated."""

    orders: Page[Order]


class OneOrder(Result):
    """OrderById; None where the shop has no such order, or does not let us see it."""

    order: Order | None


class SomeOrders(Result):
    """OrdersById, in the order of the ids asked for; None as above."""

    nodes: tuple[Order | None, ...]


class LinesOfOrder(Result):
    """OrderLines."""

    class Inner(Result):
        """The order's part of it."""

        updated_at: str
        line_items: Page[Line]

    order: Inner | None


class Version(Result):
    """Which version of the order a page belongs to."""

    updated_at: str


class LinesOfRefund(Result):
    """RefundLines."""

    class Inner(Result):
        """The refund's part of it."""

        order: Version
        refund_line_items: Page[MovedLine]

    refund: Inner | None


class LinesOfFulfillment(Result):
    """FulfillmentLines."""

    class Inner(Result):
        """The fulfilment's part of it."""

        order: Version
        fulfillment_line_items: Page[MovedLine]

    fulfillment: Inner | None


class Counted(Result):
    """OrdersCount."""

    class Inner(Result):
        """precision: EXACT or AT_LEAST."""

        count: int
        precision: str

    orders_count: Inner | None


class ApiVersion(Result):
    """A version's handle, such as 2026-10."""

    handle: str


class Webhook(Result):
    """One webhook subscription. topic: in capitals, ORDERS_UPDATED. uri: an https URL, or another kind of address."""

    id: str
    topic: str
    uri: str
    name: str | None = None
    format: str
    filter: str | None = None
    include_fields: tuple[str, ...] = ()
    api_version: ApiVersion


class Webhooks(Result):
    """Webhooks."""

    webhook_subscriptions: Page[Webhook]


class WebhookWritten(Result):
    """The payload of WebhookCreate and WebhookUpdate."""

    webhook_subscription: Webhook


class WebhookCreated(Result):
    """WebhookCreate."""

    webhook_subscription_create: WebhookWritten


class WebhookUpdated(Result):
    """WebhookUpdate."""

    webhook_subscription_update: WebhookWritten


class WebhookDeleted(Result):
    """WebhookDelete."""

    class Inner(Result):
        """Its payload."""

        deleted_webhook_subscription_id: str

    webhook_subscription_delete: Inner
