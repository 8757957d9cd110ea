"""Returns: what is uploaded, what happens to it on its way, what was decided and why, where each unit stands."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from contracts.model import Amount, Id, Instant, Model
from contracts.orders import OrderLine
from contracts.retailers import FrozenSettings
from contracts.tracking import Source


class Option(StrEnum):
    """What the customer gets for a unit."""

    REFUND = "refund"
    CREDIT_NOTE = "credit_note"
    EXCHANGE = "exchange"


class UploadedUnit(Model):
    """One returned unit, as the portal sent it (N units of a sku are N elements).

    return_action: the raw word of the customer's choice. Content that decides: sku, reason, return_action and the
    wanted variant; everything else is passed along.
    """

    sku: str = Field(min_length=1)
    reason: str = ""
    return_action: str = ""
    exchange_variant_id: Id | None = None
    exchange_sku: str | None = None
    consignment_no: str = ""
    ean: str = ""
    description: str = ""
    commodity_code: str = ""
    commodity_info: str = ""
    item_value: str = ""
    item_weight: str = ""
    comment: str = ""


class ReturnUpload(Model):
    """All units of one RMA. A later upload of the same RMA replaces the set of units; consignments add up."""

    retailer: str
    order_name: str = Field(min_length=1)
    rma: str = Field(min_length=1)
    units: tuple[UploadedUnit, ...] = Field(min_length=1)
    consignments: tuple[str, ...] = ()
    source: Source | None = None


class Meaning(StrEnum):
    """What an event says, in our one vocabulary; every sender's is mapped to it by data tables.

    `linked` is carrier-scans' own: what was said of this parcel before stands in the events ahead of it.
    """

    CREATED = "created"
    LABEL = "label"
    FIRST_SCAN = "first_scan"
    IN_TRANSIT = "in_transit"
    OUT_FOR_DELIVERY = "out_for_delivery"
    DELIVERED = "delivered"
    DEPOT = "depot"
    PROCESSED = "processed"
    EXPORTED = "exported"
    DELIVERED_BACK = "delivered_back"
    CLOSED = "closed"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    EXCEPTION = "exception"
    UNKNOWN = "unknown"
    LINKED = "linked"


# As many as one POST of the hub may hold; each becomes an object of its own on its way to the hook.
MOST_OF_A_SKU = 10_000


class EventItem(Model):
    """An item that an event names: how many of a sku, and what it says of reason and action (kept, decides nothing).

    A sku of which there is none is left out: an RP that named it 0 times would otherwise not be one without skus.
    """

    sku: str
    count: int = Field(default=1, ge=1, le=MOST_OF_A_SKU)
    reason: str = ""
    action: str = ""


class ReturnEvent(Model):
    """Something happened to a return, with the evidence for it.

    event_id: the same fact, the same id. order_key: the order it is about.
    rma: None while only the ledger can say which return is meant. consignment: a tracking key, or None.
    code: the sender's, raw. at: UTC, None where the sender gave a local time without zone; `local_time` is its text.
    items: for `created` all units of the upload, for `processed` the items that the hub names (none: the whole return).
    whole_return: a return-status, which speaks of a return and not of a parcel.
    """

    event_id: str
    retailer: str
    order_key: str
    rma: str | None = None
    consignment: str | None = None
    consignment_no: str = ""
    meaning: Meaning
    code: str
    text: str = ""
    at: Instant | None = None
    local_time: str = ""
    place: str = ""
    carrier: str = ""
    items: tuple[EventItem, ...] = ()
    whole_return: bool = False
    omnirps_no: str = ""
    mawb: str = ""
    exported_consignment_no: str = ""
    ship_date: str = ""
    delivery_date: str = ""
    source_location: str = ""
    destination_location: str = ""
    source: Source


class DecisionState(StrEnum):
    """What was decided about a unit, before it is matched to what was bought."""

    DECIDED = "decided"
    NO_ACTION = "no_action"
    NONE = "none"
    CHOICE_UNKNOWN = "choice_unknown"
    CHOICE_NOT_OFFERED = "choice_not_offered"
    WAITING_FOR_ORDER = "waiting_for_order"
    ORDER_NOT_FOUND = "order_not_found"
    ORDER_AMBIGUOUS = "order_ambiguous"
    ORDER_CANCELLED = "order_cancelled"


class ConditionTrace(Model):
    """One condition of a rule as it was looked at: the value seen, and whether it held."""

    dimension: str
    operator: str
    operands: tuple[str, ...]
    currency: str | None = None
    seen: str | tuple[str, ...] | None
    held: bool


class RuleTrace(Model):
    """One rule that was looked at."""

    name: str
    matched: bool
    then: str
    conditions: tuple[ConditionTrace, ...] = ()


class UnitDecision(Model):
    """Which option a unit gets, and why.

    ordinal: of this sku in the upload, from 1. content: a digest of what decides about the unit.
    revision: the revision of the return in which this was decided; an unchanged unit keeps it.
    decided_by: `customer`, `rule:<name>`, `order` or `nobody`.
    """

    sku: str
    ordinal: int
    revision: int
    content: str
    state: DecisionState
    option: Option | None = None
    decided_by: str = "nobody"
    reason: str = ""
    return_action: str = ""
    exchange_variant_id: str | None = None
    exchange_sku: str | None = None
    rules: tuple[RuleTrace, ...] = ()


class OrderFacts(Model):
    """The order as it was when the units of this revision were decided: enough to match and to price them."""

    id: Id
    updated_at: Instant
    currency: str
    presentment_currency: str | None = None
    taxes_included: bool
    lines: tuple[OrderLine, ...]


class ReturnDecision(Model):
    """All units of one return as they stand after one upload, or after its order came.

    revision: rises by one with each record of this return. uploaded_at: of its first upload.
    order: the facts for the units decided in this revision; None while the order is not there.
    awaited: parcels new in this revision; the return acts only once the `linked` event of each has come.
    more: how many decisions of the same order follow in the same breath; nothing of the order acts before the last.
    """

    retailer: str
    order_key: str
    rma: str
    revision: int
    uploaded_at: Instant
    settings: FrozenSettings
    units: tuple[UnitDecision, ...]
    consignments: tuple[str, ...] = ()
    awaited: tuple[str, ...] = ()
    order: OrderFacts | None = None
    more: int = 0


class UnitState(StrEnum):
    """Where a unit stands. `needs_person` says which of them call for somebody."""

    WAITING_FOR_ORDER = "waiting_for_order"
    ORDER_NOT_FOUND = "order_not_found"
    ORDER_AMBIGUOUS = "order_ambiguous"
    ORDER_CANCELLED = "order_cancelled"
    ITEM_NOT_IN_ORDER = "item_not_in_order"
    ALREADY_REFUNDED = "already_refunded"
    ALREADY_CLAIMED = "already_claimed"
    MORE_THAN_ORDERED = "more_than_ordered"
    CHOICE_UNKNOWN = "choice_unknown"
    CHOICE_NOT_OFFERED = "choice_not_offered"
    NO_ACTION = "no_action"
    NONE = "none"
    DECIDED = "decided"
    ACTED = "acted"
    WITHDRAWN = "withdrawn"
    STOPPED = "stopped"


NEEDS_PERSON: frozenset[UnitState] = frozenset(
    {
        UnitState.ORDER_NOT_FOUND,
        UnitState.ORDER_AMBIGUOUS,
        UnitState.ORDER_CANCELLED,
        UnitState.ITEM_NOT_IN_ORDER,
        UnitState.ALREADY_REFUNDED,
        UnitState.ALREADY_CLAIMED,
        UnitState.MORE_THAN_ORDERED,
        UnitState.CHOICE_UNKNOWN,
        UnitState.CHOICE_NOT_OFFERED,
    }
)


class ReturnUnit(Model):
    """Where one unit stands now: the row that portals and support desks read.

    milestone: the furthest that its return has come. waiting_for: what will make it act, None when nothing will.
    """

    retailer: str
    order_key: str
    rma: str
    sku: str
    ordinal: int
    state: UnitState
    needs_person: bool
    option: Option | None = None
    decided_by: str = "nobody"
    amount: Amount | None = None
    tax: Amount | None = None
    currency: str | None = None
    presentment_amount: Amount | None = None
    presentment_tax: Amount | None = None
    presentment_currency: str | None = None
    line_id: Id | None = None
    line_index: int | None = None
    confirmed: bool = False
    milestone: Meaning | None = None
    waiting_for: str | None = None
    action_id: str | None = None
    acted_at: Instant | None = None
    settings_version: int
