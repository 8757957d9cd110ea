"""The same business step over validated models, as an agent of this product has it."""

from __future__ import annotations

from decimal import Decimal

from benchmarks.engine import work
from contracts import keys
from contracts.model import Id, Model
from contracts.topics import EventType, Keyed, Topic


class Code(Model):
    """`discount_codes[]`."""

    code: str


class Address(Model):
    """What of an address decides something."""

    country_code: str


class Line(Model):
    """`line_items[]`, and so in the row."""

    id: Id
    sku: str
    variant_id: Id
    quantity: int
    price: str
    total_discount: str


class Ordered(Model):
    """An order as Shopify sends it, as far as it is needed."""

    id: Id
    name: str
    updated_at: str
    currency: str
    total_price: str
    total_discounts: str
    shipping_address: Address
    tags: str
    discount_codes: tuple[Code, ...]
    line_items: tuple[Line, ...]


class Unit(Model):
    """One returned unit."""

    sku: str
    reason: str


class Returned(Model):
    """A return."""

    rma: str
    units: tuple[Unit, ...]


class Row(Model):
    """What is kept of an order."""

    id: str
    name: str
    updated_at: str
    currency: str
    total_price: str
    total_discounts: str
    country: str
    tags: tuple[str, ...]
    codes: tuple[str, ...]
    lines: tuple[Line, ...]


class Action(Model):
    """What one returned unit gets."""

    action_id: str
    order_key: str
    order_id: str
    rma: str
    sku: str
    ordinal: int
    option: str
    amount: str
    currency: str
    line_id: str
    variant_id: str
    decided_by: str


def input_topic(name: str) -> Topic:
    """Orders and returns."""
    kinds = EventType(Ordered, work.ORDER.decode()), EventType(Returned, work.RETURN.decode())
    return Topic(name, "order key", Keyed.ORDER, kinds, 7, ("the benchmark",), ("every side",))


def output_topic(name: str) -> Topic:
    """Actions."""
    kinds = (EventType(Action, work.ACTION.decode()),)
    return Topic(name, "order key", Keyed.ORDER, kinds, 7, ("one side",), ("the checker",))


def slim(order: Ordered) -> Row:
    """See `work.slim`."""
    return Row(
        id=order.id,
        name=order.name,
        updated_at=order.updated_at,
        currency=order.currency,
        total_price=order.total_price,
        total_discounts=order.total_discounts,
        country=order.shipping_address.country_code,
        tags=work.tag_list(order.tags),
        codes=tuple(code.code for code in order.discount_codes),
        lines=order.line_items,
    )


def decide(key: str, row: Row, upload: Returned) -> list[Action]:
    """See `work.decide`."""
    value, discounts = Decimal(row.total_price), Decimal(row.total_discounts)
    lines = {line.sku: line for line in row.lines}
    actions = []
    for ordinal, unit in enumerate(upload.units, 1):
        rule, option = work.choose(value, discounts, row.country, row.tags, row.codes, unit.reason)
        line = lines.get(unit.sku)
        if option is None or line is None:
            continue
        actions.append(
            Action(
                action_id=keys.action_id(key, upload.rma, unit.sku, ordinal, option),
                order_key=key,
                order_id=row.id,
                rma=upload.rma,
                sku=unit.sku,
                ordinal=ordinal,
                option=option,
                amount=work.share(line.price, line.quantity, line.total_discount),
                currency=row.currency,
                line_id=line.id,
                variant_id=line.variant_id,
                decided_by=rule,
            )
        )
    return actions
