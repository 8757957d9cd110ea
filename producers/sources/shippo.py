"""Shippo: one tracking a request, with a token in the URL, or signed together with the time of its sending."""

from __future__ import annotations

from collections.abc import Sequence

import orjson

from contracts.tracking import CarrierFormat
from producers.accounts import ShippoAccount
from producers.retailers import Directory
from producers.sources.base import Collector, Misfit, Received, Sender, Split, digest, instant, parse_or_keep, signer
from producers.sources.carriers import report, tracking_number

NAME = "shippo"


def verify(received: Received, accounts: Sequence[ShippoAccount]) -> ShippoAccount | None:
    """`?token=…`, or `Shippo-Auth-Signature: t=<seconds since 1970>,v1=<hex of the HMAC over "t.body">`."""
    return next((account for account in accounts if _is(account, received)), None)


def _is(account: ShippoAccount, received: Received) -> bool:
    wanted = []
    if account.token is not None:
        wanted.append(account.shows(received.query.get("token", "")))
    if account.secret is not None:
        wanted.append(_signed(account, received))
    return bool(wanted) and all(wanted)


def _signed(account: ShippoAccount, received: Received) -> bool:
    parts = dict(part.strip().partition("=")[::2] for part in received.header("shippo-auth-signature").split(","))
    said = parts.get("t", "")
    signed = f"{said}.".encode("utf-8", "surrogateescape") + received.raw
    if signer(parts.get("v1", ""), signed, [account], bytes.hex) is None:
        return False
    # Looked at last: what is signed is known to be what Shippo wrote.
    return said.isascii() and said.isdecimal() and abs(received.at - float(said)) <= account.replay_window_s


def split(account: ShippoAccount, received: Received, directory: Directory) -> Split:
    """`track_updated` with its parcel is one report, the whole event untouched; other events need nothing."""
    gathered = Collector(NAME, account)
    try:
        body = parse_or_keep(received.raw)
        if not isinstance(body, dict) or not isinstance(event := body.get("event"), str):
            raise Misfit("wrong_shape", "the body must be an object with an 'event'", "/event")
        if event != "track_updated":
            return Split()
        if not isinstance(tracking := body.get("data"), dict):
            raise Misfit("wrong_shape", "a tracking event must hold its tracking", "/data")
        number = tracking_number(tracking, "tracking_number", under="/data")
        status = tracking.get("tracking_status")
        at = instant(status.get("status_date")) if isinstance(status, dict) else None
        # No id of its own: the same body is the same fact.
        ident, element = digest(received.raw), orjson.Fragment(received.raw)
        gathered.messages.append(report(CarrierFormat.SHIPPO, account.source(NAME), number, element, ident, at))
    except Misfit as misfit:
        gathered.keep(misfit, received.raw)
    return gathered.split()


SENDER = Sender("/webhooks/shippo", NAME, NAME, verify, split, keeps=True)
