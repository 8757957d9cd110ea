"""Who speaks on the OmniRPS paths, and for which retailer: the headers `Token` and `Retailer`."""

from __future__ import annotations

from collections.abc import Sequence
from unicodedata import normalize

from contracts.retailers import Retailer
from producers.accounts import TokenAccount, holder
from producers.problems import Unauthenticated, Unknown
from producers.retailers import Directory
from producers.sources.base import Received

NAME = "omnirps"


def verify(received: Received, accounts: Sequence[TokenAccount]) -> TokenAccount | None:
    """The header `Token`."""
    return holder(received.header("token"), accounts)


def retailer_in_header(account: TokenAccount, received: Received, directory: Directory) -> Retailer:
    """The retailer of the header `Retailer`, which must be its exact name."""
    return retailer_named(account, name_in_header(received), directory)


def name_in_header(received: Received) -> str:
    """The header `Retailer` as the sender wrote it: HTTP hands bytes on as Latin-1, names are UTF-8."""
    raw = received.header("retailer").encode("latin-1", "replace")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def retailer_named(account: TokenAccount, name: str, directory: Directory) -> Retailer:
    """The retailer of exactly this name, byte for byte.

    Unknown names the near one, among those that the account speaks for; Unauthenticated where it does not speak for it.
    """
    retailer = directory.named(name)
    if retailer is None:
        near = directory.near_name(name, account.speaks_for)
        if near and normalize("NFC", near) == normalize("NFC", name):  # on a screen they are the same
            raise Unknown(f"retailer {name!a} is not known; {near!a} is: the name must match byte for byte")
        hint = f"; {near!r} is: the name must match exactly" if near else ""
        raise Unknown(f"retailer {name!r} is not known{hint}")
    if not account.speaks_for(retailer.id):
        raise Unauthenticated
    return retailer
