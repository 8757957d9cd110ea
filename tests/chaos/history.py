"""A history of orders, uploads and scans, drawn from a seed: repeated, shuffled, and with one outcome all the same.

It keeps to what the semantics promise for any order of arrival: each return has one upload, nothing is rejected, and an
order's versions differ in nothing that decides about a unit. So the outcome is known from here alone (expected.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from random import Random

from contracts import topics
from contracts.keys import order_key, tracking_key
from contracts.model import Model
from contracts.orders import ShopifyOrder
from contracts.retailers import ReturnActionStage
from contracts.returns import Meaning
from contracts.topics import Topic
from tests.builders import hub_report, parcel_report, return_event, scan, shopify_order, source, unit, upload
from tests.chaos.shops import CONTENTS, SHOPS, WORDS, Shop
from tests.model.steps import Line, Unit

# An order lives three months from its creation, and events count for a month: all of it is recent enough.
AGE = timedelta(days=10)
REPEATED = 0.25
SHARED_PARCEL = 0.3
NEVER_SCANNED = 0.15
# Histories of so many neighbouring orders run into each other.
SPREAD = 40.0

SCANS = {
    "OP-8": Meaning.LABEL,
    "OP-10": Meaning.FIRST_SCAN,
    "OP-3": Meaning.IN_TRANSIT,
    "OP-19": Meaning.OUT_FOR_DELIVERY,
    "OP-71": Meaning.DELIVERED,
}


@dataclass(frozen=True, slots=True)
class Scan:
    """Something that was said of a parcel. items: of an RP, one sku an element."""

    parcel: str
    code: str
    meaning: Meaning
    at: datetime
    items: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Parcels:
    """One return: its units and the parcel that carries it. closed: whether a clerk closes it."""

    rma: str
    units: tuple[Unit, ...]
    parcel: str
    closed: bool


@dataclass(frozen=True, slots=True)
class OrderStory:
    """All that happens about one order. versions: instants of `updated_at`, the last one wins."""

    shop: Shop
    number: int
    lines: tuple[Line, ...]
    created_at: datetime
    versions: tuple[datetime, ...]
    returns: tuple[Parcels, ...]
    scans: tuple[Scan, ...]

    @property
    def key(self) -> str:
        """The order's key."""
        return order_key(self.shop.id, f"#{self.number}")


@dataclass(frozen=True, slots=True)
class Input:
    """One record to publish."""

    topic: Topic
    key: str
    value: Model


def stories(seed: int, returns: int, now: datetime) -> list[OrderStory]:
    """Orders with so many returns in all (one more where the last order has two)."""
    random = Random(seed)
    found: list[OrderStory] = []
    made = 0
    while made < returns:
        found.append(_story(random, 1000 + len(found), now - AGE))
        made += len(found[-1].returns)
    return found


def inputs(seed: int, told: list[OrderStory]) -> list[Input]:
    """Everything to publish, in order: each story shuffled, neighbours into each other, a quarter of it twice.

    Only the first uploads of an order keep their sequence, because it decides who claims what.
    """
    random = Random(seed + 1)
    placed: list[tuple[float, Input]] = []
    for index, story in enumerate(told):
        records = _records(random, story)
        places = sorted(index + random.uniform(0, SPREAD) for _ in records)
        placed += zip(places, records, strict=True)
    return [record for _, record in sorted(placed, key=lambda pair: pair[0])]


