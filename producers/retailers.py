"""The retailers as the door knows them: by name, by shop, by path. Pure: records in, answers out."""

from __future__ import annotations

import base64
import difflib
import hashlib
import hmac
from collections import defaultdict
from collections.abc import Callable, Iterable

from pydantic import ValidationError

from contracts.retailers import Retailer


class BadRetailer(ValueError):
    """A record of the retailers topic that cannot be read; what was known of that retailer stays."""


class Directory:
    """All retailers, folded from the records of the `retailers` topic in their order.

    path_keys: the secrets from which the retailers' own paths are made, the current one first.
    """

    def __init__(self, path_keys: Iterable[str] = ()) -> None:
        self._path_keys = tuple(path_keys)
        self._by_id: dict[str, Retailer] = {}
        self._by_name: defaultdict[str, set[str]] = defaultdict(set)
        self._by_shop: defaultdict[str, set[str]] = defaultdict(set)
        self._by_path: dict[str, str] = {}

    def __len__(self) -> int:
        return len(self._by_id)

    def anew(self) -> Directory:
        """An empty one, to read the topic into from its beginning while this one answers."""
        return Directory(self._path_keys)

    def replace_by(self, other: Directory) -> None:
        """Know what the other one knows, and nothing else, from one moment to the next."""
        self._by_id, self._by_name = other._by_id, other._by_name
        self._by_shop, self._by_path = other._by_shop, other._by_path

    def keep(self, key: str, other: Directory) -> None:
        """Of this retailer what the other one knows, where nothing better has been read since."""
        known = other._by_id.get(key)
        if known is not None and key not in self._by_id:
            self._take(known)

    def apply(self, key: str, value: bytes | None) -> None:
        """Take one record: a retailer, or a tombstone. BadRetailer where it cannot be read."""
        if value is None:
            self._forget(key)
            return
        try:
            retailer = Retailer.model_validate_json(value)
        except ValidationError as error:
            raise BadRetailer(f"retailer {key!r}: {error.error_count()} fields are missing or wrong") from error
        if retailer.id != key:
            raise BadRetailer(f"retailer {key!r} holds the id {retailer.id!r}: key and id must be equal")
        self._forget(key)
        self._take(retailer)

    def _take(self, retailer: Retailer) -> None:
        key = retailer.id
        self._by_id[key] = retailer
        self._by_name[retailer.name].add(key)
        self._by_shop[retailer.shopify.shop.lower()].add(key)
        self._by_path.update({path_token(secret, key): key for secret in self._path_keys})

    def _forget(self, key: str) -> None:
        known = self._by_id.pop(key, None)
        if known is None:
            return
        self._by_name[known.name].discard(key)
        self._by_shop[known.shopify.shop.lower()].discard(key)
        for secret in self._path_keys:
            self._by_path.pop(path_token(secret, key), None)

    def named(self, name: str) -> Retailer | None:
        """The retailer of exactly this name, byte for byte. None also where two have it: nobody may guess."""
        return self._only(self._by_name.get(name))

    def of_shop(self, domain: str) -> Retailer | None:
        """The retailer of this shop (`acme.myshopify.com`; domains know no case). None also where two have it."""
        return self._only(self._by_shop.get(domain.lower()))

    def of_path(self, token: str) -> Retailer | None:
        """The retailer whose own Shopify path ends in this token."""
        return self._by_id.get(self._by_path.get(token, ""))

    def near_name(self, name: str, among: Callable[[str], bool]) -> str | None:
        """The known name that was probably meant; only retailers whose id is `among` are looked at."""
        return _near(name, [r.name for r in self._by_id.values() if among(r.id)])

    def near_shop(self, domain: str, among: Callable[[str], bool]) -> str | None:
        """The known shop that was probably meant; only retailers whose id is `among` are looked at."""
        return _near(domain, [r.shopify.shop for r in self._by_id.values() if among(r.id)])

    def _only(self, ids: set[str] | None) -> Retailer | None:
        return self._by_id[next(iter(ids))] if ids and len(ids) == 1 else None


def _near(word: str, known: list[str]) -> str | None:
    folded = {candidate.strip().casefold(): candidate for candidate in known}
    close = difflib.get_close_matches(word.strip().casefold(), folded, n=1, cutoff=0.75)
    return folded[close[0]] if close else None


def path_token(secret: str, retailer: str) -> str:
    """The last part of a retailer's own path, `/webhooks/shopify/<token>`: 160 bits of HMAC-SHA256, base32, lower case.

    Made from one secret and the id instead of being stored, so that `subscriptions repair` and the ingress agree
    without a word between them.
    """
    digest = hmac.digest(secret.encode(), f"shopify-path:{retailer}".encode(), hashlib.sha256)
    return base64.b32encode(digest[:20]).decode().lower()
