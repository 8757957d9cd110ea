"""EasyPost: one event a request; tracker events become a report of that parcel, the others need nothing."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

import orjson

from contracts.tracking import CarrierFormat
from producers.accounts import SigningAccount
from producers.retailers import Directory
from producers.sources.base import Collector, Misfit, Received, Sender, Split, digest, instant, parse_or_keep, signer
from producers.sources.carriers import report, tracking_number

NAME = "easypost"
_PREFIX = "hmac-sha256-hex="


def verify(received: Received, accounts: Sequence[SigningAccount]) -> SigningAccount | None:
    """`X-Hmac-Signature: hmac-sha256-hex=<hex>` over the raw body; the secret is NFKD-normalised first."""
    return signer(
        received.header("x-hmac-signature"), received.raw, accounts, lambda mac: _PREFIX + mac.hex(), key=_normalised
    )


def _normalised(secret: str) -> bytes:
    return unicodedata.normalize("NFKD", secret).encode()


def split(account: SigningAccount, received: Received, directory: Directory) -> Split:
    """`tracker.*` with its parcel is one report, the whole event untouched."""
    gathered = Collector(NAME, account)
    try:
        body = parse_or_keep(received.raw)
        if not isinstance(body, dict) or not isinstance(description := body.get("description"), str):
            raise Misfit("wrong_shape", "the body must be an event with a 'description'", "/description")
        if not description.startswith("tracker."):
            return Split()
        tracker = body.get("result")
        if not isinstance(tracker, dict):
            raise Misfit("wrong_shape", "a tracker event must hold its tracker", "/result")
        number = tracking_number(tracker, "tracking_code", under="/result")
        # A repeated delivery has the event's id, though the lists of tried URLs inside it have grown.
        ident = body["id"] if isinstance(body.get("id"), str) else digest(received.raw)
        at = instant(body.get("created_at"))
        gathered.messages.append(
            report(CarrierFormat.EASYPOST, account.source(NAME), number, orjson.Fragment(received.raw), ident, at)
        )
    except Misfit as misfit:
        gathered.keep(misfit, received.raw)
    return gathered.split()


SENDER = Sender("/webhooks/easypost", NAME, NAME, verify, split, keeps=True)
