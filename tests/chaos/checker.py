"""What came out against what had to: every record counted, and each one that is lost, double or wrong by name."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from contracts import topics
from contracts.actions import ReturnAction
from contracts.keys import folded_sku
from contracts.model import Model
from contracts.orders import Order
from contracts.returns import ReturnDecision, ReturnEvent, ReturnUnit
from contracts.tracking import Delivery, DeliveryResult
from streams.engine.records import Record
from tests.chaos.expected import Expected, Payment, UnitName

M = TypeVar("M", bound=Model)

OURS = b"returnstreams/"
"""How the source of a record begins that one of our agents wrote."""
# The same alert may be raised again under its id: whoever reads alerts shows it once.
_REPEATABLE = frozenset({topics.RETURN_ALERTS.name})
_ACTIONS = frozenset(topic.name for topic in topics.ACTIONS.values())


@dataclass(slots=True)
class Tally:
    """One line of the verdict. Each entry of the lists names what it is about, and where it lies."""

    what: str
    expected: int | None = None
    found: int = 0
    lost: list[str] = field(default_factory=list)
    duplicated: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether all is there, once and right."""
        return not (self.lost or self.duplicated or self.wrong)


@dataclass(frozen=True, slots=True)
class Seen:
    """One fact as it was found. id: of the fact; value: to be compared; place: `topic[partition]@offset`."""

    id: Hashable
    value: object
    place: str


class Outputs:
    """All committed records of an installation, sorted by topic."""

    def __init__(self, records: Iterable[Record]) -> None:
        self.by_topic: defaultdict[str, list[Record]] = defaultdict(list)
        for record in records:
            self.by_topic[record.topic].append(record)

    def of(self, topic: str, model: type[M]) -> Iterator[tuple[M, str]]:
        """What our agents wrote to a topic, in the order of each partition, with its place; tombstones left out."""
        for record in self.by_topic[topic]:
            if record.value is not None and header(record, "ce_source").startswith(OURS):
                yield model.model_validate_json(record.value), place(record)

    @property
    def dead(self) -> list[Record]:
        """All dead letters."""
        prefix = topics.dead_letters("").name
        return [record for name, records in self.by_topic.items() if name.startswith(prefix) for record in records]


def inputs_of(expected: Expected, outputs: Outputs) -> dict[str, list[str]]:
    """Where everything that was published about an order lies, by its key: for a look into the workers' logs."""
    orders_of: defaultdict[str, set[str]] = defaultdict(set)
    for link in expected.links:
        tracking, order_key, _ = link.split("|")
        orders_of[tracking].add(order_key)
    found: defaultdict[str, list[str]] = defaultdict(list)
    for topic in (topics.ORDER_EVENTS, topics.RETURN_UPLOADS, topics.CARRIER_EVENTS, topics.RETURN_EVENTS):
        for record in outputs.by_topic[topic.name]:
            if not header(record, "ce_source").startswith(OURS):
                key = (record.key or b"").decode()
                for order_key in orders_of.get(key, {key}):
                    found[order_key].append(place(record))
    return found


def place(record: Record) -> str:
    """Where a record lies."""
    return f"{record.topic}[{record.partition}]@{record.offset}"


def header(record: Record, name: str) -> bytes:
    """The last header of this name, empty where there is none."""
    return dict(record.headers).get(name, b"")


def check(expected: Expected, outputs: Outputs) -> list[Tally]:
    """The verdict on everything in the topics."""
    return [
        _each_once("actions", expected.actions, _actions(outputs)),
        _last("order rows", expected.orders, _orders(outputs)),
        _last("units", expected.units, _units(outputs)),
        _each_once("return events", dict.fromkeys(expected.events), _events(outputs)),
        _each_once("links", dict.fromkeys(expected.links), _links(outputs)),
        _decisions(expected, outputs),
        _each_once("deliveries", expected.deliveries, _deliveries(outputs)),
        _attempts(outputs),
        _record_ids(outputs),
        Tally("dead letters", 0, len(outputs.dead), wrong=[_letter(record) for record in outputs.dead]),
    ]


def _each_once(what: str, wanted: Mapping[Any, object], seen: Iterable[Seen]) -> Tally:
    """Each wanted fact once, with its value, and no other."""
    places: defaultdict[Hashable, list[str]] = defaultdict(list)
    tally = Tally(what, len(wanted))
    for fact in seen:
        tally.found += 1
        places[fact.id].append(fact.place)
        if fact.id not in wanted:
            tally.wrong.append(f"{fact.id}: not wanted, at {fact.place}")
        elif wanted[fact.id] != fact.value:
            tally.wrong.append(f"{fact.id}: {fact.value} instead of {wanted[fact.id]}, at {fact.place}")
    tally.lost = [f"{name}: {value}" if value else str(name) for name, value in wanted.items() if name not in places]
    tally.duplicated = [f"{name}: {', '.join(at)}" for name, at in places.items() if len(at) > 1]
    return tally


