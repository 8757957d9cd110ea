"""Parcels: what a carrier reports, who said it, which return a parcel carries, and what became of a delivery."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from pydantic import Field

from contracts.model import Instant, Model

EVERY_RETAILER = "*"


class Source(Model):
    """Who said it, as verified at the door.

    sender: the vocabulary (`easypost`, `omniparcel`, `omnirps`, …).
    account: the name of the secret that verified it, never the secret.
    retailers: ids it may speak for; `*` for all.
    """

    sender: str
    account: str
    retailers: tuple[str, ...]

    def speaks_for(self, retailer: str) -> bool:
        """Whether its word counts in this retailer's matters."""
        return EVERY_RETAILER in self.retailers or retailer in self.retailers


class CarrierFormat(StrEnum):
    """Whose vocabulary an element is written in."""

    OMNIPARCEL = "omniparcel"
    EASYPOST = "easypost"
    AFTERSHIP = "aftership"
    SHIPPO = "shippo"
    OMNIRPS = "omnirps"


class CarrierReport(Model):
    """One parcel's element of a carrier webhook, untouched; each report repeats the parcel's whole history.

    format: whose vocabulary `element` is written in. An unknown one is poison, not a guess.
    """

    format: CarrierFormat
    source: Source
    tracking_number: str = Field(min_length=1)
    element: dict[str, Any]


class Consignment(Model):
    """A parcel carries (part of) a return. One record a (tracking key, order key, RMA).

    awaited: whether the return acts only once it has heard what was said of this parcel before (a `linked` event).
    """

    tracking_number: str
    tracking_key: str
    retailer: str
    order_key: str
    rma: str
    linked_at: Instant
    awaited: bool = False


class DeliveryResult(StrEnum):
    """What became of one attempt."""

    DELIVERED = "delivered"
    RETRYING = "retrying"
    GIVEN_UP = "given_up"
    NO_HOOK = "no_hook"


class Delivery(Model):
    """One attempt to tell a retailer's hook of one milestone.

    delivery_id: the `webhook-id`, stable over attempts. attempt: from 1. next_at: when it will be tried again.
    status: the HTTP status, None when there was no answer; `error` then says why.
    replay: id of the request because of which it is sent once more, None in its first life; attempts count anew.
    payload: what was sent, on the last attempt of a life alone: while it is owed, the agent keeps it.
    """

    delivery_id: str
    retailer: str
    order_key: str
    rma: str | None = None
    code: str
    url: str
    attempt: int
    result: DeliveryResult
    status: int | None = None
    error: str | None = None
    at: Instant
    next_at: Instant | None = None
    duration_ms: float | None = None
    replay: str | None = None
    payload: tuple[dict[str, str], ...] | None = None


class DeliveryReplay(Model):
    """That a delivery is to be sent once more, under the same `delivery_id`, behind what its order owes already.

    replay: id of this request, made of the delivery, `after` and its last attempt: to ask twice is to ask once.
    after: the request that this one follows, None where the delivery was never sent again.
    """

    replay: str
    after: str | None = None
    delivery_id: str
    retailer: str
    order_key: str
    rma: str | None = None
    code: str
    payload: tuple[dict[str, str], ...] = Field(min_length=1)
    at: Instant
