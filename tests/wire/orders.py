"""Orders as the reference keeps them: the newest version of each, for three months, and nothing of what was erased."""

from __future__ import annotations

import calendar
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from tests.wire.words import Body, fold, order_key

MARKED = timedelta(days=60)
DECIMALS = {"JPY": 0, "KWD": 3}
AMBIGUOUS = "ambiguous"

Money = tuple[Decimal, Decimal, str]
Priced = tuple[Money, Money | None]
"""Amount, tax and currency of one index of a line; the same in presentment currency where it differs."""


def instant(text: str) -> datetime:
    """An RFC 3339 instant."""
    return datetime.fromisoformat(text).astimezone(UTC)


def expires(order: Body) -> datetime:
    """Three calendar months after it was created."""
    made = instant(order["created_at"])
    year, month = divmod(made.month + 2, 12)
    last = calendar.monthrange(made.year + year, month + 1)[1]
    return made.replace(year=made.year + year, month=month + 1, day=min(made.day, last))


@dataclass
class Orders:
    """versions: by order key and id, the newest body and what makes it newer. erased: by retailer and id, till when."""

    versions: dict[str, dict[str, tuple[Body, tuple[datetime, datetime]]]] = field(default_factory=dict)
    erased: dict[tuple[str, str], datetime] = field(default_factory=dict)

    def take(self, retailer: str, body: Body, triggered: str | None, now: datetime) -> str | None:
        """Keep a version if it is newer. Returns the order key if it was kept."""
        key, number = order_key(retailer, body["name"]), str(body["id"])
        if expires(body) <= now or self.erased.get((retailer, number), now) > now:
            return None
        version = instant(body["updated_at"]), instant(triggered) if triggered else datetime.min.replace(tzinfo=UTC)
        known = self.versions.setdefault(key, {})
        if number in known and known[number][1] >= version:
            return None
        known[number] = body, version
        return key

    def erase(self, retailer: str, number: str, now: datetime) -> None:
        """Forget an order, and what of it may still come."""
        self.erased[retailer, number] = now + MARKED
        for key, known in self.versions.items():
            if key.startswith(f"{retailer}/"):
                known.pop(number, None)

    def expire(self, now: datetime) -> None:
        """Forget the orders whose time is up."""
        for known in self.versions.values():
            for number in [number for number, (body, _) in known.items() if expires(body) <= now]:
                del known[number]

    def of(self, key: str) -> Body | str | None:
        """The order under a key; None where none is kept, AMBIGUOUS where there are two."""
        known = list(self.versions.get(key, {}).values())
        return None if not known else AMBIGUOUS if len(known) > 1 else known[0][0]


def lines_of(order: Body, sku: str) -> list[Body]:
    """The lines with this sku, in the order's order."""
    return [line for line in order["line_items"] if line["sku"] is not None and fold(line["sku"]) == sku]


def refunded(order: Body, line: Body) -> int:
    """How many of a line this version says were refunded."""
    of_lines = [of_line for refund in order["refunds"] for of_line in refund["refund_line_items"]]
    return sum(int(each["quantity"]) for each in of_lines if each["line_item_id"] == line["id"])


def priced(order: Body, line: Body, index: int) -> Priced:
    """What one index of a line is worth."""
    currency, other = order["currency"], order.get("presentment_currency")
    price, discounts = Decimal(line["price"]), [Decimal(each["amount"]) for each in line["discount_allocations"]]
    taxes = [Decimal(each["price"]) for each in line["tax_lines"]]
    ours = _shares(price, discounts, taxes, line["quantity"], index, currency)
    if other in (None, currency):
        return ours, None
    price = _presentment(line["price_set"])
    discounts = [_presentment(each["amount_set"]) for each in line["discount_allocations"]]
    taxes = [_presentment(each["price_set"]) for each in line["tax_lines"]]
    return ours, _shares(price, discounts, taxes, line["quantity"], index, other)


def _presentment(money_set: Body) -> Decimal:
    return Decimal(money_set["presentment_money"]["amount"])


def _shares(
    price: Decimal, discounts: list[Decimal], taxes: list[Decimal], quantity: int, index: int, currency: str
) -> Money:
    net = price * quantity - sum(discounts, Decimal(0))
    return _share(net, quantity, index, currency), _share(sum(taxes, Decimal(0)), quantity, index, currency), currency


def _share(total: Decimal, quantity: int, index: int, currency: str) -> Decimal:
    """Largest remainder in minor units: each gets the floor, and the lower indices one more."""
    unit = Decimal(1).scaleb(-DECIMALS.get(currency, 2))
    floor, more = divmod(int(total / unit), quantity)
    return (floor + (index <= more)) * unit