def written(at: datetime) -> str:
    """A time as the senders write it here."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


def _story(random: Random, number: int, created_at: datetime) -> OrderStory:
    shop = random.choice(SHOPS)
    skus = random.sample(("TEE", "CAP", "MUG", "SOCK"), random.randint(1, 3))
    lines = tuple(_line(random, number, at, sku) for at, sku in enumerate(skus, 1))
    returns = [_return(random, number, at, skus) for at in range(1, random.choice((1, 1, 2)) + 1)]
    # RP needs exactly one return in a parcel; all else of a shared one counts for each.
    if shop.stage is not ReturnActionStage.PROCESSING and random.random() < SHARED_PARCEL:
        returns = [Parcels(each.rma, each.units, returns[0].parcel, each.closed) for each in returns]
    hours = sorted(random.sample(range(1, 48), random.randint(1, 3)))
    return OrderStory(
        shop=shop,
        number=number,
        lines=lines,
        created_at=created_at,
        versions=tuple(created_at + timedelta(hours=each) for each in hours),
        returns=tuple(returns),
        scans=tuple(_scans(random, shop, returns, created_at)),
    )


def _line(random: Random, number: int, at: int, sku: str) -> Line:
    many, price = random.randint(1, 3), random.randrange(500, 20_000)
    discount = random.choice((0, random.randrange(0, 400)))
    return Line(str(number * 10 + at), sku, many, 0, price, discount, random.randrange(0, 1000))


def _return(random: Random, number: int, at: int, skus: list[str]) -> Parcels:
    # A sku that nobody bought, now and then, and one in another spelling.
    bought = [random.choice((*skus, *skus, f" {skus[0].lower()}", "GHOST")) for _ in range(random.randint(1, 3))]
    units = tuple(Unit(sku, random.choice(CONTENTS)) for sku in bought)
    return Parcels(f"R{number}-{at}", units, f"PK-{number}-{at}", closed=random.random() > NEVER_SCANNED)


def _scans(random: Random, shop: Shop, returns: list[Parcels], created_at: datetime) -> Iterator[Scan]:
    for parcel in dict.fromkeys(each.parcel for each in returns):
        minutes = iter(random.sample(range(60, 5000), 12))

        def at(minute: int) -> datetime:
            return created_at + timedelta(days=3, minutes=minute)

        codes = random.sample(list(SCANS), random.randint(1, 4))
        if random.random() < NEVER_SCANNED:
            codes = ["OP-8"]
        for code in codes:
            yield Scan(parcel, code, SCANS[code], at(next(minutes)))
        if shop.hooked and random.random() < 0.3:
            yield Scan(parcel, "DS", Meaning.DEPOT, at(next(minutes)))
        if shop.stage is ReturnActionStage.PROCESSING:
            items = [unit.sku for each in returns if each.parcel == parcel for unit in each.units]
            for sku in random.sample(items, random.randint(0, len(items))):
                yield Scan(parcel, "RP", Meaning.PROCESSED, at(next(minutes)), (sku,))


def _records(random: Random, story: OrderStory) -> list[Input]:
    rest = [*_orders(story), *_events(story), *_closings(story)]
    rest += [record for record in rest if random.random() < REPEATED]
    random.shuffle(rest)
    uploads = list(_uploads(story))
    uploads += [record for record in uploads if random.random() < REPEATED]
    places = sorted(random.sample(range(len(rest) + len(uploads)), len(uploads)))
    for place, record in zip(places, uploads, strict=True):
        rest.insert(place, record)
    return rest


def _orders(story: OrderStory) -> Iterator[Input]:
    for version, updated_at in enumerate(story.versions, 1):
        total = sum(line.price * line.quantity for line in story.lines)
        order = shopify_order(
            *map(_order_line, story.lines),
            id=str(story.number),
            name=f"#{story.number}",
            created_at=story.created_at.isoformat(),
            updated_at=updated_at.isoformat(),
            total_line_items_price=_money(total),
            total_price=_money(total),
            tags=f"version {version}",
        )
        yield Input(topics.ORDER_EVENTS, story.key, ShopifyOrder.model_validate(order))


def _order_line(line: Line) -> dict[str, object]:
    return {
        "id": line.id,
        "sku": line.sku,
        "quantity": line.quantity,
        "price": _money(line.price),
        "discount_allocations": [{"amount": _money(line.discount)}],
        "tax_lines": [{"price": _money(line.tax)}],
    }


def _money(cents: int) -> str:
    return str(Decimal(cents) / 100)


def _uploads(story: OrderStory) -> Iterator[Input]:
    for each in story.returns:
        units = (unit(u.sku, reason=u.content, action=WORDS.get(u.content, "")) for u in each.units)
        said = upload(
            *units,
            rma=each.rma,
            retailer=story.shop.id,
            order_name=f"#{story.number}",
            consignments=(each.parcel,),
            source=source(story.shop.id),
        )
        yield Input(topics.RETURN_UPLOADS, story.key, said)


def _events(story: OrderStory) -> Iterator[Input]:
    for said in story.scans:
        when = written(said.at)
        if said.code.startswith("OP-"):
            report = parcel_report(scan(said.code, at=when), number=said.parcel)
        else:
            hub = source(story.shop.id, sender="omnirps", account="hub")
            report = hub_report(said.code, *said.items, number=said.parcel, by=hub, EventDT=when)
        yield Input(topics.CARRIER_EVENTS, tracking_key(said.parcel), report)


def _closings(story: OrderStory) -> Iterator[Input]:
    if story.shop.stage is not ReturnActionStage.MANUAL:
        return
    for each in story.returns:
        if each.closed:
            event = return_event(
                Meaning.CLOSED,
                retailer=story.shop.id,
                order_key=story.key,
                rma=each.rma,
                consignment=None,
                consignment_no="",
                whole_return=True,
                at=datetime.now(UTC),
            )
            yield Input(topics.RETURN_EVENTS, story.key, event)