def _last(what: str, wanted: Mapping[Any, object], seen: Iterable[Seen]) -> Tally:
    """The last value of each key as wanted. What stood there before is counted by the records' ids."""
    rows = {fact.id: fact for fact in seen}
    return _each_once(what, wanted, rows.values())


def _actions(outputs: Outputs) -> Iterator[Seen]:
    for topic in _ACTIONS:
        for action, at in outputs.of(topic, ReturnAction):
            option, net, tax = action.option.value, int(action.amount * 100), int(action.tax * 100)
            yield Seen(action.action_id, Payment(_unit_name(action), option, net, tax), at)


def _orders(outputs: Outputs) -> Iterator[Seen]:
    for row, at in outputs.of(topics.ORDERS.name, Order):
        yield Seen(f"{row.retailer}/{row.name.removeprefix('#')}", " ".join(row.tags), at)


def _units(outputs: Outputs) -> Iterator[Seen]:
    for unit, at in outputs.of(topics.RETURN_UNITS.name, ReturnUnit):
        yield Seen(_unit_name(unit), unit.state.value, at)


def _unit_name(of: ReturnUnit | ReturnAction) -> UnitName:
    return of.order_key, of.rma, folded_sku(of.sku), of.ordinal


def _events(outputs: Outputs) -> Iterator[Seen]:
    for event, at in outputs.of(topics.RETURN_EVENTS.name, ReturnEvent):
        yield Seen((event.order_key, event.rma, event.meaning.value, event.local_time), None, at)


def _links(outputs: Outputs) -> Iterator[Seen]:
    for record in outputs.by_topic[topics.CONSIGNMENTS.name]:
        yield Seen((record.key or b"").decode(), None, place(record))


def _decisions(expected: Expected, outputs: Outputs) -> Tally:
    """Each return decided, in revisions 1, 2, … without a gap: how many depends on whether its order was there."""
    revisions: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for decision, _ in outputs.of(topics.RETURN_DECISIONS.name, ReturnDecision):
        revisions[decision.order_key, decision.rma].append(decision.revision)
    wanted = {(key, rma) for key, rma, _, _ in expected.units}
    tally = Tally("decisions", len(wanted), sum(map(len, revisions.values())))
    tally.lost = [f"{name}: never decided" for name in wanted - revisions.keys()]
    tally.wrong = [f"{name}: nobody returned it" for name in revisions.keys() - wanted]
    for name, found in revisions.items():
        if len(set(found)) < len(found):
            tally.duplicated.append(f"{name}: revisions {found}")
        elif found != list(range(1, len(found) + 1)):
            tally.wrong.append(f"{name}: revisions {found}")
    return tally


def _deliveries(outputs: Outputs) -> Iterator[Seen]:
    for delivery, at in outputs.of(topics.TRACKING_DELIVERIES.name, Delivery):
        if delivery.result is DeliveryResult.DELIVERED:
            yield Seen(delivery.delivery_id, f"{delivery.order_key} {delivery.rma} {delivery.code}", at)


def _attempts(outputs: Outputs) -> Tally:
    """No attempt recorded twice, none after the delivery, and none given up."""
    tally = Tally("delivery attempts")
    attempts: defaultdict[str, list[int]] = defaultdict(list)
    delivered: set[str] = set()
    for delivery, at in outputs.of(topics.TRACKING_DELIVERIES.name, Delivery):
        tally.found += 1
        name = delivery.delivery_id
        if name in delivered or (attempts[name] and attempts[name][-1] >= delivery.attempt):
            tally.duplicated.append(f"{name}: attempt {delivery.attempt} after {attempts[name]}, at {at}")
        if delivery.result not in (DeliveryResult.DELIVERED, DeliveryResult.RETRYING):
            tally.wrong.append(f"{name}: {delivery.result} ({delivery.error}), at {at}")
        attempts[name].append(delivery.attempt)
        if delivery.result is DeliveryResult.DELIVERED:
            delivered.add(name)
    return tally


def _record_ids(outputs: Outputs) -> Tally:
    """What is made of one input has its id from that input: an id that comes twice was made twice."""
    tally = Tally("records, by id")
    for name, records in outputs.by_topic.items():
        if name in _REPEATABLE:
            continue
        ours = [r for r in records if header(r, "ce_source").startswith(OURS) and not name.startswith("dead-letters.")]
        ids = Counter(header(record, "ce_id").decode() for record in ours)
        tally.found += len(ours)
        tally.duplicated += [f"{name} {ident}: {', '.join(_places(ours, ident))}" for ident, n in ids.items() if n > 1]
    return tally


def _places(records: Sequence[Record], ident: str) -> Iterator[str]:
    return (place(record) for record in records if header(record, "ce_id").decode() == ident)


def _letter(record: Record) -> str:
    headers = {name: value.decode(errors="replace") for name, value in record.headers}
    return f"{place(record)}: {headers.get('dl_error', '')} {headers.get('dl_message', '')}"
