"""Orders: what is kept of one, which of two versions is newer, and how long it is kept."""

from __future__ import annotations

import calendar
import hashlib
import hmac
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal

from contracts.orders import (
    Fulfilment,
    Order,
    OrderLine,
    ShopifyFulfilment,
    ShopifyLine,
    ShopifyMoneySet,
    ShopifyOrder,
)
from contracts.returns import OrderFacts

# Unless the installation says otherwise (RETURNSTREAMS_ORDERS__KEPT_MONTHS).
KEPT_MONTHS = 3


def slim(
    order: ShopifyOrder, *, retailer: str, shop: str, triggered_at: datetime | None = None, hash_key: bytes
) -> Order:
    """What a return needs of an order; of the customer only keyed hashes of e-mail and postcode.

    triggered_at: `X-Shopify-Triggered-At`, None where the version came otherwise. hash_key: the installation's secret.
    """
    currency = order.currency.strip().upper()
    presentment = (order.presentment_currency or "").strip().upper() or None
    if presentment == currency:
        presentment = None
    refunded = _refunded(order)
    return Order(
        retailer=retailer,
        shop=shop,
        id=order.id,
        name=order.name,
        created_at=order.created_at.astimezone(UTC),
        updated_at=order.updated_at.astimezone(UTC),
        triggered_at=triggered_at and triggered_at.astimezone(UTC),
        cancelled_at=order.cancelled_at and order.cancelled_at.astimezone(UTC),
        currency=currency,
        presentment_currency=presentment,
        taxes_included=order.taxes_included,
        total_price=order.total_price,
        total_discounts=order.total_discounts,
        total_line_items_price=_total_line_items_price(order),
        tags=_tags(order.tags),
        discount_codes=_distinct(code.code or "" for code in order.discount_codes),
        country=_country(order),
        email_hash=email_hash(order.email or "", hash_key),
        postcode_hash=postcode_hash(_postcode(order), hash_key),
        lines=tuple(_line(line, presentment, refunded[line.id]) for line in order.line_items),
        fulfilments=tuple(map(_fulfilment, order.fulfillments)),
    )


def newer(candidate: Order, known: Order) -> bool:
    """Whether `candidate`, which came later, replaces `known`.

    The newest `updated_at` wins; of equal ones the later `triggered_at`, one without it loses; otherwise the record
    that came first stays.
    """
    if candidate.updated_at != known.updated_at:
        return candidate.updated_at > known.updated_at
    if candidate.triggered_at is None:
        return False
    return known.triggered_at is None or candidate.triggered_at > known.triggered_at


def expires_at(created_at: datetime, months: int = KEPT_MONTHS) -> datetime:
    """The instant at which an order is deleted: so many calendar months after its creation, counted in UTC.

    Where that month has no such day, its last one (30 November: 28 or 29 February), at the same time of day.
    """
    created = created_at.astimezone(UTC)
    years, month = divmod(created.month - 1 + months, 12)
    year, month = created.year + years, month + 1
    return created.replace(year=year, month=month, day=min(created.day, calendar.monthrange(year, month)[1]))


def facts(order: Order) -> OrderFacts:
    """The part of an order with which units are matched and priced."""
    return OrderFacts(
        id=order.id,
        updated_at=order.updated_at,
        currency=order.currency,
        presentment_currency=order.presentment_currency,
        taxes_included=order.taxes_included,
        lines=order.lines,
    )


def email_hash(email: str, key: bytes) -> str | None:
    """HMAC-SHA256 in hex of the trimmed, case-folded address; None for a blank one."""
    return _keyed_hash(email.strip().casefold(), key)


def postcode_hash(postcode: str, key: bytes) -> str | None:
    """HMAC-SHA256 in hex of the postcode without any blanks, upper case; None for a blank one."""
    return _keyed_hash("".join(postcode.split()).upper(), key)


def _keyed_hash(text: str, key: bytes) -> str | None:
    if not key:
        raise ValueError(
            "the hash key is empty: without a secret key every e-mail address could be guessed from its hash"
        )
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest() if text else None


def _distinct(texts: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text.strip() for text in texts if text.strip()))


def _tags(tags: str | tuple[str, ...] | None) -> tuple[str, ...]:
    # REST writes "a, b", GraphQL a list; no tag holds a comma, so splitting again changes nothing.
    written = (tags,) if isinstance(tags, str) else tags or ()
    return _distinct(tag for text in written for tag in text.split(","))


def _country(order: ShopifyOrder) -> str | None:
    for address in (order.shipping_address, order.billing_address):
        code = (address.country_code or "").strip().upper() if address else ""
        if code:
            return code
    return None


def _postcode(order: ShopifyOrder) -> str:
    for address in (order.shipping_address, order.billing_address):
        if address and (address.zip or "").strip():
            return address.zip or ""
    return ""


def _total_line_items_price(order: ShopifyOrder) -> Decimal:
    if order.total_line_items_price is not None:
        return order.total_line_items_price
    return sum((line.price * line.quantity for line in order.line_items), Decimal(0))


def _refunded(order: ShopifyOrder) -> Counter[str]:
    refunded: Counter[str] = Counter()
    for refund in order.refunds:
        for line in refund.refund_line_items:
            refunded[line.line_item_id] += line.quantity
    return refunded


def _line(line: ShopifyLine, presentment: str | None, refunded: int) -> OrderLine:
    taxes = [tax.price if tax.price is not None else _shop(tax.price_set) for tax in line.tax_lines]
    kept = OrderLine(
        id=line.id,
        sku=(line.sku or "").strip() or None,
        variant_id=line.variant_id,
        quantity=line.quantity,
        price=line.price,
        discount=sum((allocation.amount for allocation in line.discount_allocations), Decimal(0)),
        tax=sum(taxes, Decimal(0)),
        refunded=max(refunded, _removed(line)),
    )
    if presentment is None:
        return kept
    return kept.model_copy(
        update={
            "presentment_price": _presented([line.price_set], presentment),
            "presentment_discount": _presented([a.amount_set for a in line.discount_allocations], presentment),
            "presentment_tax": _presented([t.price_set for t in line.tax_lines], presentment),
        }
    )


def _removed(line: ShopifyLine) -> int:
    """How many of the line an edit has taken out again, refunded ones among them; 0 where the body does not say.

    An edit leaves `quantity` as it was, and not every year's bodies carry its removals among the refunds.
    """
    return 0 if line.current_quantity is None else line.quantity - line.current_quantity


def _shop(figure: ShopifyMoneySet | None) -> Decimal:
    amount = figure.shop_money.amount if figure and figure.shop_money else None
    return Decimal(0) if amount is None else amount


def _presented(figures: Iterable[ShopifyMoneySet | None], currency: str) -> Decimal | None:
    """The sum in presentment currency; None as soon as one figure is not known in it, for half a sum is a wrong one."""
    total = Decimal(0)
    for figure in figures:
        money = figure.presentment_money if figure else None
        if money is None or money.amount is None or (money.currency_code or "").strip().upper() != currency:
            return None
        total += money.amount
    return total


def _fulfilment(fulfilment: ShopifyFulfilment) -> Fulfilment:
    lines: Counter[str] = Counter()
    for line in fulfilment.line_items:
        lines[line.id] += line.quantity
    return Fulfilment(id=fulfilment.id, lines=dict(lines))
