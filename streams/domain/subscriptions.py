"""Webhook subscriptions: which ones a shop should have, and what is to be done about those that it has."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from contracts.orders import ShopifyOrder

# Of an order only what is read: the customer's name and phone, notes and browser do not come here at all.
ORDER_FIELDS: tuple[str, ...] = tuple(ShopifyOrder.model_fields)
# The three that laws ask for (customers/data_request, customers/redact, shop/redact) belong to the app's own settings,
# and no API lists them. orders/paid and its like bring nothing that orders/updated does not.
TOPICS: dict[str, tuple[str, ...]] = {
    "ORDERS_CREATE": ORDER_FIELDS,
    "ORDERS_UPDATED": ORDER_FIELDS,
    "ORDERS_CANCELLED": ORDER_FIELDS,
    "ORDERS_EDITED": (),
    "ORDERS_DELETE": (),
    "REFUNDS_CREATE": (),
    "APP_UNINSTALLED": (),
}
JSON = "JSON"
_OWN_NAME = "returnstreams-"


@dataclass(frozen=True, slots=True)
class Wanted:
    """One subscription as it should be. include_fields: empty for the whole body."""

    topic: str
    uri: str
    include_fields: tuple[str, ...]

    @property
    def name(self) -> str:
        """By which people and we know it again."""
        return f"{_OWN_NAME}{self.topic.lower().replace('_', '-')}"


@dataclass(frozen=True, slots=True)
class Subscription:
    """One that the shop has. filter: which events it leaves out; empty for none. api_version: of its bodies."""

    id: str
    topic: str
    uri: str
    format: str = JSON
    include_fields: tuple[str, ...] = ()
    name: str = ""
    filter: str = ""
    api_version: str = ""


class What(StrEnum):
    """What is to be done about one subscription."""

    KEEP = "keep"
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do. differs: what of `found` is not as in `wanted`."""

    what: What
    topic: str
    wanted: Wanted | None = None
    found: Subscription | None = None
    differs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Audit:
    """A shop's subscriptions compared. others: of the same app and not ours, which are left alone.

    stale: topics whose bodies have another API version than ours; that is a setting of the app, no step mends it.
    """

    steps: tuple[Step, ...]
    others: int = 0
    stale: tuple[str, ...] = ()

    @property
    def changes(self) -> tuple[Step, ...]:
        """What is to be done."""
        return tuple(step for step in self.steps if step.what is not What.KEEP)

    @property
    def missing(self) -> tuple[str, ...]:
        """Topics of which nothing comes (to us) any more: none was found, or it goes elsewhere."""
        return tuple(
            step.topic
            for step in self.steps
            if step.what is What.CREATE or (step.what is What.UPDATE and "uri" in step.differs)
        )


def wanted(uri: str) -> tuple[Wanted, ...]:
    """All that a retailer's shop should have. uri: the retailer's own."""
    return tuple(Wanted(topic, uri, fields) for topic, fields in TOPICS.items())


def audit(wants: Iterable[Wanted], found: Sequence[Subscription], door: str, api_version: str) -> Audit:
    """What is to be done so that the shop has just these of ours. Pure; a second time, after the first, it is nothing.

    door: what every address of ours begins with (`https://…/webhooks/shopify`). Only what leads there, or bears a name
    of ours, is ever changed or deleted.
    """
    ours = [each for each in found if _leads_to(door, each.uri) or each.name.startswith(_OWN_NAME)]
    steps, known, stale = list[Step](), set[str](), list[str]()
    for want in wants:
        same = sorted((each for each in ours if each.topic == want.topic), key=lambda each: _rank(each, want))
        known |= {each.id for each in same}
        steps += _of_topic(want, same)
        if same and same[0].api_version not in ("", api_version):
            stale.append(want.topic)
    return Audit(tuple(steps), len(found) - len(known), tuple(stale))


def _of_topic(want: Wanted, same: list[Subscription]) -> Iterator[Step]:
    """The nearest one is made right, the others go; first those that hold the name which the right one is to have."""
    if not same:
        yield Step(What.CREATE, want.topic, want)
        return
    nearest, *others = same
    deletions = [Step(What.DELETE, want.topic, found=each) for each in others]
    yield from (step for step in deletions if step.found and step.found.name == want.name)
    differs = _differs(nearest, want)
    yield Step(What.UPDATE if differs else What.KEEP, want.topic, want, nearest, differs)
    yield from (step for step in deletions if step.found and step.found.name != want.name)


def _rank(found: Subscription, want: Wanted) -> tuple[bool, int, str]:
    return found.uri != want.uri, len(_differs(found, want)), found.id


def _differs(found: Subscription, want: Wanted) -> tuple[str, ...]:
    compared = {
        "uri": found.uri == want.uri,
        "format": found.format == JSON,
        # An order of names says nothing; fewer fields would be read as orders that lack them.
        "include_fields": set(found.include_fields) == set(want.include_fields),
        "name": found.name == want.name,
        "filter": not found.filter,
    }
    return tuple(name for name, equal in compared.items() if not equal)


def _leads_to(door: str, uri: str) -> bool:
    return uri == door or uri.startswith(f"{door}/")
