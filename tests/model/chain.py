"""return-rules, carrier-scans and return-actions together: uploads, orders and reports go in, payments come out."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from contracts import topics
from contracts.keys import order_key, tracking_key
from contracts.orders import Order, OrderLine
from contracts.retailers import (
    Condition,
    CustomerChoice,
    Dimension,
    Operator,
    Portal,
    Retailer,
    ReturnActionStage,
    Rule,
    RuleOutcome,
    ShopifyAccess,
)
from contracts.returns import ReturnUpload, UploadedUnit
from contracts.tracking import CarrierFormat, CarrierReport, Source
from streams.agents.carrier_scans import carrier_scans
from streams.agents.return_rules import AGENT as RETURN_RULES
from streams.engine.driver import AgentTestDriver, Written
from tests.model.knowledge import AnyStep
from tests.model.parcels import OTHER_NAME, OUR_NAME, WORDS, Neighbour, Report, Said
from tests.model.rules_double import ORDER, event_of
from tests.model.steps import Line, OrderVersion, Told, Unit, Upload
from tests.model.subject import Subject

# What the customer writes for a content that the rules do not decide.
CHOSEN = {"other size": "EXCHANGE", "wants a pony": "a pony"}
OUTCOMES = {
    "faulty": RuleOutcome.REFUND,
    "too small": RuleOutcome.REFUND,
    "store credit": RuleOutcome.CREDIT_NOTE,
    "worn": RuleOutcome.NO_ACTION,
}
HOLD = timedelta(hours=48)

Pick = Callable[[Sequence[str]], str]
"""Which of the topics that have something to hand on does so next."""

LINKS, DECISIONS = topics.CONSIGNMENTS.name, topics.RETURN_DECISIONS.name
OF_RULES, OF_SCANS = f"{topics.RETURN_EVENTS.name} of return-rules", f"{topics.RETURN_EVENTS.name} of carrier-scans"


def links_first(ready: Sequence[str]) -> str:
    """A link is followed to its end before the decision of its upload is taken."""
    return min(ready, key=(OF_SCANS, LINKS, OF_RULES, DECISIONS).index)


def decisions_first(ready: Sequence[str]) -> str:
    """A link is told only once the decision of its upload was taken."""
    return min(ready, key=(OF_RULES, DECISIONS, LINKS, OF_SCANS).index)


def retailer(upload: Upload, id: str = "acme") -> Retailer:
    """The retailer as it is at one upload."""
    outcomes = {**OUTCOMES, "worn": RuleOutcome.CREDIT_NOTE} if upload.terms == "worn is taken back" else OUTCOMES
    return Retailer(
        id=id,
        name=id.title(),
        portal=Portal.LOOP if upload.loop else Portal.OMNIRETURNS,
        shopify=ShopifyAccess(shop=f"{id}.myshopify.com"),
        customer_choice=CustomerChoice(enabled=True, exchange=upload.terms != "no exchange"),
        return_action=ReturnActionStage(upload.stage),
        hold_hours=HOLD / timedelta(hours=1),
        rules=tuple(Rule(name=said, conditions=(_because(said),), then=then) for said, then in outcomes.items()),
    )


def _because(reason: str) -> Condition:
    return Condition(dimension=Dimension.RETURN_REASON, operator=Operator.EQUAL_TO, operands=(reason,))


def upload_of(upload: Upload, retailer: str = "acme", order: str = OUR_NAME) -> ReturnUpload:
    """The upload as it stands on its topic."""
    return ReturnUpload(
        retailer=retailer,
        order_name=order,
        rma=upload.rma,
        units=tuple(
            UploadedUnit(sku=unit.sku, reason=unit.content, return_action=CHOSEN.get(unit.content, ""))
            for unit in upload.units
        ),
        consignments=tuple(sorted(upload.consignments)),
    )


def order_of(version: OrderVersion, at: datetime) -> Order:
    """The order as order-table keeps it."""
    return Order(
        retailer="acme",
        shop="acme.myshopify.com",
        id="1",
        name=OUR_NAME,
        created_at=at,
        updated_at=at + version.updated,
        currency="USD",
        total_price=Decimal(100),
        total_line_items_price=Decimal(100),
        lines=tuple(_line(line) for line in version.lines),
    )


def _line(line: Line) -> OrderLine:
    price, discount, tax = (Decimal(cents) / 100 for cents in (line.price, line.discount, line.tax))
    return OrderLine(
        id=line.id,
        sku=line.sku,
        quantity=line.quantity,
        refunded=line.refunded,
        price=price,
        discount=discount,
        tax=tax,
    )


def report_of(report: Report) -> CarrierReport:
    """The report as it stands on its topic."""
    account = "another tenant's" if report.foreign else "ours"
    source = Source(sender=report.sender, account=account, retailers=("other" if report.foreign else "acme",))
    element = _ELEMENTS[report.sender](report)
    sender = CarrierFormat(report.sender)
    return CarrierReport(format=sender, source=source, tracking_number=report.parcel, element=element)


def _time(said: Said, report: Report) -> str:
    # What differs in anything that makes another event of it has another time, in every sender's format.
    minute = list(_ELEMENTS).index(report.sender) * 10 + 5 * report.foreign + 2 * (report.order is not None)
    minute += report.order == OTHER_NAME
    return f"2026-11-{10 + said.number:02d}T09:{minute:02d}:00"


def _omniparcel(report: Report) -> dict[str, object]:
    events = [
        {"EventDT": _time(s, report) + "Z", "OmniCode": WORDS[s.word].code, "Description": WORDS[s.word].text}
        for s in report.said
    ]
    return {"ConsignmentNo": report.parcel, "Carrier": "DHL", "Events": events}


def _easypost(report: Report) -> dict[str, object]:
    details = [
        {"datetime": _time(s, report) + "Z", "status": WORDS[s.word].code, "message": WORDS[s.word].text}
        for s in report.said
    ]
    return {"result": {"tracking_code": report.parcel, "tracking_details": details}}


def _aftership(report: Report) -> dict[str, object]:
    points = [{"checkpoint_time": _time(s, report), "tag": WORDS[s.word].code, "city": "Egham"} for s in report.said]
    return {"msg": {"tracking_number": report.parcel, "checkpoints": points}}


def _shippo(report: Report) -> dict[str, object]:
    history = [{"status_date": _time(s, report) + "Z", "status": WORDS[s.word].code} for s in report.said]
    return {"data": {"tracking_number": report.parcel, "tracking_history": history}}


def _omnirps(report: Report) -> dict[str, object]:
    (said,) = report.said
    flat = {"ConsignmentNo": report.parcel, "Code": WORDS[said.word].code, "EventDT": _time(said, report)}
    if report.order is not None:
        flat["OrderNo"] = f"#{report.order}"
    elements = [{**flat, "ItemNo": sku} for sku, count in said.items for _ in range(count)]
    return {"Elements": elements or [flat]}


_ELEMENTS: dict[str, Callable[[Report], dict[str, object]]] = {
    "omniparcel": _omniparcel,
    "easypost": _easypost,
    "aftership": _aftership,
    "shippo": _shippo,
    "omnirps": _omnirps,
}


@dataclass
class Chain:
    """The agents and what is under way between them. pick: in which order that is handed on."""

    rules: AgentTestDriver = field(default_factory=lambda: AgentTestDriver(RETURN_RULES))
    scans: AgentTestDriver = field(default_factory=lambda: AgentTestDriver(carrier_scans))
    actions: Subject = field(default_factory=Subject)
    pick: Pick = links_first
    newest: datetime | None = None
    under_way: dict[str, deque[Written]] = field(default_factory=dict)

    def tell(self, step: AnyStep, *, deliver: bool = True) -> None:
        """One step, at the time that all clocks show. deliver: until everything that comes of it has arrived."""
        if isinstance(step, Told):
            self.actions.pipe([event_of(step)])
        elif isinstance(step, Report):
            self._written(self._report(report_of(step)), OF_SCANS)
        elif isinstance(step, Upload):
            self._upload(step)
        elif isinstance(step, Neighbour):
            self._upload(Upload(step.rma, (Unit("CUP", "faulty"),), step.parcels), step.retailer, OTHER_NAME)
        elif isinstance(step, OrderVersion):
            self._order(order_of(step, self.rules.now))
        while deliver and self.under_way:
            self.hand_on()

    def report(self, said: CarrierReport) -> None:
        """What a carrier or the hub says of a parcel."""
        self.wrote(self.scans, self._report(said))

    def wrote(self, agent: AgentTestDriver, records: Sequence[Written]) -> None:
        """Hand on what one of the agents wrote, to the end."""
        self._written(records, OF_SCANS if agent is self.scans else OF_RULES)
        while self.under_way:
            self.hand_on()

    def _report(self, said: CarrierReport) -> list[Written]:
        return self.scans.pipe(topics.CARRIER_EVENTS, said, key=tracking_key(said.tracking_number))

    def _upload(self, upload: Upload, of: str = "acme", order: str = OUR_NAME) -> None:
        self.rules.retailers[of] = retailer(upload, of)
        record = upload_of(upload, of, order)
        self._written(self.rules.pipe(topics.RETURN_UPLOADS, record, key=order_key(of, order)), OF_RULES)

    def _order(self, order: Order) -> None:
        if self.newest is None or order.updated_at > self.newest:
            self.newest = order.updated_at
            self._written(self.rules.pipe(topics.ORDERS, order, key=ORDER), OF_RULES)

    def _written(self, written: Sequence[Written], events: str) -> None:
        for record in written:
            topic = events if record.topic == topics.RETURN_EVENTS.name else record.topic
            if topic in (LINKS, DECISIONS, OF_RULES, OF_SCANS):
                self.under_way.setdefault(topic, deque()).append(record)

    def hand_on(self) -> None:
        """The next record of one of the topics reaches its reader."""
        topic = self.pick(sorted(self.under_way))
        record = self.under_way[topic].popleft().record
        if not self.under_way[topic]:
            del self.under_way[topic]
        if topic == LINKS:
            answers = self.scans.pipe_record(topics.CONSIGNMENTS, record.key, record.value, record.headers)
            self._written(answers, OF_SCANS)
        else:
            read = topics.RETURN_DECISIONS if topic == DECISIONS else topics.RETURN_EVENTS
            self.actions.driver.pipe_record(read, record.key, record.value, record.headers)

    def advance(self, by: timedelta) -> None:
        """Time passes for all; each agent's timers fire at their time."""
        self._written(self.rules.advance(by), OF_RULES)
        self._written(self.scans.advance(by), OF_SCANS)
        self.actions.driver.advance(by)
        while self.under_way:
            self.hand_on()

    @property
    def dead_letters(self) -> list[Written]:
        """What one of them could not process."""
        return [*self.rules.dead_letters, *self.scans.dead_letters, *self.actions.driver.dead_letters]
