"""AfterShip: one tracking a request, signed over the raw body."""

from __future__ import annotations

import base64
from collections.abc import Sequence

import orjson

from contracts.tracking import CarrierFormat
from producers.accounts import SigningAccount
from producers.retailers import Directory
from producers.sources.base import Collector, Misfit, Received, Sender, Split, digest, instant, parse_or_keep, signer
from producers.sources.carriers import report, tracking_number

NAME = "aftership"


def verify(received: Received, accounts: Sequence[SigningAccount]) -> SigningAccount | None:
    """`aftership-hmac-sha256`: base64 of the HMAC over the raw body."""
    given = received.header("aftership-hmac-sha256")
    return signer(given, received.raw, accounts, lambda mac: base64.b64encode(mac).decode())


def split(account: SigningAccount, received: Received, directory: Directory) -> Split:
    """A body with `msg.tracking_number` is one report, the whole body untouched; other events need nothing."""
    gathered = Collector(NAME, account)
    try:
        body = parse_or_keep(received.raw)
        if not isinstance(body, dict):
            raise Misfit("wrong_shape", "the body must be an object")
        if "msg" not in body:
            return Split()
        if not isinstance(tracking := body["msg"], dict):
            raise Misfit("wrong_shape", "a tracking event must hold its tracking", "/msg")
        number = tracking_number(tracking, "tracking_number", under="/msg")
        ident = body["event_id"] if isinstance(body.get("event_id"), str) else digest(received.raw)
        at = instant(tracking.get("updated_at"))
        gathered.messages.append(
            report(CarrierFormat.AFTERSHIP, account.source(NAME), number, orjson.Fragment(received.raw), ident, at)
        )
    except Misfit as misfit:
        gathered.keep(misfit, received.raw)
    return gathered.split()


SENDER = Sender("/webhooks/aftership", NAME, NAME, verify, split, keeps=True)
