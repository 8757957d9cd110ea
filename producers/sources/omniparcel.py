"""SEKO OmniParcel: an array of parcels, each with its whole history, sent with plain credentials."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from contracts.tracking import CarrierFormat
from producers.accounts import LoginAccount, holder
from producers.messages import Message
from producers.problems import pointer
from producers.retailers import Directory
from producers.sources.base import (
    Collector,
    Misfit,
    Received,
    Sender,
    Split,
    digest,
    dump,
    parse_or_keep,
    without_mark,
)
from producers.sources.carriers import report, tracking_number

NAME = "omniparcel"
# A real body is some dozens of parcels. Each becomes a record, and the loop serves everybody: 5,000 take about 0.2 s.
MAX_PARCELS = 5_000


def verify(received: Received, accounts: Sequence[LoginAccount]) -> LoginAccount | None:
    """The headers `Username` and `Password`, or `Token`."""
    if token := received.header("token"):
        return holder(token, accounts)
    username, password = received.header("username"), received.header("password")
    return next((account for account in accounts if account.knows(username, password)), None)


def split(account: LoginAccount, received: Received, directory: Directory) -> Split:
    """One report per parcel. Where some cannot be used, the others go on and the whole body is kept, once."""
    gathered = Collector(NAME, account)
    try:
        body = parse_or_keep(without_mark(received.raw))
    except Misfit as misfit:
        gathered.keep(misfit, received.raw)
        return gathered.split()
    several = isinstance(body, list)
    misfits: list[Misfit] = []
    for at, element in enumerate(body[:MAX_PARCELS] if several else [body]):
        try:
            gathered.messages.append(_report(account, element))
        except Misfit as misfit:
            path = f"{pointer(at)}{misfit.path}" if several else misfit.path
            misfits.append(Misfit(misfit.reason, str(misfit), path))
    if several and len(body) > MAX_PARCELS:
        text = f"more than {MAX_PARCELS} parcels: the rest is only here"
        misfits.append(Misfit("too_many", text, pointer(MAX_PARCELS)))
    if misfits:
        first = misfits[0]
        message = f"{len(misfits)} parcels not used; the first: {first}"
        gathered.keep(Misfit(first.reason, message, first.path), received.raw)
    return gathered.split()


def _report(account: LoginAccount, element: Any) -> Message:
    if not isinstance(element, dict):
        raise Misfit("wrong_shape", "a parcel must be an object")
    number = tracking_number(element, "ConsignmentNo", "Tracking")
    # No id and no time of its own: the same history of the same parcel is the same fact.
    ident = digest(dump(element, canonical=True))
    return report(CarrierFormat.OMNIPARCEL, account.source(NAME), number, element, ident, None)


SENDER = Sender("/webhooks/omniparcel", NAME, NAME, verify, split, keeps=True)
