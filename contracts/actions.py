"""What is to be paid, and what a person must look at."""

from __future__ import annotations

from enum import StrEnum

from contracts.model import Amount, Id, Instant, Model
from contracts.retailers import ReturnActionStage
from contracts.returns import Option


class ActionEvidence(Model):
    """What made the action due: the milestone reached, and the earliest event that shows it."""

    milestone: str
    event_id: str | None = None
    at: Instant | None = None
    code: str | None = None


class ReturnAction(Model):
    """Give the customer this for that unit. At most one for a unit, for ever.

    amount: the unit's share of the line's net, tax contained exactly when `taxes_included`; tax: its share of the tax.
    stage: the return action that the account had chosen when the return was first uploaded.
    """

    action_id: str
    retailer: str
    order_key: str
    order_id: Id
    rma: str
    sku: str
    ordinal: int
    option: Option
    amount: Amount
    tax: Amount
    currency: str
    taxes_included: bool
    presentment_amount: Amount | None = None
    presentment_tax: Amount | None = None
    presentment_currency: str | None = None
    line_id: Id
    line_index: int
    variant_id: Id | None = None
    exchange_variant_id: str | None = None
    exchange_sku: str | None = None
    stage: ReturnActionStage
    evidence: ActionEvidence
    decided_by: str
    settings_version: int
    acted_at: Instant


class AlertKind(StrEnum):
    """Why a person is called. A new kind is a new member here, and a line in the operators' guide."""

    ORDER_NOT_FOUND = "order_not_found"
    ORDER_AMBIGUOUS = "order_ambiguous"
    ORDER_NOT_FETCHED = "order_not_fetched"
    ORDERS_MISSED = "orders_missed"
    ORDERS_NOT_RECONCILED = "orders_not_reconciled"
    NEEDS_PERSON = "needs_person"
    AMBIGUOUS_EVENT = "ambiguous_event"
    SCAN_OF_STOPPED_RETURN = "scan_of_stopped_return"
    FOREIGN_EVIDENCE = "foreign_evidence"
    DELIVERY_GIVEN_UP = "delivery_given_up"
    HOOK_MISSING = "hook_missing"
    HOOK_GONE = "hook_gone"
    RETURN_NOT_SCANNED = "return_not_scanned"
    RETURN_NOT_DELIVERED = "return_not_delivered"
    RETURN_NOT_AT_DEPOT = "return_not_at_depot"
    RETURN_NOT_PROCESSED = "return_not_processed"
    PARCEL_HISTORY_MISSING = "parcel_history_missing"
    DECISIONS_MISSING = "decisions_missing"
    DATA_REQUEST = "data_request"
    APP_UNINSTALLED = "app_uninstalled"
    SUBSCRIPTION_MISSING = "subscription_missing"


class ReturnAlert(Model):
    """Somebody must look at this. `message` says what happened and what to do, without anything personal.

    order_key: `<retailer>/?<id>` where the order is known by its id alone, `<retailer>/?*` where none is meant.
    order_ids, due_at: of a `data_request`, the orders asked about, and until when it must be answered.
    """

    alert_id: str
    kind: AlertKind
    retailer: str
    order_key: str
    rma: str | None = None
    sku: str | None = None
    ordinal: int | None = None
    message: str
    at: Instant
    order_ids: tuple[Id, ...] = ()
    due_at: Instant | None = None
